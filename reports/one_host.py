"""One host of a run: what its result and the settled tables say, without those of other hosts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import polars as pl

from archive import tables
from archive.results import FINDINGS, FOOTPRINTS, Result
from archive.run import Run
from procmaps.findings import Severity
from procmaps.kinds import KIND_BY_LABEL
from reports import kinds, settled
from reports.column import names_of
from reports.columns import FOOTPRINTS as FOOTPRINT_COLUMNS
from reports.columns import HOSTS
from reports.columns import PROCESSES as PROCESS_COLUMNS
from reports.measures import NATIVE
from reports.settled import Settled
from reports.status import ANSWERED

Row: TypeAlias = dict[str, Any]  # by column; None: unknown

FINDING_COLUMNS: Final = tuple(tables.FINDING_SCHEMA)
_OF_FLEET: Final = ("rank", "stack_rank", "peer_excess_bytes", "bloat_bytes")
_GRAVITY: Final = {severity.label: -int(severity) for severity in Severity}


@dataclass(frozen=True, slots=True)
class OneHost:
    """What a run knows of one host. The tables are empty unless it answered."""

    fleet: Row  # the row of the run: scope, started_at, compared_at, ...
    host: Row  # by reports.columns.HOSTS
    processes: (
        pl.DataFrame
    )  # by reports.columns.PROCESSES: the most native heap first, unknown last, then by pid
    footprints: pl.DataFrame  # by reports.columns.FOOTPRINTS
    kinds: pl.DataFrame  # of the whole host, by reports.kinds.COLUMNS
    findings: pl.DataFrame  # FINDING_COLUMNS, the gravest first
    rules_version: str  # of its result; "" unless it answered
    notes: tuple[str, ...] = ()  # what was odd in what it sent

    @property
    def answered(self) -> bool:
        """Whether it gave a result."""
        return self.host["status"] in ANSWERED

    def footprints_of(self, process: Row) -> pl.DataFrame:
        """The kinds of one process, each block size by itself, the most that can be resident first."""
        own = self.footprints.filter(_is_of(process))
        most = ["resident_max_bytes", "reserved_bytes"]
        return own.sort(most, descending=True, nulls_last=True, maintain_order=True)

    def findings_of(self, process: Row) -> pl.DataFrame:
        """The findings about one process."""
        return self.findings.filter(_is_of(process))


def one_host(tables_of: Settled, run: Run, name: str) -> OneHost:
    """What a run knows of a host that it asks. `tables_of` are its tables, or those of this host so far.

    Costs one part of the tables, however many hosts the run has. OperatorError if a file is damaged.
    """
    number, host = _host(tables_of, name)
    ((fleet),) = tables_of.table(settled.FLEET).iter_rows(named=True)
    result = run.read_result(name) if host["status"] in ANSWERED else None
    own = tables_of.part(settled.PROCESSES, number, names_of(PROCESS_COLUMNS)).filter(pl.col("host") == name)
    processes = own.sort([NATIVE, "pid"], descending=[True, False], nulls_last=True, maintain_order=True)
    footprints = _footprints(result, name)
    limits = processes.select("host", "pid", "rss_anon_bytes")
    if tables_of.closed.closed_at == "":  # a run so far, of which only this host is known
        host |= dict.fromkeys(_OF_FLEET)
    return OneHost(
        fleet=fleet,
        host=host,
        processes=processes,
        footprints=footprints.select(names_of(FOOTPRINT_COLUMNS)),
        kinds=kinds.of_hosts(kinds.numbered(footprints), limits).drop("host"),
        findings=_findings(result, name),
        rules_version=result.record.rules_version if result else "",
        notes=result.record.notes if result else (),
    )


def _host(tables_of: Settled, name: str) -> tuple[int, Row]:
    """The number of the part that has a host, and its row."""
    for number in range(tables_of.count(settled.HOSTS)):
        if name in tables_of.part(settled.HOSTS, number, ("name",))["name"]:
            rows = tables_of.part(settled.HOSTS, number, names_of(HOSTS)).filter(pl.col("name") == name)
            return number, next(rows.iter_rows(named=True))
    raise KeyError(name)


def _is_of(process: Row) -> pl.Expr:
    same_start: pl.Expr = pl.col("start_ticks").eq_missing(pl.lit(process["start_ticks"], pl.Int64))
    same: pl.Expr = same_start & (pl.col("pid") == process["pid"])
    return same


def _footprints(result: Result | None, name: str) -> pl.DataFrame:
    """The footprints of a result as the table of a run has them."""
    rows = _section(result, FOOTPRINTS, name, tables.FOOTPRINT_SCHEMA)
    families = {label: kind.family.label for label, kind in KIND_BY_LABEL.items()}
    family = pl.col("kind").replace_strict(families, default="", return_dtype=pl.String).alias("family")
    return rows.with_columns(pl.lit(name).alias("host"), family)


def _findings(result: Result | None, name: str) -> pl.DataFrame:
    rows = _section(result, FINDINGS, name, tables.FINDING_SCHEMA)
    gravity = pl.col("severity").replace_strict(_GRAVITY, default=1, return_dtype=pl.Int64)
    return rows.sort(gravity, maintain_order=True)


def _section(
    result: Result | None, section: str, name: str, schema: dict[str, type[pl.DataType]]
) -> pl.DataFrame:
    """A section of a result with the columns of today; what an older one does not have is unknown."""
    empty = pl.DataFrame(schema=schema)
    if result is None:
        return empty
    rows = tables.from_ipc(result.sections[section], f"{section} of {name}")
    return pl.concat([empty, rows], how="diagonal_relaxed").select(*_filled(schema))


def _filled(schema: dict[str, type[pl.DataType]]) -> Iterator[pl.Expr]:
    """Unknown text is empty, as in the tables of a run."""
    for column, kind in schema.items():
        yield pl.col(column).fill_null("") if kind is pl.String else pl.col(column)
