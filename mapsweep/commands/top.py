"""mapsweep top: the largest processes, services or hosts of a run."""

import sys
from contextlib import nullcontext
from pathlib import Path

import click

from mapsweep import completing
from mapsweep.options import (
    config_option,
    debug_option,
    json_option,
    load,
    run_option,
    runs_option,
    so_far_option,
)
from mapsweep.tabular import FORMATS, format_of

TABLES = PROCESSES, SERVICES, HOSTS = ("processes", "services", "hosts")
# as reports.views.top says, whose import takes time
ORDERS = ("native-heap", "stacks", "java-heap", "growth", "bloat", "rss", "anon", "swap", "threads")
ROWS_MAX = 100_000


@click.command(short_help="Show the largest processes, services or hosts of a run.")
@click.argument("table", type=click.Choice(TABLES), default=PROCESSES, metavar="[WHAT]")
@click.option(
    "--by",
    "order",
    type=click.Choice(ORDERS),
    default=ORDERS[0],
    metavar="MEASURE",
    help=f"{', '.join(ORDERS[:-1])} or {ORDERS[-1]}.  [default: {ORDERS[0]}]",
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, ROWS_MAX),
    default=20,
    show_default=True,
    metavar="N",
    help=f"How many, up to {ROWS_MAX:,}.",
)
@click.option(
    "--service",
    metavar="NAME",
    shell_complete=completing.services_of_run,
    help="Only processes of this service.",
)
@run_option
@click.option("--format", "form", type=click.Choice(FORMATS), help="What to print.  [default: plain]")
@json_option
@so_far_option
@runs_option
@config_option
@debug_option
def top(
    *,
    table: str,
    order: str,
    limit: int,
    service: str | None,
    run: str,
    form: str | None,
    as_json: bool,
    so_far: bool,
    runs_url: str | None,
    config: Path | None,
) -> None:
    """Show the largest processes, services or hosts of a run.

    WHAT is processes, services or hosts. anon is resident anonymous memory and swap.

    \b
    mapsweep top                       processes, by native heap
    mapsweep top services --by growth
    mapsweep top --service checkout.service --by stacks -n 5
    mapsweep top hosts --by rss --run yesterday --format csv
    """  # noqa: D301 - \b is click's mark
    form = format_of(form, as_json=as_json)
    if service is not None and table != PROCESSES:
        raise click.UsageError(f"--service is for processes; {table} have none.")
    from archive.runs import Runs  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.terminal.terminal import terminal_of  # noqa: PLC0415 - likewise
    from mapsweep.top_lines import Asked, shown  # noqa: PLC0415 - likewise
    from workers.life import ending  # noqa: PLC0415 - likewise

    opened = Runs(load(config, runs=runs_url).runs).open(run)
    asked = Asked(table, order, limit, service or "", form)
    with ending.so_far(opened) if so_far else nullcontext(opened) as run_shown:
        sys.stdout.writelines(f"{line}\n" for line in shown(run_shown, asked, terminal_of(sys.stdout)))
    sys.stdout.flush()
