"""mapsweep beat: starts the scheduled runs."""

import os
from pathlib import Path

import click

from mapsweep.options import broker_option, config_option, debug_option, load, runs_option


@click.command(short_help="Start the scheduled runs of mapsweep.yaml when they are due.")
@click.option(
    "--state",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that keeps which runs were started.  [default: .beat in the folder of the runs]",
)
@broker_option
@runs_option
@config_option
@debug_option
def beat(state: Path | None, broker: str | None, runs_url: str | None, config: Path | None) -> None:
    """Start the scheduled runs of mapsweep.yaml when they are due. One beat is enough.

    Two do no harm: no run is started twice.
    """
    from mapsweep.settings.for_workers import worker_settings  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.terminal import logs  # noqa: PLC0415 - likewise
    from workers.fleet.beat import run_beat  # noqa: PLC0415 - Celery costs half a second

    logs.serve()
    settings = load(config, runs=runs_url, broker=broker)
    if state is None and "://" in settings.runs:
        raise click.UsageError("--state is needed if runs are kept in a bucket.")
    run_beat(worker_settings(settings, os.environ, ()), state or Path(settings.runs).expanduser() / ".beat")
