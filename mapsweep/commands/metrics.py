"""mapsweep metrics: for Prometheus."""

import os
import sys
from functools import partial
from pathlib import Path

import click

from mapsweep.options import broker_option, config_option, debug_option, load, runs_option

FILE_MODE = 0o644  # node_exporter reads it as another account


@click.command(short_help="Print the state of runs and workers for Prometheus.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Replace this file at once, for the textfile collector of node_exporter; it ends in .prom.",
)
@broker_option
@runs_option
@config_option
@debug_option
def metrics(*, output: Path | None, broker: str | None, runs_url: str | None, config: Path | None) -> None:
    """Print the state of runs and workers for Prometheus; that of workers only if a broker is set.

    A source that cannot be read is mapsweep_up 0, and the rest is still printed. The exit code is 0 then.

    \b
    mapsweep metrics --output /var/lib/node_exporter/textfile/mapsweep.prom
    """  # noqa: D301 - \b is click's mark
    from archive.runs import Runs  # noqa: PLC0415 - --help does not wait for it
    from mapsweep import output_file  # noqa: PLC0415 - likewise
    from mapsweep.metrics import exposition  # noqa: PLC0415 - likewise
    from mapsweep.metrics.of_archive import archive_metrics  # noqa: PLC0415 - likewise
    from mapsweep.metrics.of_broker import broker_metrics  # noqa: PLC0415 - likewise
    from mapsweep.settings.for_workers import schedules, worker_settings  # noqa: PLC0415 - likewise
    from mapsweep.terminal.exits import complain  # noqa: PLC0415 - likewise
    from workers.fleet.broker_state import broker_state  # noqa: PLC0415 - likewise

    settings = load(config, runs=runs_url, broker=broker)
    archive = partial(archive_metrics, Runs(settings.runs), schedules(settings))
    sources: dict[str, exposition.Source] = {"archive": archive}
    if settings.broker:
        sources["broker"] = lambda: broker_metrics(broker_state(worker_settings(settings, os.environ, ())))
    text = exposition.exposition(sources, complain)
    if output is None:
        sys.stdout.buffer.write(text)
    else:
        output_file.write(output.expanduser().absolute(), [text], FILE_MODE)
