"""Cells of the page's tables that are not declared columns: bars, shares of RAM, omitted processes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from markupsafe import Markup

from reports import doubts, sizes
from reports.column import by_name
from reports.columns import HOSTS
from reports.page_rows import HostHtml
from reports.rows import Extent, HostRow, Range, ServiceRow, cell

BAR_PIXELS = 120
PARTS = (
    ("heap_main", "main heap"),
    ("heap_arena", "arenas"),
    ("heap_mmap", "large blocks"),
    ("heap_allocator", "other allocators"),
)


@dataclass(frozen=True, slots=True)
class Others:
    """The processes of a host that are not shown one by one."""

    count: int
    native_heap_bytes: int | None
    stacks_bytes: int | None


def raw(value: float | None) -> str:
    return "" if value is None else str(value)


def share(part: int, whole: int) -> str:
    """A share in percent; a share above 0 that would round to 0 is shown as less than 1."""
    if not whole:
        return sizes.DASH
    percent = 100 * part / whole
    return "< 1 %" if 0 < percent < 0.5 else f"{percent:.0f} %"


def sortable(value: float | None) -> Markup:
    """The attribute by which a cell is sorted, if its text is not the number itself."""
    return Markup(' data-v="{}"').format(value) if value else Markup()


def of_ram_raw(host: HostRow) -> float | None:
    heap, ram = host.native_heap_resident_max_bytes, host.mem_total_bytes
    return round(heap / ram, 6) if heap is not None and ram else None


def of_ram(host: HostRow) -> str:
    heap, ram = host.native_heap_resident_max_bytes, host.mem_total_bytes
    return share(heap, ram) if heap is not None and ram else sizes.DASH


def by_labels(native: Range) -> str:
    """What the native heap can be by its labels; empty if guesses hardly make a difference."""
    return sizes.DASH if native.most_bytes is None else doubts.span(native)


def median(service: ServiceRow) -> Extent:
    return _as_known_as(service, service.native_heap_median_bytes)


def largest(service: ServiceRow) -> Extent:
    return _as_known_as(service, service.native_heap_max_bytes)


def _as_known_as(service: ServiceRow, amount_bytes: int | None) -> Extent:
    """A figure of a service's native heap, marked as a bound if it is one."""
    return Extent(amount_bytes, None if service.native_heap.is_bound else amount_bytes)


Segments: TypeAlias = list[tuple[str, float, float]]  # class, x, width, in pixels


def heap_parts(ranked: list[HostRow]) -> Callable[[HostRow], Segments]:
    """Bars on one scale. Their length is the measure; the kinds share it in proportion."""
    largest = max((row.native_heap_resident_max_bytes or 0 for row in ranked), default=0)

    def segments(host: HostRow) -> Segments:
        parts = [(kind, cell(host, f"{kind}_resident_max_bytes")) for kind, _ in PARTS]
        amounts = [(kind, amount) for kind, amount in parts if isinstance(amount, int) and amount > 0]
        whole = sum(amount for _, amount in amounts)
        length = BAR_PIXELS * (host.native_heap_resident_max_bytes or 0) / largest if largest else 0.0
        at, drawn = 0.0, []
        for kind, amount in amounts:
            width = length * amount / whole
            drawn.append((kind, round(at, 1), round(max(width, 0.5), 1)))
            at += width
        return drawn

    return segments


def stack_part(ranked: list[HostRow]) -> Callable[[HostRow], Segments]:
    largest = max((row.stacks_resident_max_bytes or 0 for row in ranked), default=0)

    def segments(host: HostRow) -> Segments:
        amount = host.stacks_resident_max_bytes or 0
        return [("stacks", 0, round(BAR_PIXELS * amount / largest, 1))] if largest and amount else []

    return segments


def others(host: HostRow, shown: HostHtml) -> Others:
    """The processes of a host that a page omits, because of the report's limit or of the page's."""
    heap = added([host.others_native_heap_bytes, shown.others_native_heap_bytes])
    stacks = added([host.others_stacks_bytes, shown.others_stacks_bytes])
    return Others(host.others + shown.others, heap, stacks)


def added(amounts: Iterable[int | None]) -> int | None:
    """The sum of the known values; None if there are none."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known else None


_OWN_SUM = (
    *("mem_total_bytes", "anon_pages_bytes", "cache_bytes", "shmem_bytes", "slab_bytes", "page_tables_bytes"),
    *(
        "kernel_stack_bytes",
        "huge_pages_bytes",
        "mem_free_bytes",
        "remainder_bytes",
        "rss_anon_bytes",
        "swap_bytes",
    ),
)


def own_sum(host: HostRow) -> list[tuple[str, int | None]]:
    """MemTotal and its parts, and the sums over the processes."""
    titles = {"rss_anon_bytes": "Sum of RssAnon", "swap_bytes": "Sum of VmSwap"}
    rows: list[tuple[str, int | None]] = []
    for column in by_name(HOSTS, *_OWN_SUM):
        value = cell(host, column.name)
        rows.append((titles.get(column.name, column.title), value if isinstance(value, int) else None))
    return rows
