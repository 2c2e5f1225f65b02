"""Stacks of other sizes by guard and body, bounded by the number of threads."""

from dataclasses import replace

from procmaps.kinds import Kind
from tests.procmaps.rules.glibc_stacks.guarded_maps import AT, GIB, KIB, MIB, STACK, pairs, process
from tests.procmaps.rules.labelled import blocks, parts_of, read


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


def test_twice_as_many_as_threads_without_a_stack_at_most() -> None:
    for threads, number in ((6, 10), (5, 0)):
        text = process(pairs(AT, 4 * KIB, MIB, 10))
        assert len(blocks(read(text, threads=threads, stack_limit=STACK), Kind.THREAD_STACK)) == number


def repeated(text: str, threads: int) -> int:
    """How many stacks are found by repeated pairs of a process in which hardly anything is resident."""
    parts = parts_of(read(text, threads=threads, rss_anon_kb=400, stack_limit=STACK))
    return sum(rule == "stack.repeated" for *_, rule in parts) // 2


def test_what_glibc_keeps_of_ended_threads() -> None:
    # one thread, and 40 MiB of stacks of ended threads
    assert repeated(process(pairs(AT, 4 * KIB, MIB, 41)), threads=2) == 41
    assert repeated(process(pairs(AT, 4 * KIB, MIB, 42)), threads=2) == 0


def test_so_many_of_one_size_that_they_are_fibers() -> None:
    for number, found in ((7, 42), (8, 0)):  # two threads, and 40 that ended
        text = process(*(pairs(AT + n * GIB, 4 * KIB, MIB, 6) for n in range(number)))
        assert repeated(text, threads=3) == found


def test_old_kernels_merge_other_memory_with_these_stacks_too() -> None:
    text = process(pairs(AT, 4 * KIB, 2 * MIB + 300 * KIB, 1))
    new = read(text, threads=2, stack_limit=2 * MIB)
    assert blocks(new, Kind.THREAD_STACK) == [2 * MIB + 304 * KIB]
    old = replace(new, facts=replace(new.facts, kernel="5.10.0-28-amd64"))
    assert blocks(old, Kind.THREAD_STACK) == [2 * MIB + 4 * KIB]


def test_an_unknown_number_of_threads_is_enough_for_all() -> None:
    text = process(pairs(AT, 4 * KIB, 300 * KIB, 4))
    assert blocks(read(text, stack_limit=STACK), Kind.THREAD_STACK) == [304 * KIB] * 4


def test_where_those_of_one_size_are_enough_others_in_the_same_run_are_none() -> None:
    for number, found in ((5, 5), (4, 7)):
        rings = pairs(AT + number * 516 * KIB, 8 * KIB, 300 * KIB, 3)
        text = process(pairs(AT, 4 * KIB, 512 * KIB, number), rings)
        assert len(blocks(read(text, threads=6, stack_limit=STACK), Kind.THREAD_STACK)) == found
