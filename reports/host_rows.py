"""A row a host that was asked: its figures, the processes that a report shows, their kinds, its findings."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import polars as pl

from archive.records import HostRecord
from archive.runs import Outcome, Run
from reports import answers, kinds
from reports.measures import NATIVE, Frames
from reports.rows import Advice, HostRow, ProcessRow, field_names
from reports.status import Status

PROCESSES_A_HOST_MAX = 20  # shown in a report; processes.csv has them all
STACK_PROCESSES_A_HOST_MAX = 5  # of these at most so many for their stacks alone
SEVERITIES = ("alarm", "warning", "info")
STACKS = "stacks_resident_max_bytes"
_NOT_MEASURED = {"rank", "stack_rank", "name", "status", "stage", "reason", "detail", "remedy"}
_NOT_MEASURED |= {"shown", "others", "others_native_heap_bytes", "others_stacks_bytes", "kinds", "advice"}
_MEASURED = field_names(HostRow) - _NOT_MEASURED
_PROCESS_FIELDS = field_names(ProcessRow) - {"kinds"}


def host_rows(
    run: Run, tables: Frames, outcomes: tuple[Outcome, ...], statuses: Mapping[str, Status]
) -> Iterator[HostRow]:
    """A row a host asked, not yet in order."""
    asked = pl.DataFrame({"host": [outcome.host.name for outcome in outcomes]}, schema={"host": pl.String})
    table = asked.join(tables.hosts, on="host", how="left", maintain_order="left")
    measured = table.with_columns(pl.col(pl.String).fill_null("")).iter_rows(named=True)
    by_host = tables.processes.partition_by("host", as_dict=True, maintain_order=True)
    for outcome, values in zip(outcomes, measured, strict=True):
        stands = statuses[outcome.host.name]
        row = HostRow(
            rank=None,
            stack_rank=None,
            name=outcome.host.name,
            status=stands.status,
            stage=stands.stage,
            reason=stands.reason,
            detail=stands.detail,
            remedy=stands.remedy,
            **{field: values[field] for field in _MEASURED},
        )
        if outcome.record is not None:
            row = replace(row, advice=_advice(outcome.record))
        failure, processes = outcome.failure, by_host.get((row.name,))
        if failure is not None and outcome.record is None:
            row = replace(row, at=failure.at, elapsed_s=failure.elapsed_s, attempt=failure.attempt)
        yield row if processes is None else _detailed(row, processes, answers.footprints(run, row.name))


def _advice(record: HostRecord) -> tuple[Advice, ...]:
    """What was found on a host, the gravest first."""
    found = (
        Advice(
            code=each.code,
            severity=each.severity,
            host=record.host,
            pid=each.pid,
            comm=each.comm,
            evidence=each.evidence,
            advice=each.advice,
            confirm=each.confirm,
            not_shown=each.not_shown,
        )
        for each in record.findings
    )
    return tuple(sorted(found, key=gravity))


def _detailed(host: HostRow, processes: pl.DataFrame, footprints: pl.DataFrame) -> HostRow:
    """The host with the processes that a report shows, their kinds, and the sum of the others."""
    shown, others = _shown(processes)
    kinds_of = kinds.of_processes(footprints, shown["pid"].to_list())
    rows = tuple(
        ProcessRow(**{field: row[field] for field in _PROCESS_FIELDS}, kinds=kinds_of.get(row["pid"], ()))
        for row in shown.iter_rows(named=True)
    )
    return replace(
        host,
        shown=rows,
        others=len(others),
        others_native_heap_bytes=added(others[NATIVE].to_list()),
        others_stacks_bytes=added(others[STACKS].to_list()),
        kinds=kinds.of_host(footprints, processes),
    )


def _shown(processes: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The largest processes by native heap, a few for their stacks among them; and the rest."""
    by_heap = processes.sort([NATIVE, "pid"], descending=[True, False], nulls_last=True).with_row_index(
        "_heap"
    )
    by_stack = by_heap.sort([STACKS, "_heap"], descending=[True, False], nulls_last=True).with_row_index(
        "_stack"
    )
    for_stacks = (pl.col("_stack") < STACK_PROCESSES_A_HOST_MAX) & (pl.col(STACKS) > 0)
    chosen = by_stack.sort((~for_stacks).fill_null(value=True), "_heap").with_row_index("_place")
    ordered = chosen.sort("_heap")
    is_shown = pl.col("_place") < PROCESSES_A_HOST_MAX
    return ordered.filter(is_shown), ordered.filter(~is_shown)


def added(amounts: Iterable[int | None]) -> int | None:
    """The sum over what is known; None where nothing is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def gravity(advice: Advice) -> int:
    """The place of a finding's severity, the gravest first."""
    return SEVERITIES.index(advice.severity) if advice.severity in SEVERITIES else len(SEVERITIES)
