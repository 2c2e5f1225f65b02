"""What became of a host, a service or a process over many runs: a row a run, read from its closed tables.

Of each run only the part of a table with that host is read, and of it a few columns, so that a year of nights
takes seconds.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import polars as pl

from reports.columns.column import Column, Unit, change, count, names_of, schema_of, size, text
from reports.tables import settled
from reports.tables.measures import NATIVE
from reports.tables.settled import Settled
from reports.tables.status import ANSWERED

ANON: Final = ("rss_anon_bytes", "swap_bytes")
GROWTH: Final = "anon_growth_bytes"
NOT_ASKED: Final = "not asked"  # the run had no such host
ABSENT: Final = "absent"  # the run saw no such process
OK: Final = "ok"

COLUMNS: Final[tuple[Column, ...]] = (
    text("run_id", "Run", "the run", "The run", 32),
    Column("started_at", "Started", Unit.TIME, "the run", 25, "When the run began"),
    text("scope", "Name", "the run", "What the run is called", 12),
    text("status", "Status", "the run", "ok, partial, failed, not asked (no such host), or absent", 9),
    text("stage", "Stage", "the run", "The stage at which the sweep of the host failed", 9),
    text("reason", "Reason", "the run", "Why the host is partial or failed", 24),
    count("members", "Members", "the run", "Processes of the service, or processes that are alike"),
    count("hosts", "Hosts", "the run", "Hosts on which the service runs"),
    size(NATIVE, "Native heap", "the run", "Upper bound of the resident native heap"),
    size("native_heap_resident_bytes", "Native heap resident", "smaps", "The same if it is exactly known"),
    size("rss_anon_bytes", "RssAnon", "status RssAnon", "Resident anonymous memory"),
    size("swap_bytes", "Swap", "status VmSwap", "Swapped-out anonymous memory"),
    change(
        GROWTH,
        "Growth",
        "status",
        "Change of RssAnon and VmSwap since the run before, over processes that were not restarted",
    ),
    count("restarted", "Restarted", "the run compared with", "Processes that were restarted since then"),
    count("threads", "Threads", "status", "Threads"),
    text("evidence", "Evidence", "the run", "maps or smaps; native heaps of the two do not compare", 6),
    text("rules_version", "Rules", "the run", "The version of the rules; native heaps of two do not compare"),
)
_NUMBERS: Final = (*(NATIVE, "native_heap_resident_bytes"), *ANON, GROWTH, "restarted", "threads")
_HOST: Final = ("name", "status", "stage", "reason", *_NUMBERS)
_SERVICE: Final = ("service", "members", "hosts", *_NUMBERS)
_IDENTITY: Final = ("service", "exe", "arguments")
_PROCESS: Final = (
    *("host", "pid", "start_ticks", *_IDENTITY, NATIVE, "native_heap_resident_bytes"),
    *(*ANON, "threads", "evidence"),
)

_SUMMED: Final = (*ANON, "threads", NATIVE, "native_heap_resident_bytes")

Values: TypeAlias = dict[str, str | int | float | None]
Reader: TypeAlias = Callable[[Settled], Values]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a process keeps over restarts, and so what it is followed by."""

    host: str
    service: str
    exe: str
    arguments: str


def history(runs: Iterable[Settled], read: Reader) -> pl.DataFrame:
    """A row of COLUMNS a run, in the order of `runs`, which is that of time."""
    rows = [{**_of_run(tables), **read(tables)} for tables in runs]
    blank = {name: "" if kind is pl.String else None for name, kind in schema_of(COLUMNS).items()}
    table = pl.DataFrame(
        [tuple((blank | row)[name] for name in names_of(COLUMNS)) for row in rows],
        schema=schema_of(COLUMNS),
        orient="row",
    )
    return _with_growth(table)


def _of_run(tables: Settled) -> Values:
    ((evidence, rules),) = tables.table(settled.FLEET, ("evidence", "rules_version")).iter_rows()
    manifest = tables.manifest
    return {
        "run_id": manifest.run_id,
        "started_at": manifest.started_at,
        "scope": manifest.scope.name,
        "evidence": evidence,
        "rules_version": rules,
    }


