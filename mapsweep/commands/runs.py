"""mapsweep runs: the runs that are kept; `rm` and `prune` remove some."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mapsweep import completing, documents
from mapsweep.options import config_option, json_option, load, runs_option
from mapsweep.terminal.exits import Exit, complain
from mapsweep.verbs import Verbs

if TYPE_CHECKING:
    from archive.catalogue import Catalogue
    from archive.runs import Runs
    from mapsweep.due_lines import Unstarted
    from mapsweep.run_lines import RunLine
    from mapsweep.settings.settings import Settings

LIMIT_RUNS_MAX = 100_000
_LEFT = "it may just be started or removed, otherwise mapsweep runs prune removes it after a day"
_VERBS = {
    "rm": "Remove runs for good.",
    "prune": "Remove what is older than it has to be kept, and leftovers.",
}


class RunsVerbs(Verbs):
    """What can be done with runs."""

    helps = _VERBS
    module_of = "mapsweep.commands.runs_{}"


@click.group(
    cls=RunsVerbs, invoke_without_command=True, short_help="List the runs that are kept, and remove old ones."
)
@json_option
@click.option("--limit", type=click.IntRange(1, LIMIT_RUNS_MAX), metavar="N", help="Only the last N runs.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    metavar="NAME",
    shell_complete=completing.scopes,
    help="Only runs of this schedule, or of adhoc.",
)
@click.option(
    "--max-age",
    metavar="TIME",
    help="List nothing; exit with 6 unless the last good run of each schedule is at most so old: 26h.",
)
@click.option("--who", is_flag=True, help="Say of each run who asked for it, and from where.")
@runs_option
@config_option
@click.pass_context
def runs(
    ctx: click.Context,
    *,
    as_json: bool,
    limit: int | None,
    scopes: tuple[str, ...],
    max_age: str | None,
    who: bool,
    runs_url: str | None,
    config: Path | None,
) -> int:
    """List the runs that are kept, and remove old ones. The newest is last.

    \b
    mapsweep runs --limit 20 --scope nightly
    mapsweep runs --who --limit 5
    mapsweep runs --max-age 26h     for monitoring: exits with 0 or 6
    mapsweep runs rm 20261123T04    the beginning of an id is enough
    mapsweep runs prune --dry-run
    """  # noqa: D301 - \b is click's mark
    if ctx.invoked_subcommand is not None:
        _check_alone(ctx)
        return Exit.OK
    if max_age is not None and (limit or who):
        raise click.UsageError(f"--max-age lists nothing; omit {'--limit' if limit else '--who'}.")
    from archive.catalogue import Catalogue  # noqa: PLC0415 - --help does not wait for it
    from archive.runs import Runs  # noqa: PLC0415 - likewise

    settings = load(config, runs=runs_url)
    kept = Runs(settings.runs)
    catalogue = Catalogue(kept)
    if catalogue.trouble:
        complain(catalogue.trouble)
    if max_age is not None:
        return _check_age(catalogue, settings, scopes, max_age, as_json=as_json)
    lines, starts = _lines(catalogue, kept, scopes, limit), _unstarted(settings, kept, scopes)
    if as_json:
        from mapsweep.run_lines import as_json as line_as_json  # noqa: PLC0415 - --help does not wait for it

        documents.echo(runs=[*map(line_as_json, lines)], unstarted=[*map(asdict, starts)])
    else:
        _show(lines, kept.store.url, who=who)
        for start in starts:
            complain(start.shown)
    return Exit.OK


def _check_alone(ctx: click.Context) -> None:
    """An option of the list before a verb would be ignored; --json, --runs and --config are taken over."""
    for name in ("limit", "scopes", "max_age", "who"):
        if ctx.params[name]:
            option = next(each.opts[0] for each in ctx.command.params if each.name == name)
            raise click.UsageError(f"{option} is for the list; omit it before {ctx.invoked_subcommand}.")


def _lines(
    catalogue: "Catalogue", kept: "Runs", scopes: tuple[str, ...], limit: int | None
) -> "list[RunLine]":
    """The lines, the newest last. What cannot be read must not hide the others."""
    from datetime import UTC, datetime  # noqa: PLC0415 - --help does not wait for it

    from archive.catalogue import Unreadable  # noqa: PLC0415 - likewise
    from domain.mistakes import OperatorError  # noqa: PLC0415 - likewise
    from mapsweep.run_lines import line_of  # noqa: PLC0415 - likewise

    now, lines = datetime.now(UTC), list["RunLine"]()
    for entry in catalogue.newest_first():
        if isinstance(entry, Unreadable):
            complain(entry.reason)
        elif not scopes or entry.scope in scopes:
            try:
                lines.append(line_of(entry, catalogue, kept, now))
            except (OperatorError, OSError) as error:
                complain(f"{entry.run_id}: {error}")
            if len(lines) == limit:
                break
    for run_id in sorted(catalogue.bare):
        complain(f"{kept.store.place(run_id)}: is no run, as it has no manifest.json; {_LEFT}")
    return lines[::-1]


def _unstarted(settings: "Settings", kept: "Runs", scopes: tuple[str, ...]) -> "list[Unstarted]":
    """The schedules of which the last run did not start."""
    if not settings.schedules:
        return []
    from datetime import UTC, datetime  # noqa: PLC0415 - --help does not wait for it

    from archive.schedule_records import ScheduleRecords  # noqa: PLC0415 - --help does not wait for it
    from domain.mistakes import OperatorError  # noqa: PLC0415 - likewise
    from mapsweep.due_lines import unstarted  # noqa: PLC0415 - likewise
    from mapsweep.settings.for_workers import schedules  # noqa: PLC0415 - likewise

    asked = (each for each in schedules(settings) if not scopes or each.name in scopes)
    try:
        return unstarted(asked, ScheduleRecords(kept.store), datetime.now(UTC))
    except (OperatorError, OSError) as error:  # the runs are listed all the same
        complain(str(error))
        return []


def _show(lines: "list[RunLine]", url: str, *, who: bool) -> None:
    from mapsweep.terminal import run_table  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.terminal.terminal import terminal_of, visible  # noqa: PLC0415 - likewise

    if not lines:
        click.echo(f"no runs in {visible(url)}", err=True)
        return
    terminal = terminal_of(sys.stdout)
    click.echo(run_table.heading(lines, terminal))
    for row in run_table.rows(lines, terminal, who=who):
        print(row)  # not click.echo, which takes the colours out of what FORCE_COLOR asks for


def _check_age(
    catalogue: "Catalogue", settings: "Settings", scopes: tuple[str, ...], max_age: str, *, as_json: bool
) -> int:
    from datetime import UTC, datetime  # noqa: PLC0415 - --help does not wait for it

    from mapsweep.durations import parse  # noqa: PLC0415 - likewise
    from mapsweep.freshness import ANY, freshness  # noqa: PLC0415 - likewise

    try:
        limit = parse(max_age)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--max-age") from error
    asked = scopes or tuple(schedule.name for schedule in settings.schedules) or (ANY,)
    answers = list(freshness(catalogue.newest_first(), asked, limit, datetime.now(UTC)))
    if as_json:
        documents.echo(max_age_s=int(limit.total_seconds()), scopes=[*map(asdict, answers)])
    else:
        from mapsweep.terminal.prose import prose  # noqa: PLC0415 - --help does not wait for it
        from mapsweep.terminal.terminal import terminal_of  # noqa: PLC0415 - likewise

        for answer in answers:
            for line in prose(answer.sentence, terminal_of(sys.stdout)):
                click.echo(line)
    return Exit.OK if all(answer.is_fresh for answer in answers) else Exit.STALE
