"""Whole blocks that can be full heaps of arenas, and whether a newer heap can continue them."""

import pytest

from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, parts_of, read, sorted_maps

KIB = 2**10
MIB = 2**20
HEAP = 64 * MIB
BASE = 0x7E0000000000  # on 64 MiB


def head(at: int, size: int = 132 * KIB) -> str:
    return anon(at, size) + anon(at + size, HEAP - size, "---p")


def rules(*lines: str, resident_kb: int = 2**20) -> list[str]:
    """Of the blocks from BASE on, by address."""
    snapshot = read(sorted_maps(BRK_HEAP, LIBC, *lines), rss_anon_kb=resident_kb)
    return [rule for start, size, _, rule in parts_of(snapshot) if start >= BASE and size == HEAP]


@pytest.mark.parametrize("newer", [-5 * HEAP, -HEAP, HEAP])
def test_a_newer_heap_lies_lower_or_right_above(newer: int) -> None:
    assert rules(anon(BASE, HEAP), head(BASE + newer, 9 * MIB + 4096)) == ["glibc.arena_full"]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_blocks_with_room_above_in_which_nothing_continues_them_are_the_program_s(count: int) -> None:
    own = [anon(BASE + number * 2 * HEAP, HEAP) for number in range(count)]
    assert rules(*own, head(BASE + 40 * HEAP)) == ["glibc.arena_none"] * count


def test_where_less_than_half_have_room_they_can_be_full_heaps() -> None:
    """Memory of a process that runs for long is in pieces."""
    taken = [anon(BASE + number * HEAP, HEAP) for number in (0, 2, 4)]
    stacks = [anon(BASE + number * HEAP + 40 * MIB, 2 * MIB + 4096) for number in (1, 3)]
    newer = head(BASE + 40 * HEAP)
    assert rules(*taken, *stacks, newer) == ["glibc.arena_full_last"] * 3
    assert rules(*taken, stacks[0], newer) == ["glibc.arena_none"] * 3


def test_a_file_right_above_leaves_no_room() -> None:
    file = f"{BASE + HEAP + MIB:x}-{BASE + HEAP + 2 * MIB:x} r--p 00000000 fe:00 81 /usr/lib/locale/C\n"
    assert rules(anon(BASE, HEAP), file, head(BASE + 40 * HEAP)) == ["glibc.arena_full_last"]


def test_neighbours_that_are_full_have_no_room_but_the_highest() -> None:
    run = [anon(BASE + number * HEAP, HEAP) for number in range(3)]
    assert rules(*run, head(BASE + 40 * HEAP)) == ["glibc.arena_full_last"] * 3
    # one of them is continued: those above it as well
    assert rules(*run, head(BASE - 2 * HEAP)) == ["glibc.arena_full"] * 3
