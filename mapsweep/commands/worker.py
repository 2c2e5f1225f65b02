"""mapsweep worker: one of the fleet's workers."""

import os
from pathlib import Path

import click

from mapsweep.options import ALL_QUEUES, broker_option, config_option, debug_option, load, runs_option

WITHOUT_A_KEY = (
    "no signing key is set: only runs of this worker's own inventory, limits and schedules are executed"
)


@click.command(short_help="Execute runs from a broker's queues.")
@click.option(
    "--queues",
    default=ALL_QUEUES,
    show_default=True,
    help="Tasks to take, separated by commas: collect needs access to the hosts, classify CPU, report mail.",
)
@click.option("--concurrency", type=int, default=0, help="Processes side by side.  [default: one per core]")
@click.option(
    "--alive",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Touch this file every few seconds while the worker can work, for a health check.",
)
@broker_option
@runs_option
@config_option
@debug_option
def worker(
    *,
    queues: str,
    concurrency: int,
    alive: Path | None,
    broker: str | None,
    runs_url: str | None,
    config: Path | None,
) -> int:
    """Execute runs from a broker's queues. Ctrl-C or SIGTERM ends it within 10 s; others do the rest."""
    from mapsweep.settings.composition import check_dump_keys  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.settings.for_workers import worker_settings  # noqa: PLC0415 - likewise
    from mapsweep.terminal import logs  # noqa: PLC0415 - likewise
    from mapsweep.terminal.exits import complain  # noqa: PLC0415 - likewise
    from workers.fleet.app import CLASSIFY, COLLECT, queues_of  # noqa: PLC0415 - Celery costs half a second
    from workers.fleet.service import run_worker  # noqa: PLC0415 - likewise

    logs.serve()
    settings = load(config, runs=runs_url, broker=broker)
    wanted = queues_of(queues)
    given = worker_settings(settings, os.environ, wanted)
    if {COLLECT, CLASSIFY} & set(wanted):
        check_dump_keys(settings, classifies_for_others=CLASSIFY in wanted)
    if not given.signing_key and {"collect", "report"} & set(wanted):
        complain(WITHOUT_A_KEY, is_warning=True)
    return run_worker(given, wanted, concurrency, alive)
