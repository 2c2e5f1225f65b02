"""mapsweep show: what a run knows of one host, or of one process there."""

import sys
from pathlib import Path
from typing import Final

import click

from mapsweep import completing
from mapsweep.options import config_option, debug_option, json_option, load, run_option, runs_option

PLAIN, CSV, RANGES, JSON = FORMATS = ("plain", "csv", "ranges", "json")
# as mapsweep.host_view.process_table says, whose import takes time
ORDERS: Final = (
    *("native-heap", "stacks", "java-heap", "growth", "bloat", "rss", "swap", "vsz", "threads"),
    *("pid", "name"),
)
ROWS_MAX: Final = 1_000_000


@click.command(short_help="Show a host of a run, or one of its processes.")
@click.argument("target", metavar="HOST[/PID]", shell_complete=completing.hosts_of_run)
@run_option
@click.option(
    "--sort",
    "order",
    type=click.Choice(ORDERS),
    default=ORDERS[0],
    metavar="MEASURE",
    help=f"Order processes by {', '.join(ORDERS[:-1])} or {ORDERS[-1]}.  [default: {ORDERS[0]}]",
)
@click.option(
    "--limit",
    type=click.IntRange(1, ROWS_MAX),
    metavar="N",
    help=f"How many processes, up to {ROWS_MAX:,}.  [default: 20]",
)
@click.option("--all", "whole", is_flag=True, help="All processes, kinds, findings and mappings.")
@click.option("--mappings", is_flag=True, help="The labelled mappings of a process, from the kept dump.")
@click.option("--why", is_flag=True, help="The mappings with the reason for each label in words.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default=None, help="What to print.  [default: plain]"
)
@click.option("-H", "--header", is_flag=True, help="With --format csv, the header before the line.")
@json_option
@runs_option
@config_option
@debug_option
def show(
    *,
    target: str,
    run: str,
    order: str,
    limit: int | None,
    whole: bool,
    mappings: bool,
    why: bool,
    form: str | None,
    header: bool,
    as_json: bool,
    runs_url: str | None,
    config: Path | None,
) -> None:
    """Show a host of a run, or one of its processes.

    HOST is a host's name, the beginning of one, or a glob, if it fits no other host of the run. A process is
    named behind a slash, by its pid, or by a name that no other process there has. No host is asked: what is
    shown is the result of the run, and mappings are from the dump of the host, if the run keeps it.

    \b
    mapsweep show web-01          its processes, by native heap
    mapsweep show web-01 --sort growth --limit 5
    mapsweep show web-01/4711     a process: kinds, sums, findings
    mapsweep show web-01/postgres --mappings
    mapsweep show web-01/4711 --why --run 20261123T04 | less
    """  # noqa: D301 - \b is click's mark
    form = _form(form, as_json=as_json)
    if header and form != CSV:
        raise click.UsageError("--header is for --format csv; other formats have none.")
    if why and form == CSV:
        raise click.UsageError("--why does not work with CSV; use --format plain, ranges or json.")
    from archive.runs import Runs  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.host_view.showing import Asked, shown  # noqa: PLC0415 - likewise
    from mapsweep.settings.composition import dump_keys  # noqa: PLC0415 - likewise
    from mapsweep.terminal.terminal import terminal_of  # noqa: PLC0415 - likewise

    flags = (*_typed("--runs", runs_url), *_typed("--config", config))
    asked = Asked(form, order, limit, flags=flags, whole=whole, mappings=mappings, why=why, header=header)
    settings = load(config, runs=runs_url)
    opened = Runs(settings.runs, dump_keys=dump_keys(settings)).open(run)
    sys.stdout.writelines(f"{line}\n" for line in shown(opened, target, asked, terminal_of(sys.stdout)))
    sys.stdout.flush()


def _form(form: str | None, *, as_json: bool) -> str:
    if as_json and form not in {None, JSON}:
        raise click.UsageError(f"--json and --format {form} exclude each other.")
    return JSON if as_json else form or PLAIN


def _typed(option: str, value: object) -> tuple[str, ...]:
    return () if value is None else (option, str(value))
