"""All rows of a run's tables, as its owner would export them."""

import json
from pathlib import Path
from typing import Any

from archive.run import Run
from archive.runs import Runs
from reports.formats import exports
from reports.tables.settled import Settled


def rows_of(run: Run | Path, table: str) -> list[dict[str, Any]]:
    """The rows of a table of a closed run, or of the run in this folder."""
    return read(Settled(Runs(str(run.parent)).by_id(run.name) if isinstance(run, Path) else run), table)


def read(tables: Settled, table: str) -> list[dict[str, Any]]:
    """The same of tables that are open."""
    content = b"".join(exports.rows(tables, table, exports.NDJSON))
    return [json.loads(line) for line in content.splitlines()]
