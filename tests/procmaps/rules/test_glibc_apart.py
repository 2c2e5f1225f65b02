"""Blocks of 64 MiB with a gap of one block between them: glibc's where threads raced, or a program's own."""

import pytest

from procmaps.kinds import Kind
from procmaps.rules.block_gaps import GAPS_MIN_COUNT
from procmaps.rules.process import SMALL_GUARD_BYTES
from tests.procmaps.rules.labelled import (
    BRK_HEAP,
    LIBC,
    anon,
    blocks,
    jvm,
    parts_of,
    read,
    sorted_maps,
    whole,
)

KIB = 2**10
MIB = 2**20
HEAP = 64 * MIB
BASE = 0x7E0000000000
STACKS = 0x7F0000800000
STACK = 2 * MIB
RUNS = BRK_HEAP + LIBC


def heap(at: int, head: int) -> str:
    return anon(at, head) + (anon(at + head, HEAP - head, "---p") if head < HEAP else "")


def row(count: int, head: int = 3 * MIB + 12 * KIB, step: int = 2 * HEAP) -> str:
    return "".join(heap(BASE + number * step, head + number * 20 * KIB) for number in range(count))


def stacks(count: int, guard: int = 4 * KIB) -> str:
    one = guard + STACK
    return "".join(
        anon(STACKS + at, guard, "---p") + anon(STACKS + at + guard, STACK)
        for at in range(0, count * one, one)
    )


def rules(text: str, threads: int) -> set[str]:
    """The rules of the writable parts of the blocks."""
    parts = parts_of(read(text, threads=threads, rss_anon_kb=900 * 1024, stack_limit=STACK))
    return {rule for start, _, _, rule in parts if BASE <= start < STACKS and start % HEAP == 0}


@pytest.mark.parametrize(
    ("count", "threads", "found"),
    [
        (5, 3, "pools.blocks"),
        (9, 2, "pools.blocks"),
        (5, 5, "glibc.arena"),  # each of the threads can have made one
        (GAPS_MIN_COUNT + 1, 2, "pools.blocks"),
        (GAPS_MIN_COUNT, 1, "glibc.arena"),
    ],
)
def test_more_blocks_with_gaps_than_threads_are_the_program_s(count: int, threads: int, found: str) -> None:
    text = sorted_maps(RUNS, row(count), stacks(threads - 1))
    assert rules(text, threads) == {found}


def test_blocks_without_gaps_are_heaps_however_many() -> None:
    assert rules(sorted_maps(RUNS, row(7, step=HEAP), stacks(2)), 2) == {"glibc.arena"}
    # a gap of another size is the place of a heap that was returned, or of two
    assert rules(sorted_maps(RUNS, row(7, step=3 * HEAP), stacks(2)), 2) == {"glibc.arena"}


def test_blocks_without_gaps_are_doubtful_if_no_thread_has_ended() -> None:
    for step in (HEAP, 3 * HEAP):
        assert rules(sorted_maps(RUNS, row(7, step=step), stacks(1)), 2) == {"glibc.arena_apart"}
        assert rules(sorted_maps(RUNS, row(7, step=step), stacks(6)), 7) == {"glibc.arena"}


def test_where_stacks_are_executable_those_of_threads_are_seen_as_well() -> None:
    main = "7ffc00000000-7ffc00021000 rwxp 00000000 00:00 0 [stack]\n"
    text = sorted_maps(RUNS, row(7, step=HEAP), stacks(1).replace("rw-p", "rwxp"), main)
    assert rules(text, 2) == {"glibc.arena_apart"}


def test_heaps_that_are_half_full_need_no_thread_each() -> None:
    assert rules(sorted_maps(RUNS, row(5, HEAP // 2), stacks(1)), 2) == {"glibc.arena"}


def test_stacks_of_threads_that_ended_tell_that_there_were_more_threads() -> None:
    text = sorted_maps(RUNS, row(6), stacks(4))
    assert rules(text, 5) == {"pools.blocks"}
    assert rules(text, 3) == {"glibc.arena_apart"}


def test_blocks_with_gaps_are_doubtful_also_if_the_others_need_all_threads() -> None:
    """The heaps in place are claimed before, and no longer counted."""
    text = sorted_maps(RUNS, row(3), row(6, step=HEAP).replace("7e00", "7e10"), stacks(8))
    assert rules(text, 8) == {"glibc.arena_apart", "glibc.arena"}


def test_stacks_whose_guards_are_not_seen_tell_nothing() -> None:
    text = sorted_maps(RUNS, row(6), stacks(2, SMALL_GUARD_BYTES + 4 * KIB))
    assert rules(text, 3) == {"glibc.arena_apart"}
    assert rules(sorted_maps(RUNS, row(6), stacks(2, SMALL_GUARD_BYTES)), 3) == {"pools.blocks"}


def test_an_unknown_number_of_threads_makes_nothing_doubtful() -> None:
    assert rules(sorted_maps(RUNS, row(6), stacks(2)), 0) == {"glibc.arena"}


@pytest.mark.parametrize(
    ("gaps", "below", "rule", "kind"),
    [
        (1, False, "glibc.arena_full", Kind.HEAP_ARENA),
        (2, True, "glibc.arena_full_apart", Kind.HEAP_ARENA),
        (2, False, "pools.full_blocks", Kind.ANONYMOUS),
        (4, False, "pools.full_blocks", Kind.ANONYMOUS),
    ],
)
def test_full_blocks_with_gaps_are_heaps_only_if_the_arena_goes_on_below(
    gaps: int, below: bool, rule: str, kind: Kind
) -> None:
    full = "".join(heap(BASE + number * 2 * HEAP, HEAP) for number in range(gaps + 1))
    partly = heap(BASE - 3 * HEAP if below else BASE + 12 * HEAP, MIB + 4 * KIB)
    for text in (sorted_maps(RUNS, full, partly), jvm(whole(96 * MIB), full, partly)):
        snapshot = read(text, threads=2, rss_anon_kb=900 * 1024)
        found = {rule for start, size, _, rule in parts_of(snapshot) if size == HEAP and start % HEAP == 0}
        assert found == {rule}
        assert [size for size in blocks(snapshot, kind) if size == HEAP].count(HEAP) >= gaps + 1
