"""Tables of heaps of which single regions were returned: holes as small as the guards of stacks."""

import pytest

from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, LIBJVM, anon, kinds, parts_of, read, sorted_maps

KIB = 2**10
MIB = 2**20
GIB = 2**30
AT = 0x7E0000000000
HEAP = 1536 * MIB
BOTTOM = 4 * GIB - HEAP
ARGV = ("java", "-Xmx1536m", "Main")


def image(at: int, spans: list[tuple[int, bool]], scale: int = 1) -> str:
    """Committed and returned spans of the heap, from this address upward, scaled down."""
    lines = []
    for size, closed in spans:
        lines.append(anon(at, size // scale, "---p" if closed else "rw-p"))
        at += size // scale
    return "".join(lines)


def heap(region: int, *committed: int) -> list[tuple[int, bool]]:
    """So many regions are committed each time, with one that was returned in between; the rest is closed."""
    spans = [(count * region, False) for count in committed]
    holed = [span for committed_span in spans for span in (committed_span, (region, True))][:-1]
    return [*holed, (HEAP - sum(size for size, _ in holed), True)]


def table_of(text: str, end: int = AT + 64 * MIB) -> set[str]:
    snapshot = read(sorted_maps(BRK_HEAP, LIBC, LIBJVM, text), argv=ARGV)
    return {kind for _, kind in kinds(snapshot, AT, end)}


@pytest.mark.parametrize(("region", "scale"), [(MIB, 64), (MIB, 32), (2 * MIB, 512), (8 * MIB, 512)])
def test_holes_of_single_regions_are_in_the_tables_too(region: int, scale: int) -> None:
    spans = heap(region, 40, 72, 24)
    text = image(BOTTOM, spans) + image(AT, spans, scale)
    assert table_of(text, AT + HEAP // scale) == {"java_gc"}


def test_what_is_below_and_above_the_table_is_not_of_it() -> None:
    spans = heap(MIB, 96, 31)
    spans[-1] = (spans[-1][0] - 32 * MIB, True)
    spans.append((32 * MIB, False))
    chunk = MIB + 4 * KIB
    size = HEAP // 64
    text = image(BOTTOM, spans) + image(AT, spans, 64) + anon(AT - chunk, chunk) + anon(AT + size, chunk)
    snapshot = read(sorted_maps(BRK_HEAP, LIBC, LIBJVM, text), argv=ARGV)
    found = kinds(snapshot, AT - chunk, AT + size + chunk)
    assert found[0] == (chunk, "heap_mmap")
    assert found[-1] == (chunk, "heap_mmap")
    assert {kind for _, kind in found[1:-1]} == {"java_gc"}


def test_the_hole_on_top_can_merge_with_what_is_closed_above_it() -> None:
    spans = heap(MIB, 33, 58, 24)
    top = HEAP // 64 - sum(size for size, _ in spans[:-1]) // 64
    table = [*[(size // 64, closed) for size, closed in spans[:-1]], (top + 64 * KIB, True)]
    text = image(BOTTOM, spans) + image(AT, table)
    assert table_of(text, AT + HEAP // 64) == {"java_gc"}
    assert table_of(text, AT + HEAP // 64 + 64 * KIB) == {"java_gc", "reserved"}


def test_a_row_of_equal_stacks_is_none_even_where_the_heap_has_such_holes() -> None:
    """Of a bitmap, 63 regions of 1 MiB between two holes are as far apart as the zones of stacks of 1 MiB."""
    spans = heap(MIB, 63, 63, 63, 900)
    zones = [(16 * KIB, True), (1008 * KIB, False)] * 4
    text = image(BOTTOM, spans) + image(AT, zones)
    snapshot = read(sorted_maps(BRK_HEAP, LIBC, LIBJVM, text), argv=ARGV, threads=9)
    assert {kind for _, kind in kinds(snapshot, AT, AT + 4 * MIB)} == {"thread_stack"}


def test_what_lies_closer_together_than_the_holes_of_the_heap_is_none() -> None:
    spans, other = heap(MIB, 40, 72, 24), heap(MIB, 40, 71, 24)
    table = image(AT, other[:5], 64)
    assert "java_gc" not in table_of(image(BOTTOM, spans) + table)


def test_the_rule_says_so() -> None:
    spans = heap(MIB, 40, 72, 24)
    snapshot = read(
        sorted_maps(BRK_HEAP, LIBC, LIBJVM, image(BOTTOM, spans), image(AT, spans, 64)), argv=ARGV
    )
    inside = [rule for start, _, _, rule in parts_of(snapshot) if AT <= start < AT + HEAP // 64]
    assert set(inside) == {"java.gc_image"}
