"""Changes and findings made by hand, and a report that has them."""

from dataclasses import astuple, replace
from typing import TYPE_CHECKING, cast

import polars as pl

from reports.changes.changes import Changes
from reports.changes.rows import Change, ChangeCount, ChangeRow, Subject
from reports.columns.change_columns import CHANGES
from reports.columns.column import Unit, schema_of
from reports.findings.rows import FindingGroup, Member, Standing
from reports.row_table import RowTable

if TYPE_CHECKING:
    from collections.abc import Callable

    from reports.report import Report

MIB = 2**20
COMPARED_AT = "2026-11-22T05:00:00+00:00"  # a day before the report of tests.mapsweep.reports_made


def row(change: Change, subject: Subject, host: str = "", service: str = "", **known: object) -> ChangeRow:
    """A change of which only these fields are known."""
    blank: dict[str, object] = {
        column.name: "" if column.unit in {Unit.TEXT, Unit.TIME} else None for column in CHANGES
    }
    named = {"place": 1, "change": change.value, "subject": subject.value, "host": host, "service": service}
    made: ChangeRow = cast("Callable[..., ChangeRow]", ChangeRow)(**(blank | named | {"count": 1} | known))
    return made


def grew(host: str, service: str, by_bytes: int, before_bytes: int = 84 * MIB, **known: object) -> ChangeRow:
    """A process that grew, all of it in arenas unless told otherwise."""
    now = before_bytes + by_bytes
    sizes = {"before_bytes": before_bytes, "now_bytes": now, "change_bytes": by_bytes}
    kind = {
        "kind": "heap_arena",
        "kind_before_bytes": before_bytes - 8 * MIB,
        "kind_now_bytes": now - 8 * MIB,
    }
    process = {"pid": 4711, "start_ticks": 4200, "comm": "java"}
    change = Change.GREW if by_bytes > 0 else Change.SHRANK
    return row(change, Subject.PROCESS, host, service, **(sizes | kind | process | known))


def changes_of(*rows: ChangeRow, beyond: tuple[ChangeCount, ...] = ()) -> Changes:
    """The changes of a report: these rows in their order, and counts of those beyond the table's limit."""
    placed = [replace(one, place=place) for place, one in enumerate(rows, start=1)]
    table = pl.DataFrame([astuple(one) for one in placed], schema=schema_of(CHANGES), orient="row")
    counts: dict[tuple[str, str], int] = {}
    for one in rows:
        counts[one.change, one.subject] = counts.get((one.change, one.subject), 0) + 1
    told = tuple(ChangeCount(*sort, count, None) for sort, count in counts.items())
    return Changes(RowTable(table, ChangeRow), (*told, *beyond))


def group(standing: Standing, code: str = "many_arenas", **known: object) -> FindingGroup:
    """A group of findings with two members."""
    of: dict[str, object] = {
        "fingerprint": "0123456789abcdef",
        "standing": standing.value,
        "code": code,
        "severity": "warning",
        "service": "checkout.service",
        "kind": "heap_arena",
        "members": 2,
        "hosts": 2,
        "bytes": 1200 * MIB,
        "before_bytes": 900 * MIB,
        "since_at": "2026-11-20T05:00:00+00:00",
        "since_run": "20261120T050000Z-adhoc-beef",
        "resolved_at": "",
        "owner": "payments",
        "mute_reason": "",
        "muted_until": "",
        "title": "2 of 6 processes of checkout.service have 40 arenas",
        "advice": "Set MALLOC_ARENA_MAX=2 and restart",
        "confirm": "compare RssAnon after a day",
        "not_shown": "how much of it is free",
        "rests_on": "",
        "first": (
            Member("app-03", 4711, "java", 796 * MIB, "40 arenas"),
            Member("app-04", 12, "java", 404 * MIB, "38 arenas"),
        ),
    }
    made: FindingGroup = cast("Callable[..., FindingGroup]", FindingGroup)(**(of | known))
    return made


def compared(
    report: "Report", changes: Changes, findings: tuple[FindingGroup, ...] = (), at: str = COMPARED_AT
) -> "Report":
    """The report, compared with a run of the day before."""
    before = "20261122T050000Z-adhoc-beef"
    run = replace(report.run, compared_with=before, compared_at=at, past_runs=1)
    run = replace(run, findings_compared_with=before, findings_compared_at=at)
    return replace(report, run=run, changes=changes, findings=findings)
