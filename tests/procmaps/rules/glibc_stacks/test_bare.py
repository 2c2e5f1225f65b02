"""Stacks without a guard, and memory that only stacks can be."""

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, blocks, read, sorted_maps

MIB = 2**20
AT = 0x7E0000100000
STACK = 8 * MIB


def process(size: int) -> str:
    return sorted_maps(BRK_HEAP, LIBC, anon(AT, size))


def test_stacks_without_any_guard() -> None:
    assert blocks(read(process(2 * STACK), threads=3, stack_limit=STACK), Kind.THREAD_STACK) == [STACK] * 2


def test_memory_that_malloc_cannot_own_is_stacks_of_several_sizes() -> None:
    odd = 3 * STACK + 700 * 1024
    snapshot = read(process(odd), threads=9, rss_anon_kb=400, stack_limit=STACK)
    assert blocks(snapshot, Kind.THREAD_STACK) == [odd]
