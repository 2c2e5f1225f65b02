"""Cells of the static tables that are not declared columns: bars, shares of RAM, ranges by labels."""

from typing import Final, TypeAlias

from markupsafe import Markup

from reports.rows import Extent, HostRow, Range, ServiceRow, cell
from reports.sentence import doubts
from reports.templating import NAME_WIDTH
from reports.text import plain, sizes

BAR_PIXELS: Final = 120
PARTS: Final = (
    ("heap_main", "main heap"),
    ("heap_arena", "arenas"),
    ("heap_mmap", "large blocks"),
    ("heap_allocator", "other allocators"),
)


def raw(value: float | None) -> str:
    return "" if value is None else str(value)


def titled(text: str) -> Markup:
    """The attribute with the whole text where `cut` shortens it."""
    whole = plain.printable(text)
    return Markup(' title="{}"').format(whole) if len(whole) > NAME_WIDTH else Markup()


def share(part: int, whole: int) -> str:
    """A share in percent; a share above 0 that would round to 0 is shown as less than 1."""
    if not whole:
        return sizes.DASH
    percent = 100 * part / whole
    return "< 1 %" if 0 < percent < 0.5 else f"{percent:.0f} %"


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


Segments: TypeAlias = list[tuple[str, str, str]]  # class, x, width, in pixels


def heap_parts(host: HostRow, longest_bytes: int) -> Segments:
    """A bar on the scale of the table. Its length is the measure; the kinds share it in proportion."""
    parts = [(kind, cell(host, f"{kind}_resident_max_bytes")) for kind, _ in PARTS]
    amounts = [(kind, amount) for kind, amount in parts if isinstance(amount, int) and amount > 0]
    whole = sum(amount for _, amount in amounts)
    length = BAR_PIXELS * (host.native_heap_resident_max_bytes or 0) / longest_bytes if longest_bytes else 0.0
    at, drawn = 0.0, []
    for kind, amount in amounts:
        width = length * amount / whole
        drawn.append((kind, f"{at:.4g}", f"{max(width, 0.5):.4g}"))
        at += width
    return drawn


def stack_part(host: HostRow, longest_bytes: int) -> Segments:
    """A bar on the scale of the table."""
    amount = host.stacks_resident_max_bytes or 0
    if not longest_bytes or not amount:
        return []
    return [("stacks", "0", f"{BAR_PIXELS * amount / longest_bytes:.4g}")]