def _with_growth(table: pl.DataFrame) -> pl.DataFrame:
    """Growth that a run did not keep is that of the sums, where nothing was restarted in between."""
    levels = pl.col(ANON[0]) + pl.col(ANON[1])
    same = (pl.col("restarted") == 0) & (pl.col("members").eq_missing(pl.col("members").shift()))
    between = pl.when(same).then(levels - levels.shift())
    return table.with_columns(pl.coalesce(GROWTH, between).alias(GROWTH))


class HostReader:
    """Finds a host in one run after the other; it is most often in the part where it was before."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._part = 0

    def __call__(self, tables: Settled) -> Values:
        """The row of the host."""
        found = self.row(tables)
        return (
            {"status": NOT_ASKED} if found is None else {name: found[name] for name in found if name in _KEPT}
        )

    def row(self, tables: Settled) -> Values | None:
        """The columns of the host that a history has; None if the run does not ask it."""
        for number in self.parts(tables):
            rows = _wanted(tables, settled.HOSTS, number, _HOST).filter(pl.col("name") == self._host)
            if rows.height:
                self._part = number
                return next(rows.iter_rows(named=True))
        return None

    def parts(self, tables: Settled) -> Iterator[int]:
        """All parts, those first that are near to where the host was in the run before."""
        yield from sorted(range(tables.count(settled.HOSTS)), key=lambda number: abs(number - self._part))

    @property
    def part(self) -> int:
        """Where it was found."""
        return self._part


class ProcessReader:
    """Follows a process over restarts, by its host, service, program and arguments.

    Processes that are alike in all of these are told as their sum, because none of them can be followed.
    """

    def __init__(self, process: Identity) -> None:
        self._process = process
        self._host = HostReader(process.host)
        self._before: set[tuple[int, int | None]] | None = None

    @property
    def host(self) -> str:
        """The name of its host."""
        return self._process.host

    @property
    def pids(self) -> tuple[int, ...]:
        """Its pids in the last run that was read and whose host answered; none if it was absent."""
        return tuple(sorted(pid for pid, _ in self._before or ()))

    def __call__(self, tables: Settled) -> Values:
        """The sum of the processes that are alike."""
        host = self._host.row(tables)
        if host is None or host["status"] not in ANSWERED:
            return {"status": NOT_ASKED} if host is None else {key: host[key] for key in _ENDING}
        own = _wanted(tables, settled.PROCESSES, self._host.part, _PROCESS).filter(_is_alike(self._process))
        if own.is_empty():
            self._before = set()
            return {"status": ABSENT}
        now = {(pid, ticks) for pid, ticks in own.select("pid", "start_ticks").iter_rows()}
        restarted = None if self._before is None else min(len(now - self._before), len(self._before - now))
        self._before = now
        return {
            "status": OK,
            "members": own.height,
            "evidence": "/".join(own["evidence"].unique().sort()),
            "restarted": restarted,
            **{name: _sum(own[name]) for name in _SUMMED},
        }


class ServiceReader:
    """A service over all hosts of a run."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, tables: Settled) -> Values:
        """The row of the service."""
        rows = _wanted(tables, settled.SERVICES, 0, _SERVICE).filter(pl.col("service") == self._service)
        if rows.is_empty():
            return {"status": ABSENT}
        found = next(rows.iter_rows(named=True))
        return {"status": OK, **_kept(found)}


_ENDING: Final = ("status", "stage", "reason")
_KEPT: Final = frozenset(names_of(COLUMNS))


def _kept(row: Values) -> Values:
    return {name: value for name, value in row.items() if name in _KEPT}


def _is_alike(process: Identity) -> pl.Expr:
    same = pl.col("host") == process.host
    for name in _IDENTITY:
        same &= pl.col(name).fill_null("") == getattr(process, name)
    return same


def _sum(values: pl.Series) -> int | None:
    """The sum, unknown as soon as one of them is."""
    return None if values.null_count() else int(values.sum())


def _wanted(tables: Settled, name: str, number: int, wanted: Sequence[str]) -> pl.DataFrame:
    """These columns of a part of a table; null where an older mapsweep did not keep one."""
    rows = tables.part(name, number, wanted)
    missing = [pl.lit(None, pl.Int64).alias(each) for each in wanted if each not in rows.columns]
    return rows.with_columns(missing).select(wanted)
