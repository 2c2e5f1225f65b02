"""One host of a run: what its result and the settled tables say, without those of other hosts."""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import polars as pl

from archive import tables
from archive.results import Result
from archive.run import Run
from domain.mistakes import Mistake, OperatorError
from procmaps.findings import Severity
from reports.columns.column import names_of
from reports.columns.columns import HOSTS
from reports.columns.columns import PROCESSES as PROCESS_COLUMNS
from reports.tables import kinds, sections, settled
from reports.tables.measures import NATIVE
from reports.tables.settled import Settled
from reports.tables.status import ANSWERED

Row: TypeAlias = dict[str, Any]  # by column; None: unknown

FINDING_COLUMNS: Final = tuple(tables.FINDING_SCHEMA)
_OF_FLEET: Final = ("rank", "stack_rank", "peer_excess_bytes", "bloat_bytes")
_GRAVITY: Final = pl.col("severity").replace_strict(
    {severity.label: -int(severity) for severity in Severity}, default=1, return_dtype=pl.Int64
)


@dataclass(frozen=True, slots=True)
class OneHost:
    """What a run knows of one host. The tables are empty unless it answered."""

    fleet: Row  # the row of the run: scope, started_at, compared_at, ...
    host: Row  # by reports.columns.columns.HOSTS
    processes: (
        pl.DataFrame
    )  # by reports.columns.columns.PROCESSES: the most native heap first, unknown last, then by pid
    footprints: pl.DataFrame  # by reports.columns.columns.FOOTPRINTS
    kinds: pl.DataFrame  # of the whole host, by reports.tables.kinds.COLUMNS
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

    Costs one part of the tables, however many hosts the run has. OperatorError if a file is damaged or gone.
    """
    number, host = _host(tables_of, name)
    ((fleet),) = tables_of.table(settled.FLEET).iter_rows(named=True)
    result = _result(run, name) if host["status"] in ANSWERED else None
    own = tables_of.part(settled.PROCESSES, number, names_of(PROCESS_COLUMNS)).filter(pl.col("host") == name)
    processes = own.sort([NATIVE, "pid"], descending=[True, False], nulls_last=True, maintain_order=True)
    answers = [result] if result else []
    numbered, found = sections.footprints(answers), sections.findings(answers)
    limits = processes.select("host", "pid", "rss_anon_bytes")
    if tables_of.closed.closed_at == "":  # a run so far, of which only this host is known
        host |= dict.fromkeys(_OF_FLEET)
    return OneHost(
        fleet=fleet,
        host=host,
        processes=processes,
        footprints=sections.with_families(numbered),
        kinds=kinds.of_hosts(numbered, limits).drop("host"),
        findings=found.drop("host").sort(_GRAVITY, maintain_order=True),
        rules_version=result.record.rules_version if result else "",
        notes=result.record.notes if result else (),
    )


def _host(tables_of: Settled, name: str) -> tuple[int, Row]:
    """The number of the part that has a host, and its row."""
    for number in range(tables_of.count(settled.HOSTS)):
        if name in tables_of.part(settled.HOSTS, number, ("name",))["name"]:
            rows = tables_of.part(settled.HOSTS, number, names_of(HOSTS)).filter(pl.col("name") == name)
            return number, next(rows.iter_rows(named=True))
    place = f"{tables_of.run.run_id}: {settled.HOSTS}"
    raise OperatorError(
        Mistake(place, f"has no row for {name}", f"mapsweep reclassify {tables_of.run.run_id}")
    )


def _result(run: Run, name: str) -> Result:
    try:
        return run.read_result(name)
    except FileNotFoundError:
        remedy = f"mapsweep reclassify {run.run_id} makes it from its dump, if that is kept"
        raise OperatorError(Mistake(f"{run.run_id}: result of {name}", "is gone", remedy)) from None


def _is_of(process: Row) -> pl.Expr:
    same_start: pl.Expr = pl.col("start_ticks").eq_missing(pl.lit(process["start_ticks"], pl.Int64))
    same: pl.Expr = same_start & (pl.col("pid") == process["pid"])
    return same
