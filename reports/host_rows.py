"""The rows of hosts out of the tables of a run: figures, findings, and the processes that a report shows."""

from collections.abc import Iterable, Iterator

import polars as pl

from reports import settled
from reports.kinds import COLUMNS
from reports.rows import Advice, HostRow, KindRow, ProcessRow, field_names
from reports.settled import Settled

FINDINGS_A_HOST_MAX = 100  # shown of one host; the table has them all
SEVERITIES = ("alarm", "warning", "info")
_NOT_IN_THE_TABLE = {"shown", "kinds", "advice"}
_FIELDS = field_names(HostRow) - _NOT_IN_THE_TABLE
_PROCESS_FIELDS = field_names(ProcessRow) - {"kinds"}
_KIND_COLUMNS = tuple(name for name in COLUMNS if name != "family")
_ADVICE_COLUMNS = ("code", "severity", "host", "pid", "comm", "evidence", "advice", "confirm", "not_shown")


def host_rows(tables: Settled, host_kinds: pl.DataFrame) -> Iterator[HostRow]:
    """A row a host asked, in the order of the report."""
    kinds_of = _by_host(host_kinds)
    shown_of = _by_host(pl.concat(part.filter("shown") for part in tables.parts(settled.PROCESSES)))
    process_kinds_of = _by_host(tables.table(settled.PROCESS_KINDS))
    findings_of = _by_host(tables.table(settled.FINDINGS))
    hosts = tables.table(settled.HOSTS).sort("place").with_columns(pl.col("others").fill_null(0))
    for values in hosts.iter_rows(named=True):
        name = values["name"]
        yield HostRow(
            **{field: values[field] for field in _FIELDS},
            shown=_shown(shown_of.get(name), process_kinds_of.get(name)),
            kinds=tuple(kind_rows(kinds_of[name])) if name in kinds_of else (),
            advice=_advice(findings_of.get(name)),
        )


def _by_host(table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {str(key): rows for (key,), rows in table.partition_by("host", as_dict=True).items()}


def kind_rows(table: pl.DataFrame) -> Iterator[KindRow]:
    """The rows of a table of kinds."""
    return (KindRow(*row) for row in table.select(_KIND_COLUMNS).iter_rows())


def _advice(findings: pl.DataFrame | None) -> tuple[Advice, ...]:
    """What was found on a host, the gravest first."""
    if findings is None:
        return ()
    rows = findings.head(FINDINGS_A_HOST_MAX).select(_ADVICE_COLUMNS).iter_rows()
    return tuple(sorted((Advice(*row) for row in rows), key=gravity))


def _shown(processes: pl.DataFrame | None, kinds: pl.DataFrame | None) -> tuple[ProcessRow, ...]:
    """The processes of a host that a report shows, with their kinds."""
    if processes is None:
        return ()
    kinds_of: dict[int, list[KindRow]] = {}
    if kinds is not None:
        for pid, row in zip(kinds["pid"], kind_rows(kinds), strict=True):
            kinds_of.setdefault(pid, []).append(row)
    return tuple(
        ProcessRow(
            **{field: row[field] for field in _PROCESS_FIELDS}, kinds=tuple(kinds_of.get(row["pid"], ()))
        )
        for row in processes.sort("host_place").iter_rows(named=True)
    )


def added(amounts: Iterable[int | None]) -> int | None:
    """The sum over what is known; None where nothing is."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


def gravity(advice: Advice) -> int:
    """The place of a finding's severity, the gravest first."""
    return SEVERITIES.index(advice.severity) if advice.severity in SEVERITIES else len(SEVERITIES)
