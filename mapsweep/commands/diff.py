"""mapsweep diff: what changed between two runs, or what two hosts or processes have that differs."""

import sys
from pathlib import Path

import click

from mapsweep import completing
from mapsweep.options import config_option, debug_option, json_option, load, runs_option
from mapsweep.tabular import FORMATS, format_of

NAMES_MAX = 2
ROWS_MAX = 1_000_000


@click.command(short_help="Compare two runs, two hosts, or a process with its peers.")
@click.argument("names", nargs=-1, metavar="[A [B]]", shell_complete=completing.runs_or_hosts)
@click.option(
    "--host",
    default="",
    metavar="HOST[/PID]",
    shell_complete=completing.hosts_of_run,
    help="Only this host in both runs, or this process.",
)
@click.option("--peers", is_flag=True, help="A is HOST/PID: against the median of its service.")
@click.option(
    "--run",
    metavar="RUN",
    shell_complete=completing.runs,
    help="A and B are hosts, or HOST/PID, of this run.",
)
@click.option(
    "-n", "--limit", type=click.IntRange(1, ROWS_MAX), metavar="N", help="Rows of each table for people."
)
@click.option("--all", "whole", is_flag=True, help="All rows.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="What to print.  [default: plain]")
@json_option
@runs_option
@config_option
@debug_option
def diff(
    *,
    names: tuple[str, ...],
    host: str,
    peers: bool,
    run: str | None,
    limit: int | None,
    whole: bool,
    form: str | None,
    as_json: bool,
    runs_url: str | None,
    config: Path | None,
) -> None:
    """Compare two runs, two hosts, or a process with its peers.

    A and B are runs: what changed from the earlier one to the later. Without B it is the last run, without A
    the run with which the last one was compared. If neither is a run they are hosts, or HOST/PID, of the last
    run.

    \b
    mapsweep diff                               since the run before
    mapsweep diff 2026-11-22 yesterday
    mapsweep diff latest~7 --host web-01        one host, since a week ago
    mapsweep diff web-01 web-02 --run yesterday
    mapsweep diff web-01/4711 --peers           against its peers
    mapsweep diff web-01/4711 web-02/915 --json
    """  # noqa: D301 - \b is click's mark
    form = format_of(form, as_json=as_json)
    _check(names, host=host, peers=peers, run=run)
    from archive.runs import Runs  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.diff_view.asked import asked  # noqa: PLC0415 - likewise
    from mapsweep.diff_view.showing import Wanted, shown  # noqa: PLC0415 - likewise
    from mapsweep.settings.composition import dump_keys  # noqa: PLC0415 - likewise
    from mapsweep.terminal.terminal import terminal_of  # noqa: PLC0415 - likewise

    settings = load(config, runs=runs_url)
    runs = Runs(settings.runs, dump_keys=dump_keys(settings))
    meant = asked(runs, names, run=run, host=host, with_peers=peers)
    lines = shown(meant, Wanted(form, limit, whole), terminal_of(sys.stdout))
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _check(names: tuple[str, ...], *, host: str, peers: bool, run: str | None) -> None:
    """UsageError unless the names and options go together."""
    if len(names) > NAMES_MAX:
        raise click.UsageError(f"at most two are compared, not {len(names)}.")
    if peers and len(names) != 1:
        raise click.UsageError("--peers compares one process: mapsweep diff HOST/PID --peers.")
    if host and (peers or run is not None):
        raise click.UsageError("--host is for two runs; omit --peers and --run.")
    if run is not None and not peers and len(names) != NAMES_MAX:
        raise click.UsageError("--run compares two of its hosts: mapsweep diff HOST HOST --run RUN.")
