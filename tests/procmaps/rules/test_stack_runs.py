"""Stacks with guards that maps cannot show."""

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, blocks, read, sorted_maps

MIB = 2**20
AT = 0x7E0000100000
STACK = 8 * MIB
ONE = STACK + 4096


def process(size: int) -> str:
    return sorted_maps(BRK_HEAP, LIBC, anon(AT, size))


def test_whole_numbers_of_stacks_where_threads_have_none() -> None:
    assert blocks(read(process(6 * ONE), threads=7, stack_limit=STACK), Kind.THREAD_STACK) == [ONE] * 6


def test_no_more_than_twice_the_threads_that_lack_one() -> None:
    assert blocks(read(process(30 * ONE), threads=7, stack_limit=STACK), Kind.THREAD_STACK) == []


def test_a_process_with_one_thread_has_none() -> None:
    assert blocks(read(process(6 * ONE), threads=1, stack_limit=STACK), Kind.THREAD_STACK) == []


def test_unknown_threads_prove_nothing() -> None:
    assert blocks(read(process(6 * ONE), stack_limit=STACK), Kind.THREAD_STACK) == []


def test_stacks_without_any_guard() -> None:
    assert blocks(read(process(2 * STACK), threads=3, stack_limit=STACK), Kind.THREAD_STACK) == [STACK] * 2


def test_memory_that_malloc_cannot_own_is_stacks_of_several_sizes() -> None:
    odd = 3 * STACK + 700 * 1024
    snapshot = read(process(odd), threads=9, rss_anon_kb=400, stack_limit=STACK)
    assert blocks(snapshot, Kind.THREAD_STACK) == [odd]


def test_as_many_of_one_chosen_size_as_threads_have_none() -> None:
    chosen = MIB + 4096
    assert (
        blocks(read(process(12 * chosen), threads=14, stack_limit=STACK), Kind.THREAD_STACK) == [chosen] * 12
    )
    assert blocks(read(process(12 * chosen), threads=6, stack_limit=STACK), Kind.THREAD_STACK) == []
    odd = 980 * 1024
    assert blocks(read(process(12 * odd), threads=14, stack_limit=STACK), Kind.THREAD_STACK) == []
