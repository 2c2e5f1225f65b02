"""report.json: the whole report, with the names of `reports.columns`; sizes are integers, unknown is null."""

import json
from collections.abc import Iterator
from typing import TypeAlias

from reports import json_rows
from reports.column import Column, by_name
from reports.columns import FOOTPRINTS, SERVICES
from reports.report import Report, RunFacts, Totals
from reports.rows import Cell, Extent, KindRow, ServiceRow, cell

SCHEMA_VERSION = 1

Json: TypeAlias = "Cell | list[Json] | dict[str, Json]"

_KINDS = by_name(
    FOOTPRINTS,
    "kind",
    "family",
    "block_bytes",
    "count",
    "reserved_bytes",
    "committed_bytes",
    "resident_bytes",
    "resident_max_bytes",
)


def render(report: Report) -> Iterator[bytes]:
    """One JSON document in ASCII, a line a host and a service; the same report gives the same pieces."""
    head: dict[str, Json] = {
        "schema_version": SCHEMA_VERSION,
        "run": run_of(report.run),
        "totals": totals_of(report.totals),
        "failures": [
            {
                "status": group.status,
                "stage": group.stage,
                "reason": group.reason,
                "remedy": group.remedy,
                "hosts": list(group.hosts),
            }
            for group in report.failures
        ],
    }
    members = "".join(f"{_text(name)}:{_text(value)},\n" for name, value in head.items())
    services = ",\n".join(_text(_row(row, SERVICES)) for row in report.services)
    yield f'{{\n{members}"services":[\n{services}\n],\n"hosts":[\n'.encode("ascii")
    between = b""
    for host in json_rows.hosts(report.tables):
        yield between
        yield host
        between = b",\n"
    yield b"\n]\n}\n"


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def run_of(run: RunFacts) -> dict[str, Json]:
    return {
        "run_id": run.run_id,
        "scope": run.scope,
        "hosts": run.hosts,
        "evidence": run.evidence,
        "become": run.become,
        "due_at": run.due_at or None,
        "started_at": run.started_at,
        "closed_at": run.closed_at or None,
        "asked": run.asked,
        "ok": run.ok,
        "partial": run.partial,
        "failed": run.failed,
        "tool_version": run.tool_version,
        "rules_version": run.rules_version,
        "command": run.command,
        "compared_with": run.compared_with or None,
        "past_runs": run.past_runs,
    }


def totals_of(totals: Totals) -> dict[str, Json]:
    return {
        **_extent("native_heap", totals.native_heap),
        "native_heap_least_bytes": totals.native_range.least_bytes,
        "native_heap_most_bytes": totals.native_range.most_bytes,
        "growth_bytes": totals.growth_bytes,
        "bloat_bytes": totals.bloat_bytes,
        "stacks": totals.stacks,
        **_extent("stacks", totals.thread_stacks),
        **_extent("java_heap", totals.java_heap),
        "doubtful": totals.doubtful,
        "guessed_bytes": totals.guessed_bytes,
        "present_bytes": totals.present_bytes,
        "threads": totals.threads,
        "sent": totals.sent,
        "denied": totals.denied,
        "rss_bytes": totals.rss_bytes,
        "swap_bytes": totals.swap_bytes,
        "mem_total_bytes": totals.mem_total_bytes,
        "kinds": [_kind(row) for row in totals.kinds],
    }


def _extent(name: str, extent: Extent) -> dict[str, Json]:
    return {
        f"{name}_resident_max_bytes": extent.resident_max_bytes,
        f"{name}_resident_bytes": extent.resident_bytes,
        f"{name}_committed_bytes": extent.committed_bytes,
        f"{name}_reserved_bytes": extent.reserved_bytes,
    }


def _row(row: ServiceRow, columns: tuple[Column, ...]) -> dict[str, Json]:
    return {column.name: cell(row, column.name) for column in columns}


def _kind(row: KindRow) -> dict[str, Json]:
    values: dict[str, Json] = {
        "kind": row.kind,
        "family": row.family.label,
        "block_bytes": row.block_bytes,
        "count": row.count,
        "reserved_bytes": row.reserved_bytes,
        "committed_bytes": row.committed_bytes,
        "resident_bytes": row.resident_bytes,
        "resident_max_bytes": row.resident_max_bytes,
    }
    return {column.name: values[column.name] for column in _KINDS}
