"""mapsweep runs prune: removes what is older than it has to be kept."""

import os
from pathlib import Path

import click

from mapsweep.options import config_option, load, runs_option, taken_over
from mapsweep.terminal.exits import Exit


@click.command(short_help="Remove what is older than it has to be kept, and leftovers.")
@click.option("--dry-run", is_flag=True, help="Say what would go and why, and remove nothing.")
@runs_option
@config_option
@click.pass_context
def prune(ctx: click.Context, *, dry_run: bool, runs_url: str | None, config: Path | None) -> int:
    """Remove runs and dumps that are older than the section keep of mapsweep.yaml says, and what killed
    processes have left. Without that section, only the latter.

    The last good run of each schedule stays, and so does a run that is at work, still has to be mailed, or
    can be resumed before its deadline.
    """  # noqa: D205 - click's help text
    from datetime import UTC, datetime  # noqa: PLC0415 - --help does not wait for it

    from archive.runs import Runs  # noqa: PLC0415 - likewise
    from mapsweep.settings.composition import signing_key  # noqa: PLC0415 - likewise
    from mapsweep.terminal.exits import complain  # noqa: PLC0415 - likewise
    from mapsweep.terminal.terminal import visible  # noqa: PLC0415 - likewise
    from reports.sizes import size  # noqa: PLC0415 - likewise
    from workers.here.pruning import Kept, each_pruned  # noqa: PLC0415 - likewise

    settings = load(taken_over(ctx, "config", config), runs=taken_over(ctx, "runs_url", runs_url))
    if settings.keep is None:
        complain("there is no section keep in the settings: runs are kept for ever, and only leftovers go")
    runs = Runs(settings.runs, signing_key(settings, os.environ))
    keep = settings.keep.keep() if settings.keep else None
    gone, gone_bytes, has_trouble = 0, 0, False
    for one in each_pruned(runs, keep, datetime.now(UTC), dry_run=dry_run):
        if isinstance(one, Kept):
            complain(f"not removed: {one.path}: {one.reason}")
            has_trouble |= one.is_trouble
            continue
        gone, gone_bytes = gone + 1, gone_bytes + one.size_bytes
        removal, amount = one.removal, size(one.size_bytes, plain=True)
        click.echo(f"{removal.what:<8}  {amount:>9}  {visible(removal.path)}  {visible(removal.why)}")
    verb = "would be removed" if dry_run else "removed"
    click.echo(f"{gone:,} {verb}, {size(gone_bytes, plain=True)} ({gone_bytes:,} bytes)")
    return Exit.USAGE if has_trouble else Exit.OK
