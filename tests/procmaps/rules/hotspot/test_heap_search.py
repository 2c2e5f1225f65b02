"""Which of several spans of one size is the heap."""

import pytest

from procmaps.rules.hotspot.arguments import JvmArguments
from procmaps.rules.hotspot.heap_search import REGIONS_LIMIT_COUNT, heap_by_size
from procmaps.rules.hotspot.jvm import CANDIDATE_LIMIT_COUNT, Jvm
from tests.procmaps.rules.labelled import GIB, anon, process

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000


def found(size: int, *lines: str) -> tuple[int, int] | None:
    """The heap that is found if -Xmx asks for this size."""
    return heap_by_size(Jvm(17, JvmArguments(heap_max=size)), process(*lines))


def reserved(at: int, size: int, committed: int = 12 * MIB) -> str:
    return anon(at, committed) + anon(at + committed, size - committed, "---p")


def arenas(at: int, count: int) -> str:
    return "".join(reserved(at + n * 64 * MIB, 64 * MIB, MIB) for n in range(count))


def test_what_ends_where_heaps_end_comes_before_what_is_elsewhere() -> None:
    size = 256 * MIB
    lines = reserved(GIB, size), reserved(4 * GIB - size, size), reserved(AT, size)
    assert found(size, *lines) == (4 * GIB - size, 4 * GIB)
    assert found(size, lines[0], lines[2]) == (GIB, GIB + size)


def test_a_whole_span_comes_before_one_that_is_a_part() -> None:
    size = 256 * MIB
    lines = reserved(AT, size), reserved(AT + GIB, size + 100 * MIB, 112 * MIB)
    assert found(size, *lines) == (AT, AT + size)
    assert found(size, lines[1]) == (AT + GIB + 100 * MIB, AT + GIB + 100 * MIB + size)


def test_the_lowest_memory_of_a_heap_is_in_use() -> None:
    size = 256 * MIB
    assert found(size, anon(AT, 16 * MIB, "---p"), anon(AT + 16 * MIB, size - 16 * MIB)) is None


def test_a_heap_with_a_base_may_begin_with_a_unit_of_its_alignment() -> None:
    base, size = 64 * GIB, 31 * GIB
    whole = anon(base, 200 * MIB), anon(base + 200 * MIB, size - 184 * MIB, "---p")
    assert found(size, *whole) == (base, base + size + 16 * MIB)
    # if the heap behind the unit is seen to begin, the unit is left out
    closed = anon(base, 16 * MIB, "---p"), reserved(base + 16 * MIB, size)
    assert found(size, *closed) == (base + 16 * MIB, base + 16 * MIB + size)


def test_only_the_smallest_heaps_begin_on_less_than_a_mib() -> None:
    size, at = 256 * MIB, AT + 64 * KIB
    assert found(size, reserved(at, size)) == (at, at + size)
    assert found(size, reserved(at, size + MIB)) is None
    assert found(size, reserved(at + 4 * KIB, size)) is None


def test_several_regions_of_which_none_is_closed_are_no_reservation() -> None:
    size = 64 * MIB
    assert found(size, anon(AT, size + 4 * KIB)) == (AT, AT + size)
    assert found(size, anon(AT, 32 * MIB), anon(AT + 32 * MIB, 32 * MIB + 4 * KIB, "r--p")) is None


@pytest.mark.parametrize(("count", "is_heap"), [(1, True), (4, False)])
def test_heaps_of_arenas_are_no_heap_of_their_sum(count: int, is_heap: bool) -> None:
    size = count * 64 * MIB
    lines = arenas(AT, count), reserved(AT - GIB, size + 16 * MIB, 28 * MIB)
    assert (found(size, *lines) == (AT, AT + size)) is is_heap


def test_candidates_are_limited_in_number() -> None:
    # rows of arenas in the low addresses look better at first
    size = 256 * MIB
    rows = [arenas(GIB * n, 4) for n in range(5, 5 + CANDIDATE_LIMIT_COUNT)]
    heap = reserved(AT, size)
    assert found(size, *rows[1:], heap) == (AT, AT + size)
    assert found(size, *rows, heap) != (AT, AT + size)


def test_regions_are_limited_in_number_from_low_addresses() -> None:
    size, step = 64 * MIB, 68 * KIB
    others = [
        anon(GIB + n * step + 4 * KIB, step, "---p" if n % 2 else "rw-p") for n in range(REGIONS_LIMIT_COUNT)
    ]
    heap = reserved(AT, size)
    assert found(size, *others[2:], heap) == (AT, AT + size)
    assert found(size, *others, heap) != (AT, AT + size)
