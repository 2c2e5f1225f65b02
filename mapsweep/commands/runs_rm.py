"""mapsweep runs rm: removes runs for good."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mapsweep import completing, documents
from mapsweep.options import config_option, json_option, load, quiet_option, runs_option, taken_over
from mapsweep.terminal.exits import Exit

if TYPE_CHECKING:
    from archive.runs import Runs


@click.command(short_help="Remove runs for good.")
@click.argument("names", nargs=-1, required=True, metavar="RUN...", shell_complete=completing.runs)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@quiet_option
@runs_option
@config_option
@click.pass_context
def rm(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    yes: bool,
    as_json: bool,
    quiet: bool,
    runs_url: str | None,
    config: Path | None,
) -> int:
    """Remove runs for good: dumps, results and report. A run that is being executed is refused.

    RUN is a run's id, the beginning of one, its path or URL, or latest.
    """
    from archive.runs import Runs  # noqa: PLC0415 - --help does not wait for it
    from domain.mistakes import OperatorError  # noqa: PLC0415 - likewise
    from mapsweep.settings.composition import audit  # noqa: PLC0415 - likewise
    from mapsweep.terminal.exits import complain  # noqa: PLC0415 - likewise
    from reports.text.sizes import size  # noqa: PLC0415 - likewise
    from workers.here.pruning import remove  # noqa: PLC0415 - likewise

    settings = load(taken_over(ctx, "config", config), runs=taken_over(ctx, "runs_url", runs_url))
    runs = Runs(settings.runs)
    run_ids = _named(names, runs)
    if not yes and not _agreed(run_ids, runs):
        complain("nothing was removed")
        return Exit.OK
    as_json, code, removed = bool(taken_over(ctx, "as_json", as_json or None)), Exit.OK, []
    for run_id in run_ids:
        try:
            gone_bytes = remove(runs, run_id, audit(settings))
        except OperatorError as error:  # the others can go
            complain(str(error))
            code = Exit.USAGE
            continue
        removed.append({"run": run_id, "size_bytes": gone_bytes})
        if not (as_json or quiet):
            click.echo(f"removed {run_id}, {size(gone_bytes, plain=True)}")
    if as_json:
        documents.echo(removed=removed)
    return code


def _named(names: tuple[str, ...], runs: "Runs") -> tuple[str, ...]:
    """The ids, each once; OperatorError with every name that is no run here. A damaged run has one too."""
    from domain.mistakes import Mistake, OperatorError  # noqa: PLC0415 - --help does not wait for it

    found, mistakes = dict[str, None](), list[Mistake]()
    there = set(runs.ids())
    for name in names:
        inside = name.rstrip("/").removeprefix(f"{runs.store.url}/")
        try:
            run_id = runs.named(inside)
        except OperatorError as error:
            mistakes.extend(error.mistakes)
            continue
        if run_id in there:
            found[run_id] = None
        else:
            mistakes.append(runs.unknown(name))
    if mistakes:
        raise OperatorError(*mistakes)
    return tuple(found)


def _agreed(run_ids: tuple[str, ...], runs: "Runs") -> bool:
    from reports.text.sizes import size  # noqa: PLC0415 - --help does not wait for it

    if not sys.stdin.isatty():
        raise click.UsageError("standard input is not a terminal where you could be asked: give --yes.")
    unmailed = runs.unmailed()
    for run_id in run_ids:
        mail = ", its report is not mailed yet" if run_id in unmailed else ""
        click.echo(f"{run_id}  {size(runs.store.tree_bytes(run_id), plain=True)}{mail}", err=True)
    what = "this run" if len(run_ids) == 1 else f"these {len(run_ids)} runs"
    return click.confirm(f"Remove {what} for good?", err=True)
