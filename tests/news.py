"""News written into a closed run: made rows of the tables of findings and changes."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from archive.run import Run
from archive.tables import to_parquet
from reports.columns.change_columns import CHANGE_COUNTS, CHANGES
from reports.columns.column import schema_of
from reports.columns.group_columns import CARRIED, GROUPS
from reports.tables import settled

BEFORE, BEFORE_AT = "20261101T020000Z-nightly-0001", "2026-11-01T02:00:00+00:00"
FINDING: Final[dict[str, object]] = {
    "fingerprint": "0123456789abcdef",
    "standing": "new",
    "code": "grew",
    "severity": "warning",
    "service": "checkout.service",
    "kind": "native_heap",
    "members": 2,
    "hosts": 2,
    "bytes": 720 * 2**20,
    "before_bytes": 76 * 2**20,
    "since_at": "2026-11-29T02:00:00Z",
    "since_run": "20261129T020000Z-nightly-0001",
    "owner": "payments",
    "title": "its native heap grew by 720 MiB in a day",
    "advice": "Look at what it did",
    "first": [{"host": "app-03", "pid": 100, "comm": "java", "bytes": 700 * 2**20, "evidence": "arenas"}],
}
FAILED: Final[dict[str, object]] = {
    "place": 1,
    "change": "failed",
    "subject": "host",
    "host": "db-01",
    "count": 1,
    "stage": "tcp",
    "reason": "tcp_timeout",
    "owner": "data",
}


def write_news(
    run: Run, findings: list[dict[str, object]], failed: list[dict[str, object]] | None = None
) -> None:
    """Replace the findings and changes of a closed run by these; the rest of a row is empty.

    It is then one that was compared with an earlier run.
    """
    fleet = pl.read_parquet(run.read_settled(settled.FLEET, 0)).with_columns(
        pl.lit(BEFORE).alias("compared_with"), pl.lit(BEFORE_AT).alias("compared_at")
    )
    run.write_settled(settled.FLEET, 0, to_parquet(fleet))
    groups = [{**FINDING, **row} for row in findings]
    _write(run, settled.FINDING_GROUPS, groups, {**schema_of(GROUPS), **CARRIED})
    rows = [{**FAILED, **row} for row in failed or []]
    _write(run, settled.CHANGES, rows, schema_of(CHANGES))
    counts = [{"change": "failed", "subject": "host", "count": len(rows)}] if rows else []
    _write(run, settled.CHANGE_COUNTS, counts, schema_of(CHANGE_COUNTS))


def _write(
    run: Run,
    table: str,
    rows: list[dict[str, object]],
    schema: Mapping[str, pl.DataType | type[pl.DataType]],
) -> None:
    whole = [
        {name: row.get(name, "" if kind == pl.String else None) for name, kind in schema.items()}
        for row in rows
    ]
    run.write_settled(table, 0, to_parquet(pl.DataFrame(whole, schema=schema)))
