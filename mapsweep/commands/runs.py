"""mapsweep runs: the runs that are kept."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mapsweep.options import config_option, load, runs_option
from mapsweep.terminal.terminal import visible

if TYPE_CHECKING:
    from archive.run import Run

_HEADING = f"{'run':<40} {'started':<25} {'hosts':>6} {'ok':>6} {'partial':>7} {'failed':>6}  scope"


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run; its counts are unknown while it is open."""

    run: str
    started_at: str
    closed_at: str | None
    scope: str
    hosts: str
    asked: int
    ok: int | None
    partial: int | None
    failed: int | None

    def text(self) -> str:
        """The line for people."""
        counts = (
            f"{self.ok:>6} {self.partial:>7} {self.failed:>6}"
            if self.closed_at
            else f"{'open, to be resumed':>21}"
        )
        scope = visible(f"{self.scope} {self.hosts}")
        return f"{self.run:<40} {self.started_at:<25} {self.asked:>6} {counts}  {scope}"


def line_of(run: "Run") -> RunLine:
    """A line from the manifest and the end of a run."""
    manifest, closed = run.manifest, run.closed()
    return RunLine(
        run=manifest.run_id,
        started_at=manifest.started_at,
        closed_at=closed.closed_at if closed else None,
        scope=manifest.scope.name,
        hosts=manifest.scope.hosts,
        asked=len(manifest.hosts),
        ok=closed.ok if closed else None,
        partial=closed.partial if closed else None,
        failed=closed.failed if closed else None,
    )


@click.command(short_help="List the runs that are kept.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@runs_option
@config_option
def runs(as_json: bool, runs_url: str | None, config: Path | None) -> None:
    """List the runs that are kept, the oldest first."""
    from archive.runs import Runs  # noqa: PLC0415 - likewise
    from domain.mistakes import OperatorError  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.terminal.exits import complain  # noqa: PLC0415 - likewise

    kept = Runs(load(config, runs=runs_url).runs)
    lines = []
    for run_id in kept.ids():
        try:
            lines.append(line_of(kept.open(run_id)))
        except OperatorError as damaged:  # a damaged run must not hide the others
            complain(str(damaged))
    if as_json:
        click.echo(json.dumps({"schema_version": 1, "runs": [asdict(line) for line in lines]}, indent=1))
        return
    if not lines:
        click.echo(f"no runs in {visible(kept.store.url)}", err=True)
        return
    click.echo(_HEADING, err=not sys.stdout.isatty())
    for line in lines:
        click.echo(line.text())
