"""mapsweep runs prune: removes what is older than it has to be kept."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mapsweep.options import config_option, json_option, load, quiet_option, runs_option, taken_over
from mapsweep.terminal.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mapsweep.manner import Manner
    from workers.here.pruning import Kept, Pruned


@click.command(short_help="Remove what is older than it has to be kept, and leftovers.")
@click.option("--dry-run", is_flag=True, help="Say what would go and why, and remove nothing.")
@json_option
@quiet_option
@runs_option
@config_option
@click.pass_context
def prune(
    ctx: click.Context,
    *,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    runs_url: str | None,
    config: Path | None,
) -> int:
    """Remove runs and dumps that are older than the section keep of mapsweep.yaml says, and what killed
    processes have left. Without that section, only the latter.

    The last good run of each schedule stays, and so does a run that is at work, still has to be mailed, or
    can be resumed before its deadline.
    """  # noqa: D205 - click's help text
    from datetime import UTC, datetime  # noqa: PLC0415 - likewise

    from archive.runs import Runs  # noqa: PLC0415 - likewise
    from mapsweep.manner import Manner  # noqa: PLC0415 - likewise
    from mapsweep.settings.composition import audit, signing_key  # noqa: PLC0415 - likewise
    from mapsweep.terminal.exits import complain  # noqa: PLC0415 - likewise
    from workers.here.pruning import each_pruned  # noqa: PLC0415 - likewise

    settings = load(taken_over(ctx, "config", config), runs=taken_over(ctx, "runs_url", runs_url))
    manner = Manner(bool(taken_over(ctx, "as_json", as_json or None)), quiet)
    if settings.keep is None and not quiet:
        complain("there is no section keep in the settings: runs are kept for ever, and only leftovers go")
    runs = Runs(settings.runs, signing_key(settings, os.environ))
    keep = settings.keep.keep() if settings.keep else None
    pruned = each_pruned(runs, keep, datetime.now(UTC), audit(settings), dry_run=dry_run)
    return _tell(pruned, manner, dry_run=dry_run)


def _tell(pruned: "Iterable[Pruned | Kept]", manner: "Manner", *, dry_run: bool) -> Exit:
    """Tell each thing as it goes, and the sum; exit code 2 if something could not go."""
    from mapsweep import documents  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.terminal.exits import complain  # noqa: PLC0415 - likewise
    from mapsweep.terminal.terminal import visible  # noqa: PLC0415 - likewise
    from reports.text.sizes import size  # noqa: PLC0415 - likewise
    from workers.here.pruning import Kept  # noqa: PLC0415 - likewise

    gone: list[dict[str, str | int]] = []
    kept: list[dict[str, str | bool]] = []
    gone_bytes = 0
    for one in pruned:
        if isinstance(one, Kept):
            complain(f"not removed: {one.path}: {one.reason}")
            kept.append(asdict(one))
            continue
        removal, gone_bytes = one.removal, gone_bytes + one.size_bytes
        gone.append({**asdict(removal), "size_bytes": one.size_bytes})
        if manner.says:
            amount = size(one.size_bytes, plain=True)
            click.echo(f"{removal.what:<8}  {amount:>9}  {visible(removal.path)}  {visible(removal.why)}")
    if manner.as_json:
        documents.echo(dry_run=dry_run, removed=gone, not_removed=kept, size_bytes=gone_bytes)
    elif manner.says:
        verb = "would be removed" if dry_run else "removed"
        click.echo(f"{len(gone):,} {verb}, {size(gone_bytes, plain=True)} ({gone_bytes:,} bytes)")
    return Exit.USAGE if any(each["is_trouble"] for each in kept) else Exit.OK
