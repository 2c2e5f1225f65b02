"""mapsweep beat: has schedules, runs and mail looked after."""

import os
from pathlib import Path

import click

from mapsweep.options import broker_option, config_option, debug_option, load, runs_option


@click.command(short_help="Have scheduled runs started, and runs and mail looked after.")
@click.option(
    "--alive",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Touch this file every few seconds while the broker answers, for a health check.",
)
@broker_option
@runs_option
@config_option
@debug_option
def beat(alive: Path | None, broker: str | None, runs_url: str | None, config: Path | None) -> None:
    """Have scheduled runs started, and runs and mail looked after, every few seconds.

    The workers of the queue `report` do it; beat only asks for it. One beat is enough; two do no harm, and
    neither does a beat that was away for a while. Ctrl-C or SIGTERM ends it.
    """
    from mapsweep.settings.for_workers import worker_settings  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.terminal import logs  # noqa: PLC0415 - likewise
    from mapsweep.terminal.interrupt import stoppable  # noqa: PLC0415 - likewise
    from workers.fleet.beat import run_beat  # noqa: PLC0415 - Celery costs half a second

    logs.serve()
    settings = load(config, runs=runs_url, broker=broker)
    with stoppable(lambda: None) as stop:
        run_beat(worker_settings(settings, os.environ, ()), stop, alive)
