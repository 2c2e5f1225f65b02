"""The tables of a closed run, as `reports.closing.settle` wrote them, for outputs, trends and DuckDB.

The table of footprints is made from the results when it is asked for: it says what they say, row by row.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import polars as pl

from archive import tables
from archive.resuming import resume_command
from archive.run import Run
from domain.mistakes import Mistake, OperatorError
from domain.records import Closed, Manifest
from reports.columns import change_columns, columns
from reports.columns.column import schema_of
from reports.columns.group_columns import CARRIED, GROUPS, GROWING, HOLDERS, MUTES
from reports.tables import sections
from reports.tables.status import ANSWERED

FLEET: Final = "fleet"  # one row: the run, and the sums over its hosts
HOSTS: Final = "hosts"  # one row per host of the run
SERVICES: Final = "services"
PROCESSES: Final = "processes"
FOOTPRINTS: Final = "footprints"  # one row per process, kind and block size; only older runs keep it
FINDINGS: Final = "findings"
HOST_KINDS: Final = "host_kinds"  # one row per host and kind
PROCESS_KINDS: Final = "process_kinds"  # one row per kind and block size of the processes that a report shows
CHANGES: Final = "changes"  # what changed since the run compared with, up to a limit
CHANGE_COUNTS: Final = "change_counts"  # how many changes of each sort there are
HISTORY: Final = "history"  # one row per host and service: its figures in the last runs
HISTORY_RUNS: Final = "history_runs"  # those runs
FINDING_GROUPS: Final = "finding_groups"  # one row per fingerprint, also of what is resolved
FINDING_HOLDERS: Final = "finding_holders"  # one row per fingerprint and host, for the next run
FINDING_GROWING: Final = "finding_growing"  # processes that grew and still hold it, for the next run
FINDING_MUTES: Final = "finding_mutes"  # the mutes of the manifest, and what they came to
IN_PARTS: Final = (HOSTS, PROCESSES, FOOTPRINTS, FINDINGS, HOST_KINDS, PROCESS_KINDS)
_LATER: Final[
    dict[str, Mapping[str, pl.DataType | type[pl.DataType]]]
] = {  # tables that an older mapsweep did not write: empty in its runs
    CHANGES: schema_of(change_columns.CHANGES),
    CHANGE_COUNTS: schema_of(change_columns.CHANGE_COUNTS),
    HISTORY: change_columns.HISTORY,
    HISTORY_RUNS: change_columns.HISTORY_RUNS,
    FINDING_GROUPS: {**schema_of(GROUPS), **CARRIED},
    FINDING_HOLDERS: HOLDERS,
    FINDING_GROWING: GROWING,
    FINDING_MUTES: schema_of(MUTES),
}
_DECLARED: Final = {  # an older mapsweep closed runs without some of these
    HOSTS: schema_of(columns.HOSTS),
    SERVICES: schema_of(columns.SERVICES),
    PROCESSES: schema_of(columns.PROCESSES),
    FOOTPRINTS: schema_of(columns.FOOTPRINTS),
    FINDINGS: schema_of(columns.FINDINGS),
}
_COLUMNS: Final[dict[str, Mapping[str, pl.DataType | type[pl.DataType]]]] = {**_DECLARED, **_LATER}


class Settled:
    """The tables of one run; OperatorError if it is not closed, or if an older mapsweep closed it."""

    def __init__(self, run: Run) -> None:
        closed = run.closed()
        if closed is None:
            remedy = f"{resume_command(run)} goes on with it, mapsweep report --so-far shows what has come in"
            raise OperatorError(Mistake(run.run_id, "is not closed yet", remedy))
        if not closed.results:
            raise OperatorError(_older(run))
        self._run = run
        self.closed: Closed = closed

    @property
    def run(self) -> Run:
        """The run."""
        return self._run

    @property
    def manifest(self) -> Manifest:
        """The manifest of the run."""
        return self._run.manifest

    def parts(
        self, name: str, wanted: Sequence[str] | None = None, where: pl.Expr | None = None
    ) -> Iterator[pl.DataFrame]:
        """The parts of a table, hosts by name; of them these columns, and the rows `where` something holds.

        A declared column is empty if the mapsweep that closed the run did not know it. OperatorError if a
        part is damaged or missing.
        """
        read = set(wanted or ()) | set(where.meta.root_names() if where is not None else ())
        for number in range(self.count(name)):
            table = self._part(name, number, sorted(read) if wanted else None)
            if where is not None:
                table = table.filter(where)
            yield _only(table, wanted)

    def has(self, name: str) -> bool:
        """Whether the run has the table: an older mapsweep wrote fewer."""
        try:
            self._run.read_settled(name, 0)
        except FileNotFoundError:
            return False
        return True

    def count(self, name: str) -> int:
        """The number of parts of a table."""
        return self.closed.parts if name in IN_PARTS else 1

    def part(self, name: str, number: int, wanted: Sequence[str] | None = None) -> pl.DataFrame:
        """One part of a table, or these columns of it."""
        return _only(self._part(name, number, wanted), wanted)

    def table(
        self, name: str, wanted: Sequence[str] | None = None, where: pl.Expr | None = None
    ) -> pl.DataFrame:
        """A whole table, or these columns of it, or only the rows `where` something holds."""
        return pl.concat(self.parts(name, wanted, where))

    def _part(self, name: str, part: int, wanted: Sequence[str] | None) -> pl.DataFrame:
        """A part with at least these columns."""
        place = f"{self._run.run_id}: {name}, part {part}"
        try:
            content = self._run.read_settled(name, part)
        except FileNotFoundError:
            if name == FOOTPRINTS:
                return self._footprints(part)
            if name in _LATER:
                return _only(named(pl.DataFrame(schema=_LATER[name]), self.manifest), wanted)
            raise OperatorError(Mistake(place, "is gone", _again(self._run))) from None
        table = tables.from_parquet(content, place, wanted)
        later = [
            pl.lit("" if kind is pl.String else None, kind).alias(column)
            for column, kind in _COLUMNS.get(name, {}).items()
            if column not in table.columns and (wanted is None or column in wanted)
        ]
        return table.with_columns(later)

    def _footprints(self, part: int) -> pl.DataFrame:
        """The footprints of the hosts of a part, from their results."""
        answered = self._part(HOSTS, part, ("name", "status")).filter(pl.col("status").is_in(ANSWERED))
        try:
            answers = [self._run.read_result(host) for host in answered["name"]]
        except FileNotFoundError as error:
            raise OperatorError(Mistake(str(error.filename), "is gone", _again(self._run))) from None
        rows = sections.with_families(sections.footprints(answers))
        return named(rows, self.manifest)


def _only(table: pl.DataFrame, wanted: Sequence[str] | None) -> pl.DataFrame:
    """These columns of a table, as far as it has them."""
    return table.select(name for name in wanted if name in table.columns) if wanted else table


def named(rows: pl.DataFrame, manifest: Manifest) -> pl.DataFrame:
    """Rows of a table as DuckDB reads those of several runs together: `run` and `scope` come first."""
    run, scope = pl.lit(manifest.run_id).alias("run"), pl.lit(manifest.scope.name).alias("scope")
    return rows.select(run, scope, pl.all())


def _older(run: Run) -> Mistake:
    """The error for a run that was closed before these tables existed."""
    if not run.manifest.keep_dumps:
        remedy = "the run kept no dumps, so they cannot be made; its report/ is unchanged"
    else:
        remedy = _again(run)
    return Mistake(run.run_id, "was closed by an older mapsweep with other tables", remedy)


def _again(run: Run) -> str:
    return f"`mapsweep reclassify {run.url}` makes them from its dumps"
