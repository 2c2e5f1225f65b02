"""mapsweep wait: until a run is over."""

from pathlib import Path

import click

from mapsweep import completing
from mapsweep.options import (
    config_option,
    debug_option,
    fail_on_option,
    json_option,
    load,
    quiet_option,
    runs_option,
)
from mapsweep.terminal.exits import Exit

TIMEOUT = "1d"


@click.command(short_help="Wait for a run that others execute, and end as collect would.")
@click.argument("run", shell_complete=completing.runs)
@click.option(
    "--timeout",
    default=TIMEOUT,
    show_default=True,
    metavar="TIME",
    help="Wait no longer than this: 90s, 30m, 2h. Then the exit code is 124; the run goes on.",
)
@fail_on_option
@json_option
@quiet_option
@runs_option
@config_option
@debug_option
def wait(
    *,
    run: str,
    timeout: str,
    fail_on: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    runs_url: str | None,
    config: Path | None,
) -> int:
    """Wait for a run that others execute, and end as collect would: with its summary and its exit code.

    The run is over when it is closed, and mailed if it names somebody. RUN is a run's id, its path or URL, or
    latest. No broker is needed: the folder of the run is looked at. Ctrl-C ends the waiting, not the run.

    \b
    mapsweep wait latest --timeout 2h
    """  # noqa: D301 - \b is click's mark
    from mapsweep.durations import parse  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.thresholds import thresholds  # noqa: PLC0415 - likewise

    try:
        most_s = parse(timeout).total_seconds()
    except ValueError as error:
        raise click.UsageError(f"--timeout: {error}") from error
    wanted = thresholds(fail_on)
    settings = load(config, runs=runs_url)

    from archive.runs import Runs  # noqa: PLC0415 - a mistake in the options does not wait for it
    from mapsweep.conduct import Executor, Stopped, conduct  # noqa: PLC0415 - likewise
    from mapsweep.manner import Manner  # noqa: PLC0415 - likewise
    from mapsweep.terminal.exits import complain  # noqa: PLC0415 - likewise
    from workers.here import watching  # noqa: PLC0415 - likewise

    opened, manner = Runs(settings.runs).open(run), Manner(as_json, quiet)
    watcher = Executor(
        lambda one, tell, stop: watching.wait(one, tell, stop, most_s),
        Stopped("no longer waited for; the run goes on. To wait again:", ("--timeout", timeout), ("wait",)),
    )
    try:
        return conduct(opened, watcher, wanted, top=settings.report.top, config=settings.file, manner=manner)
    except watching.WaitedTooLongError as late:
        standing = late.last.note or f"{late.last.ended} of {late.last.asked} hosts are done"
        complain(f"{opened.run_id}: not over after {timeout}: {standing}")
        return Exit.TIMED_OUT
