"""Reports made by hand, for what shows them."""

from dataclasses import astuple, fields
from typing import TYPE_CHECKING, cast

import polars as pl

from reports.changes.changes import Changes
from reports.changes.rows import ChangeRow
from reports.columns.change_columns import CHANGES
from reports.columns.column import schema_of
from reports.report import FailureGroup, Report, RunFacts, Totals
from reports.row_table import RowTable
from reports.rows import UNKNOWN_RANGE, Extent, HostRow, ServiceRow, field_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from reports.tables.settled import Settled

GIB, MIB = 2**30, 2**20


def host(
    name: str,
    native_bytes: int | None,
    stacks_bytes: int | None = None,
    rank: int | None = None,
    comm: str = "java",
) -> HostRow:
    """A host of which only its measures are known."""
    known: dict[str, object] = {
        "name": name,
        "rank": rank,
        "status": "ok" if native_bytes is not None else "failed",
        "native_heap_resident_max_bytes": native_bytes,
        "stacks_resident_max_bytes": stacks_bytes,
        "largest": f"{comm} (4711)" if native_bytes else "",
        "largest_pid": 4711 if native_bytes is not None else None,
    }
    return _row(known)


def _row(known: dict[str, object]) -> HostRow:
    """A row whose other texts are empty and whose other figures are unknown."""
    blank: dict[str, object] = {one.name: "" if one.type in {str, "str"} else None for one in fields(HostRow)}
    made: HostRow = cast("Callable[..., HostRow]", HostRow)(**(blank | {"others": 0} | known))
    return made


def host_rows(hosts: list[HostRow]) -> RowTable[HostRow]:
    """The hosts as a report has them."""
    types = {str: pl.String, float: pl.Float64}
    schema = {
        one.name: next((made for kind, made in types.items() if kind.__name__ in str(one.type)), pl.Int64)
        for one in fields(HostRow)
    }
    return RowTable(pl.DataFrame([astuple(row) for row in hosts], schema=schema, orient="row"), HostRow)


def fleet(hosts: list[HostRow], failures: tuple[FailureGroup, ...] = ()) -> Report:
    """The report of a run of these hosts."""
    failed = sum(row.status == "failed" for row in hosts)
    native = Extent(resident_max_bytes=sum(row.native_heap_resident_max_bytes or 0 for row in hosts))
    stacks = Extent(resident_max_bytes=sum(row.stacks_resident_max_bytes or 0 for row in hosts))
    run = RunFacts(
        run_id="20261123T050000Z-adhoc-beef",
        scope="adhoc",
        hosts="prod-*",
        evidence="maps",
        become=False,
        started_at="2026-11-23T05:00:00+00:00",
        closed_at="2026-11-23T05:01:00+00:00",
        asked=len(hosts),
        ok=len(hosts) - failed,
        partial=0,
        failed=failed,
        tool_version="0.1.0",
        rules_version="1",
        command="mapsweep collect --hosts 'prod-*'",
    )
    sums: dict[str, object] = {one.name: None for one in fields(Totals)}
    sums |= {"native_heap": native, "thread_stacks": stacks, "stacks": 1234, "denied": 0, "kinds": ()}
    sums |= {"native_range": UNKNOWN_RANGE}
    totals = cast("Callable[..., Totals]", Totals)(**sums)
    services = RowTable(pl.DataFrame(schema=dict.fromkeys(field_names(ServiceRow), pl.Int64)), ServiceRow)
    changes = Changes(RowTable(pl.DataFrame(schema=schema_of(CHANGES)), ChangeRow), ())
    return Report(
        run, totals, host_rows(hosts), services, failures, (), changes, (), (), cast("Settled", None)
    )
