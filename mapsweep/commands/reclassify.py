"""mapsweep reclassify: the results of a run, made anew from its dumps."""

import shlex
from pathlib import Path

import click

from mapsweep.options import config_option, debug_option, load, run_argument, runs_option


@click.command(short_help="Make the results of a run anew from its kept dumps.")
@run_argument
@runs_option
@config_option
@debug_option
def reclassify(run: str, runs_url: str | None, config: Path | None) -> int:
    """Make the results of a run anew from its kept dumps, with this mapsweep's rules; no host is asked.

    Until that is done the run stays as it is. Runs of an older mapsweep are brought over by it.

    RUN is a run's id, its path or URL, or latest. The report is rendered again.
    """
    from archive.runs import Runs  # noqa: PLC0415 - likewise
    from collector.session import Session  # noqa: PLC0415 - likewise
    from domain.mistakes import Mistake, OperatorError  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.execution import Stopped, conduct  # noqa: PLC0415 - likewise
    from workers.here import embedded  # noqa: PLC0415 - likewise
    from workers.life.plan import remade  # noqa: PLC0415 - likewise

    settings = load(config, runs=runs_url)
    opened = Runs(settings.runs).open(run)
    if opened.closed() is None:
        flags = ("--config", str(settings.file)) if settings.file else ()
        words = ("mapsweep", "collect", "--resume", opened.run_id, "--runs", settings.runs, *flags)
        remedy = shlex.join(words)
        raise OperatorError(Mistake(opened.run_id, "is not closed yet", remedy))
    return conduct(
        remade(opened),
        lambda one, tell, stop: embedded.execute(one, Session(), tell, stop),
        config=settings.file,
        stopped=Stopped("stopped; the run is as it was. To go on:", verb=("reclassify",)),
    )
