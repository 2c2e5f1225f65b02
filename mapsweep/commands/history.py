"""mapsweep history: a host, a service or a process over the runs that are kept."""

import sys
from pathlib import Path

import click

from mapsweep import completing
from mapsweep.options import config_option, debug_option, json_option, load, runs_option
from mapsweep.tabular import FORMATS, format_of

RUNS_MAX = 100_000


@click.command(short_help="Show a host, a service or a process over the last runs.")
@click.argument("name", metavar="HOST|SERVICE|HOST/PID", shell_complete=completing.hosts_and_services)
@click.option(
    "--last",
    type=click.IntRange(1, RUNS_MAX),
    default=14,
    show_default=True,
    metavar="N",
    help="The last N runs.",
)
@click.option("--all", "whole", is_flag=True, help="All runs that are kept.")
@click.option(
    "--scope",
    metavar="NAME",
    default="",
    shell_complete=completing.scopes,
    help="Runs that are called so.  [default: as the last run that has it]",
)
@click.option("--format", "form", type=click.Choice(FORMATS), help="What to print.  [default: plain]")
@json_option
@runs_option
@config_option
@debug_option
def history(
    *,
    name: str,
    last: int,
    whole: bool,
    scope: str,
    form: str | None,
    as_json: bool,
    runs_url: str | None,
    config: Path | None,
) -> None:
    """Show a host, a service or a process over the last runs.

    A line is a run, the newest last. A process is followed over restarts by its host, service, program and
    arguments. Growth is that of processes which were not restarted since the run before.

    \b
    mapsweep history app-03
    mapsweep history checkout.service --last 60
    mapsweep history app-03/4711 --json
    mapsweep history app-03 --all --format csv > app-03.csv
    """  # noqa: D301 - \b is click's mark
    form = format_of(form, as_json=as_json)
    from archive.runs import Runs  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.history_view.showing import Asked, shown  # noqa: PLC0415 - likewise
    from mapsweep.terminal.terminal import terminal_of  # noqa: PLC0415 - likewise

    runs = Runs(load(config, runs=runs_url).runs)
    asked = Asked(None if whole else last, scope, form)
    sys.stdout.writelines(f"{line}\n" for line in shown(runs, name, asked, terminal_of(sys.stdout)))
    sys.stdout.flush()
