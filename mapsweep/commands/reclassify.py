"""mapsweep reclassify: classifies the dumps of a run again."""

import shlex
from pathlib import Path

import click

from mapsweep.options import (
    config_option,
    debug_option,
    json_option,
    load,
    quiet_option,
    run_argument,
    runs_option,
)


@click.command(short_help="Classify the kept dumps of a run again.")
@run_argument
@json_option
@quiet_option
@runs_option
@config_option
@debug_option
def reclassify(*, run: str, as_json: bool, quiet: bool, runs_url: str | None, config: Path | None) -> int:
    """Classify the kept dumps of a run again, with the rules of this mapsweep; no host is contacted.

    The run does not change until that is done. This also converts runs of an older mapsweep.

    RUN is a run's id, its path or URL, or latest. The report is rendered again.
    """
    from archive.runs import Runs  # noqa: PLC0415 - likewise
    from collector.session import Session  # noqa: PLC0415 - likewise
    from domain.mistakes import Mistake, OperatorError  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.conduct import Executor, Stopped, conduct  # noqa: PLC0415 - likewise
    from mapsweep.manner import Manner  # noqa: PLC0415 - likewise
    from mapsweep.settings.composition import audit, dump_keys  # noqa: PLC0415 - likewise
    from procmaps.classify import RULES_VERSION  # noqa: PLC0415 - likewise
    from workers.here import embedded  # noqa: PLC0415 - likewise
    from workers.life.plan import remade  # noqa: PLC0415 - likewise

    settings = load(config, runs=runs_url)
    opened = Runs(settings.runs, dump_keys=dump_keys(settings)).open(run)
    if opened.closed() is None:
        flags = ("--config", str(settings.file)) if settings.file else ()
        words = ("mapsweep", "collect", "--resume", opened.run_id, "--runs", settings.runs, *flags)
        remedy = shlex.join(words)
        raise OperatorError(Mistake(opened.run_id, "is not closed yet", remedy))
    audited, anew = audit(settings), remade(opened)
    audited.reclassified(opened.run_id, RULES_VERSION)
    return conduct(
        anew,
        Executor(
            lambda one, tell, stop: embedded.execute(one, Session(), tell, stop, audit=audited),
            Stopped("stopped; the run is unchanged. To continue:", verb=("reclassify",)),
        ),
        top=settings.report.top,
        config=settings.file,
        manner=Manner(as_json, quiet),
    )
