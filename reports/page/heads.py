"""The heads of the tables that are in the page without its script."""

from dataclasses import dataclass
from typing import Final

from reports.columns.column import Column, Unit, by_name
from reports.columns.columns import HOSTS, PROCESSES, SERVICES


@dataclass(frozen=True, slots=True)
class Heading:
    """A column as a table's head prints it."""

    name: str
    title: str
    meaning: str
    is_text: bool
    sort: str = ""  # how the table is sorted by it: ascending, descending or not at all


def of_hosts(left_out: frozenset[str]) -> tuple[Heading, ...]:
    """The head of the hosts by native heap."""
    return _headings(HOSTS, _HOSTS, left_out, {"native_heap_resident_max_bytes": "descending"})


def of_stacks(left_out: frozenset[str]) -> tuple[Heading, ...]:
    """The head of the hosts by thread stacks."""
    return _headings(HOSTS, _STACKS, left_out, {"stacks_resident_max_bytes": "descending"})


def of_services(left_out: frozenset[str]) -> tuple[Heading, ...]:
    """The head of the services by native heap."""
    return _headings(SERVICES, _SERVICES, left_out, {"native_heap_resident_max_bytes": "descending"})


def of_processes(left_out: frozenset[str]) -> tuple[Heading, ...]:
    """The head of a host's processes by native heap."""
    return _headings(PROCESSES, _PROCESSES, left_out, {"native_heap_resident_max_bytes": "descending"})


_HOSTS: Final = (
    *("rank", "name", "native_heap_resident_max_bytes", "growth_bytes", "native_heap_range", ""),
    *("bloat_bytes", "of_ram", "rss_bytes", "stacks", "stacks_resident_max_bytes", "stacks_reserved_bytes"),
    *("java_heap_resident_max_bytes", "arena_heaps", "threads", "largest"),
)
_STACKS: Final = (
    *("stack_rank", "name", "stacks_resident_max_bytes", "", "stacks", "stacks_committed_bytes"),
    *("stacks_reserved_bytes", "threads", "most_stacks"),
)
_SERVICES: Final = (
    *("service", "members", "hosts", "native_heap_resident_max_bytes", "growth_bytes", "native_heap_range"),
    *("native_heap_median_bytes", "native_heap_max_bytes", "peer_excess_bytes", "stacks"),
    *("stacks_resident_max_bytes", "largest_host"),
)
_PROCESSES: Final = (
    *("pid", "comm", "service", "native_heap_resident_max_bytes", "growth_bytes", "rss_bytes"),
    *("stacks_resident_max_bytes", "java_heap_resident_max_bytes", "threads"),
)
_DERIVED: Final = {
    "": Heading("", "", "", is_text=False),
    "native_heap_range": Heading(
        "native_heap_range",
        "By labels",
        "Native heap without its guesses, and with all that can be native heap; empty if these are close",
        is_text=False,
    ),
    "of_ram": Heading("of_ram", "of RAM", "Native heap as a share of MemTotal", is_text=False),
    "largest": Heading(
        "largest", "Largest process", "The process with the largest native heap", is_text=True
    ),
    "most_stacks": Heading("most_stacks", "Most stacks", "The process with the largest stacks", is_text=True),
}


def _headings(
    declared: tuple[Column, ...], names: tuple[str, ...], left_out: frozenset[str], sorted_by: dict[str, str]
) -> tuple[Heading, ...]:
    return tuple(
        _DERIVED[name] if name in _DERIVED else _heading(declared, name, sorted_by.get(name, ""))
        for name in names
        if name not in left_out
    )


def _heading(declared: tuple[Column, ...], name: str, sort: str) -> Heading:
    (column,) = by_name(declared, name)
    meaning = f"{column.meaning} ({column.source})"
    return Heading(column.name, column.title, meaning, column.unit is Unit.TEXT, sort)
