"""Stacks of other sizes by guard and body, bounded by the number of threads."""

from procmaps.kinds import Kind
from tests.procmaps.rules.glibc_stacks.guarded_maps import AT, KIB, MIB, STACK, pairs, process
from tests.procmaps.rules.labelled import blocks, read


def test_other_sizes_need_threads_without_a_stack() -> None:
    text = process(pairs(AT, 4 * KIB, 300 * KIB, 4))
    assert blocks(read(text, threads=5, stack_limit=STACK), Kind.THREAD_STACK) == [304 * KIB] * 4
    assert blocks(read(text, threads=1, stack_limit=STACK), Kind.THREAD_STACK) == []


def test_a_ring_of_guarded_buffers_is_none_where_threads_have_stacks() -> None:
    text = process(pairs(AT, 4 * KIB, STACK, 4), pairs(AT + 256 * MIB, 4 * KIB, MIB, 40))
    snapshot = read(text, threads=5, stack_limit=STACK)
    assert blocks(snapshot, Kind.THREAD_STACK) == [STACK + 4 * KIB] * 4


def test_large_guards_that_several_stacks_have() -> None:
    text = process(pairs(AT, MIB, 256 * KIB, 5))
    assert blocks(read(text, threads=6, stack_limit=STACK), Kind.THREAD_STACK) == [MIB + 256 * KIB] * 5
    single = process(pairs(AT, MIB, 256 * KIB, 1))
    assert blocks(read(single, threads=6, stack_limit=STACK), Kind.THREAD_STACK) == []


def test_stacks_of_threads_that_ended_are_hardly_resident() -> None:
    text = process(pairs(AT, 4 * KIB, 2 * MIB, 12))
    assert blocks(read(text, threads=4, rss_anon_kb=400), Kind.THREAD_STACK) == [2 * MIB + 4 * KIB] * 12
    text = process(pairs(AT, 4 * KIB, MIB, 12))
    idle = read(text, threads=4, rss_anon_kb=400, stack_limit=STACK)
    assert blocks(idle, Kind.THREAD_STACK) == [MIB + 4 * KIB] * 12
    used = read(text, threads=4, rss_anon_kb=40_000, stack_limit=STACK)
    assert blocks(used, Kind.THREAD_STACK) == []


def test_where_those_of_one_size_are_enough_others_are_none() -> None:
    rings = pairs(AT + 256 * MIB, 8 * KIB, 300 * KIB, 3)
    text = process(pairs(AT, 4 * KIB, 512 * KIB, 5), rings)
    snapshot = read(text, threads=6, stack_limit=STACK)
    assert blocks(snapshot, Kind.THREAD_STACK) == [516 * KIB] * 5
