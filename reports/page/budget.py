"""What of a run goes into a page of so many bytes, in a fixed order of importance.

Hosts come first, then services, what changed, the findings of services, the last runs, the findings of
processes, the kinds of hosts, the most important processes of each host, and of the most important of these
their mappings, arguments and kinds. Each table is compressed to learn what it
takes; where that is too much, fewer rows are tried. The same run gives the same page.
"""

from dataclasses import dataclass
from typing import Final

import polars as pl

from reports.page import fields, news_part, process_part
from reports.page.container import Packed, pack
from reports.page.news import News
from reports.page.process_part import Known
from reports.page.room import Part, Room, below, counted, first, most
from reports.page.rows import Rows
from reports.tables.severities import FINDINGS_A_HOST_MAX

PAGE_BYTES_MAX: Final = 8_000_000
# Up to this the limit follows the fleet, so that the page of a small one is there at once.
_LEAST_BYTES: Final = 600_000
_FIXED_BYTES: Final = 111_120
_PROCESS_BYTES: Final = 81.48

SERVICES_MAX: Final = 10_000

# At most this share of the bytes that are left when its turn comes.
_HOSTS: Final = 0.9
_SERVICES: Final = 0.25
_FINDINGS: Final = 0.25
_HOST_KINDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Content:
    """The tables of a page, and how much of the run they have."""

    tables: dict[str, Packed]
    parts: dict[str, Part]
    processes_a_host: int  # at most
    findings_a_host: int
    history_hosts: int  # rows of the table of the last runs that are hosts of this run, and
    history_services: int  # the services that follow


def bytes_max(processes: int) -> int:
    """The limit by the number of processes of the fleet: 600 kB up to 6,000, then 81.5 B for each more."""
    return min(PAGE_BYTES_MAX, max(_LEAST_BYTES, _FIXED_BYTES + int(_PROCESS_BYTES * processes)))


def fill(rows: Rows, news: News, kinds_of: Known, mappings_of: Known, room_bytes: int) -> Content:
    """As much of a run as `room_bytes` hold."""
    room = Room(room_bytes)
    hosts, packed_hosts = room.fit(
        _HOSTS, rows.hosts.height, first(rows.hosts, "_host", fields.HOSTS_TABLE.names), fields.BASES
    )
    services, packed_services = room.fit(
        _SERVICES, min(rows.services.height, SERVICES_MAX), rows.services.head, fields.BASES
    )
    told_news = news_part.fill(
        news, rows.hosts["name"].head(hosts), rows.services["service"].head(services), room
    )
    found = below(rows.findings, "_host", hosts)
    a_host = min(FINDINGS_A_HOST_MAX, most(found["_place"]) + 1)
    a_host, packed_findings = room.fit(_FINDINGS, a_host, first(found, "_place", fields.OF_FINDINGS))
    findings = below(found, "_place", a_host)
    with_kinds, packed_kinds = room.fit(
        _HOST_KINDS,
        hosts,
        first(rows.host_kinds, "_host", fields.OF_HOST_KINDS),
        fields.HOST_KINDS_TABLE.bases,
    )
    host_kinds = below(rows.host_kinds, "_host", with_kinds)
    of_processes = process_part.fill(below(rows.processes, "_host", hosts), kinds_of, mappings_of, room)
    counts = {"shown": of_processes.rows, "kinds": host_kinds, "findings": findings}
    told = [counted(some["_host"], hosts).alias(name) for name, some in counts.items()]
    others = _others(rows.hosts.head(hosts), of_processes.rows)
    return Content(
        tables={
            "hosts": packed_hosts.beside(pack(others.with_columns(told))),
            "services": packed_services,
            **told_news.tables,
            "processes": of_processes.processes,
            "kinds": of_processes.kinds,
            "host_kinds": packed_kinds,
            "findings": packed_findings,
            "mappings": of_processes.mappings,
        },
        parts={
            "hosts": Part(hosts, rows.hosts.height),
            "services": Part(services, rows.services.height),
            **told_news.parts,
            "findings": Part(findings.height, int(rows.hosts["_findings"].sum())),
            "host_kinds": Part(with_kinds, rows.hosts.height),
            "processes": Part(of_processes.rows.height, int(rows.hosts["_count"].sum())),
            **of_processes.parts,
        },
        processes_a_host=of_processes.a_host,
        findings_a_host=a_host,
        history_hosts=told_news.history_hosts,
        history_services=told_news.history_services,
    )


def _others(hosts: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """Of each host its other processes: how many, and the sums over them; null if none is known."""
    of_shown = shown.group_by("_host").agg(
        pl.len().cast(pl.Int64).alias("_shown"),
        *(
            each
            for name, alias in (
                ("native_heap_resident_max_bytes", "heap"),
                ("stacks_resident_max_bytes", "stacks"),
            )
            for each in (
                pl.col(name).sum().alias(f"_of_{alias}"),
                pl.col(name).count().alias(f"_of_{alias}_known"),
            )
        ),
    )
    both = hosts.join(of_shown, on="_host", how="left", maintain_order="left")

    def rest(all_of_them: str, some: str) -> pl.Expr:
        return pl.col(all_of_them).fill_null(0).cast(pl.Int64) - pl.col(some).fill_null(0).cast(pl.Int64)

    return both.select(
        rest("_count", "_shown").alias("others"),
        pl.when(rest("_native_known", "_of_heap_known") > 0)
        .then(rest("_native", "_of_heap"))
        .alias("others_native_heap_bytes"),
        pl.when(rest("_stacks_known", "_of_stacks_known") > 0)
        .then(rest("_stacks", "_of_stacks"))
        .alias("others_stacks_bytes"),
    )
