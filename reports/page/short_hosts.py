"""What the page says of hosts without its script: of the first ones, and of all to which it has links."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from reports.page.rows import Rows
from reports.rows import Extent, HostRow

PROCESSES_MAX: Final = 3  # of a host, the largest
FINDINGS_MAX: Final = 3  # of a host


@dataclass(frozen=True, slots=True)
class ShortProcess:
    """A process in one line."""

    pid: int
    comm: str
    service: str
    native_heap: Extent
    thread_stacks: Extent
    java_heap: Extent
    threads: int | None
    rss_bytes: int | None
    growth_bytes: int | None
    is_linked: bool


@dataclass(frozen=True, slots=True)
class ShortFinding:
    """A finding in one line."""

    severity: str
    pid: int
    comm: str
    evidence: str
    advice: str


@dataclass(frozen=True, slots=True)
class ShortHost:
    """A host with its largest processes, those to which there are links, and its gravest findings."""

    row: HostRow
    processes: tuple[ShortProcess, ...]
    findings: tuple[ShortFinding, ...]


def short_hosts(
    rows: Rows,
    hosts: Iterable[HostRow],
    named: Mapping[str, AbstractSet[int]],
    processes_max: int = PROCESSES_MAX,
    findings_max: int = FINDINGS_MAX,
) -> list[ShortHost]:
    """The hosts in their order; `named` has the pids to which there are links, by host."""
    wanted = list(hosts)
    names = [host.name for host in wanted]
    pairs = [(host, pid) for host, pids in named.items() for pid in sorted(pids)]
    linked = pl.DataFrame(pairs, schema={"host": pl.String, "pid": pl.Int64}, orient="row")
    processes = _of_each(
        _processes(rows.processes.filter(pl.col("host").is_in(names)), linked, processes_max)
    )
    few = rows.findings.filter(pl.col("host").is_in(names) & (pl.col("_place") < findings_max))
    findings = _of_each(few)
    return [
        ShortHost(
            host,
            tuple(map(_process, processes.get(host.name, ()))),
            tuple(map(_finding, findings.get(host.name, ()))),
        )
        for host in wanted
    ]


def _processes(processes: pl.DataFrame, linked: pl.DataFrame, processes_max: int) -> pl.DataFrame:
    """The largest processes and those to which there are links."""
    place = pl.int_range(pl.len()).over("host")
    is_linked = linked.unique().with_columns(pl.lit(value=True).alias("_linked"))
    return processes.join(is_linked, on=["host", "pid"], how="left", maintain_order="left").filter(
        (place < processes_max) | pl.col("_linked")
    )


def _of_each(table: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """The rows of each host."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in table.iter_rows(named=True):
        rows.setdefault(row["host"], []).append(row)
    return rows


def _process(row: Mapping[str, Any]) -> ShortProcess:
    return ShortProcess(
        pid=row["pid"],
        comm=row["comm"] or row["exe"],
        service=row["service"],
        native_heap=_extent(row, "native_heap"),
        thread_stacks=_extent(row, "stacks"),
        java_heap=_extent(row, "java_heap"),
        threads=row["threads"],
        rss_bytes=row["rss_bytes"],
        growth_bytes=row["growth_bytes"],
        is_linked=bool(row["_linked"]),
    )


def _extent(row: Mapping[str, Any], measure: str) -> Extent:
    return Extent(row[f"{measure}_resident_max_bytes"], row[f"{measure}_resident_bytes"])


def _finding(row: Mapping[str, Any]) -> ShortFinding:
    return ShortFinding(row["severity"], row["pid"], row["comm"], row["evidence"], row["advice"])
