"""Stacks of the default size by guard and body."""

from dataclasses import replace

import pytest

from procmaps.kinds import Kind
from procmaps.rules.glibc_stacks.guards import GUARD_MAX_BYTES, merged_bytes
from procmaps.rules.process import SMALL_GUARD_BYTES, STACK_MAX_BYTES
from tests.procmaps.rules.glibc_stacks.guarded_maps import AT, KIB, MIB, STACK, pairs, process
from tests.procmaps.rules.labelled import LIBJVM, MUSL, anon, blocks, kinds, parts_of, read, sorted_maps


@pytest.mark.parametrize("guard", [4 * KIB, 16 * KIB, 64 * KIB])
def test_stacks_of_the_default_size_with_guards_of_any(guard: int) -> None:
    snapshot = read(process(pairs(AT, guard, STACK, 3)), threads=4, stack_limit=STACK)
    assert blocks(snapshot, Kind.THREAD_STACK) == [guard + STACK] * 3


def test_an_unlimited_stack_limit_means_2_mib() -> None:
    text = process(pairs(AT, 4 * KIB, 2 * MIB, 2))
    assert blocks(read(text, threads=3), Kind.THREAD_STACK) == [2 * MIB + 4 * KIB] * 2


def test_a_lone_guard_is_none() -> None:
    snapshot = read(process(anon(AT, 4 * KIB, "---p")), threads=2, stack_limit=STACK)
    assert kinds(snapshot, AT, AT + 1) == [(4 * KIB, "reserved")]


def test_musl_groups_above_a_stack_are_cut_off() -> None:
    text = sorted_maps(MUSL, anon(AT, 8 * KIB, "---p"), anon(AT + 8 * KIB, 148 * KIB))
    snapshot = read(text, threads=2)
    assert blocks(snapshot, Kind.THREAD_STACK) == [140 * KIB]
    assert kinds(snapshot, AT + 140 * KIB, AT + 200 * KIB) == [(16 * KIB, "heap_allocator")]


def test_stacks_of_old_kernels_are_cut_from_what_merged_above_them() -> None:
    text = process(pairs(AT, 4 * KIB, STACK, 2), anon(AT - STACK - 204 * KIB, 4 * KIB, "---p"))
    text = sorted_maps(text, anon(AT - STACK - 200 * KIB, STACK + 200 * KIB))
    new = read(text, threads=4, stack_limit=STACK)
    assert blocks(new, Kind.THREAD_STACK) == [STACK + 204 * KIB, STACK + 4 * KIB, STACK + 4 * KIB]
    old = replace(new, facts=replace(new.facts, kernel="5.10.0-28-amd64"))
    assert blocks(old, Kind.THREAD_STACK) == [STACK + 4 * KIB] * 3
    assert (200 * KIB, "heap_mmap") in kinds(old)


def test_buffers_beside_stacks_that_outnumber_the_threads_are_none() -> None:
    text = process(pairs(AT, 4 * KIB, STACK, 4), pairs(AT + 4 * (STACK + 4 * KIB), 4 * KIB, 584 * KIB, 9))
    assert blocks(read(text, threads=5, stack_limit=STACK), Kind.THREAD_STACK) == [STACK + 4 * KIB] * 4


def test_a_large_guard_was_asked_for_but_not_by_a_jvm() -> None:
    large = SMALL_GUARD_BYTES + 4 * KIB
    text = process(pairs(AT, large, STACK, 1))
    assert blocks(read(text, threads=2, stack_limit=STACK), Kind.THREAD_STACK) == [large + STACK]
    text = process(LIBJVM, pairs(AT, large, STACK, 1))
    assert (large + STACK) not in blocks(read(text, threads=1, stack_limit=STACK), Kind.THREAD_STACK)


@pytest.mark.parametrize("body", [MIB - 4 * KIB, MIB, MIB + 4 * KIB])
def test_stacks_of_a_jvm_s_own_threads(body: int) -> None:
    text = process(LIBJVM, pairs(AT, 4 * KIB, body, 2))
    rules = {rule for start, _, _, rule in parts_of(read(text, threads=9, stack_limit=STACK)) if start >= AT}
    assert "stack.guarded" in rules


def test_a_guard_can_be_a_part_of_the_default_size() -> None:
    text = process(pairs(AT, 4 * KIB, STACK - 4 * KIB, 2))
    assert blocks(read(text, threads=3, stack_limit=STACK), Kind.THREAD_STACK) == [STACK] * 2
    assert "stack.guarded" in {rule for *_, rule in parts_of(read(text, threads=3, stack_limit=STACK))}


@pytest.mark.parametrize("inside", [STACK, STACK - 4 * KIB])
@pytest.mark.parametrize("stacks", [2, 7])
def test_in_one_process_guards_are_a_part_of_all_stacks_or_of_none(inside: int, stacks: int) -> None:
    other = 2 * STACK - 4 * KIB - inside
    above = AT + stacks * (inside + 4 * KIB)
    text = process(pairs(AT, 4 * KIB, inside, stacks), pairs(above, 4 * KIB, other, stacks - 1))
    snapshot = read(text, threads=stacks + 1, stack_limit=STACK)
    assert blocks(snapshot, Kind.THREAD_STACK) == [inside + 4 * KIB] * stacks
    # as many of both: the guard is added since glibc 2.27
    text = process(pairs(AT, 4 * KIB, inside, stacks), pairs(above, 4 * KIB, other, stacks))
    snapshot = read(text, threads=stacks + 1, stack_limit=STACK)
    assert blocks(snapshot, Kind.THREAD_STACK) == [STACK + 4 * KIB] * stacks


def test_musl_makes_guards_of_8_kib_whatever_the_size() -> None:
    for guard, found in ((8 * KIB, True), (12 * KIB, False)):
        snapshot = read(sorted_maps(MUSL, pairs(AT, guard, 324 * KIB, 1)), threads=2)
        assert ("stack.guarded" in {rule for *_, rule in parts_of(snapshot)}) == found


def test_executable_stacks_are_stacks_and_shared_memory_is_none() -> None:
    guard = anon(AT, 4 * KIB, "---p")
    for perms, found in (("rwxp", [STACK + 4 * KIB]), ("rw-s", []), ("r--p", [])):
        text = process(guard, anon(AT + 4 * KIB, STACK, perms))
        assert blocks(read(text, threads=2, stack_limit=STACK), Kind.THREAD_STACK) == found


def test_a_guard_has_at_most_1_mib_and_a_stack_1_gib() -> None:
    for guard, body, found in (
        (GUARD_MAX_BYTES, STACK, True),
        (GUARD_MAX_BYTES + 4 * KIB, STACK, False),
        (4 * KIB, STACK_MAX_BYTES, True),
        (4 * KIB, STACK_MAX_BYTES + 4 * KIB, False),
    ):
        text = process(pairs(AT, guard, body, 1))
        rules = {rule for *_, rule in parts_of(read(text, threads=2, stack_limit=body))}
        assert ("stack.guarded" in rules) == found


def test_other_stacks_beside_one_of_the_default_size_are_no_more_than_threads_without_one() -> None:
    for number, found in ((3, True), (4, False)):
        text = process(pairs(AT, 4 * KIB, STACK, 1), pairs(AT + STACK + 4 * KIB, 4 * KIB, 584 * KIB, number))
        parts = parts_of(read(text, threads=5, stack_limit=STACK))
        assert ((584 * KIB, "stack.guarded") in {(size, rule) for _, size, _, rule in parts}) == found


def test_a_chunk_above_the_guard_of_a_buffer_beside_stacks_is_no_stack() -> None:
    stacks = pairs(AT, 4 * KIB, STACK, 5)
    above = AT + 5 * (STACK + 4 * KIB)
    text = process(stacks, anon(above, 4 * KIB, "---p"), anon(above + 4 * KIB, 233 * MIB + 8 * KIB))
    snapshot = read(text, threads=6, stack_limit=STACK, rss_anon_kb=300 * 1024)
    assert blocks(snapshot, Kind.THREAD_STACK) == [STACK + 4 * KIB] * 5
    assert kinds(snapshot, above + 4 * KIB, above + 8 * KIB) == [(233 * MIB + 8 * KIB, "heap_mmap")]


@pytest.mark.parametrize("guard", [8 * KIB, 32 * KIB, 64 * KIB])
def test_guards_that_glibc_makes_only_if_asked_beside_its_own(guard: int) -> None:
    own = 344 * KIB
    threads = pairs(AT, 4 * KIB, own, 3)
    buffers = pairs(AT + 64 * MIB, guard, STACK, 4)
    snapshot = read(process(threads, buffers), threads=4, stack_limit=STACK)
    assert blocks(snapshot, Kind.THREAD_STACK) == [own + 4 * KIB] * 3
    # where threads are left without a stack, these can be stacks
    snapshot = read(process(threads, buffers), threads=8, stack_limit=STACK)
    assert blocks(snapshot, Kind.THREAD_STACK) == [own + 4 * KIB] * 3 + [STACK + guard] * 4


@pytest.mark.parametrize(("count", "sure"), [(3 + 5, True), (3 + 6, False)])
def test_more_stacks_than_live_threads_and_ended_ones_can_have_are_not_sure(count: int, sure: bool) -> None:
    """glibc keeps up to 40 MiB of the stacks of threads that ended."""
    text = process(pairs(AT, 4 * KIB, STACK, count))
    rules = {rule for start, *_, rule in parts_of(read(text, threads=4, stack_limit=STACK)) if start >= AT}
    assert ("stack.guarded" in rules) == sure


@pytest.mark.parametrize(
    ("size", "default", "musl", "release", "merged"),
    [
        (STACK, STACK, False, (5, 10), 0),
        (STACK + 4 * KIB, STACK, False, (5, 10), 4 * KIB),
        (STACK + 4 * KIB, STACK, False, (6, 7), 0),
        (STACK + 2 * MIB - 4 * KIB, STACK, False, (6, 6), 2 * MIB - 4 * KIB),
        (STACK + 2 * MIB, STACK, False, (6, 6), 0),
        (STACK - 4 * KIB, STACK, False, (5, 10), 0),
        (132 * KIB, STACK, True, (6, 7), 0),
        (196 * KIB, STACK, True, (6, 7), 64 * KIB),
        (200 * KIB, STACK, True, (6, 7), 0),
        (1028 * KIB, STACK, True, (6, 7), 0),
        (2056 * KIB, STACK, True, (6, 7), 0),
        (1032 * KIB + 4 * KIB, STACK, True, (6, 7), 904 * KIB),
        (37 * MIB, STACK, True, (6, 7), 37 * MIB - 132 * KIB),
        (196 * KIB, STACK, False, (6, 7), 0),
    ],
)
def test_other_memory_that_merged_with_a_stack(
    size: int, default: int, release: tuple[int, int], merged: int, *, musl: bool
) -> None:
    assert merged_bytes(size, default, musl=musl, release=release) == merged


def test_one_thread_has_no_other_stack_but_those_of_ended_threads() -> None:
    text = process(pairs(AT, 4 * KIB, STACK, 2))
    for threads, expected in ((1, "stack.left"), (2, "stack.guarded"), (0, "stack.guarded")):
        rules = {rule for *_, rule in parts_of(read(text, threads=threads, stack_limit=STACK))}
        assert rules & {"stack.left", "stack.guarded"} == {expected}


def test_a_guard_above_a_java_stack_has_a_stack_of_the_jvm_above_it() -> None:
    java = anon(AT, 16 * KIB, "---p") + anon(AT + 16 * KIB, 1008 * KIB)
    text = java + anon(AT + MIB, 4 * KIB, "---p") + anon(AT + MIB + 4 * KIB, 33 * MIB)
    snapshot = read(process(text, LIBJVM), threads=9)
    snapshot = replace(snapshot, facts=replace(snapshot.facts, kernel="5.4.0-113-generic"))
    assert blocks(snapshot, Kind.THREAD_STACK) == [MIB, MIB + 4 * KIB]


def test_several_stacks_of_another_size_in_a_jvm_are_a_library_s() -> None:
    text = pairs(AT, 4 * KIB, MIB, 1) + pairs(AT + MIB + 4 * KIB, 4 * KIB, 3 * MIB, 3)
    snapshot = read(process(text, LIBJVM), threads=9)
    snapshot = replace(snapshot, facts=replace(snapshot.facts, kernel="5.4.0-113-generic"))
    assert blocks(snapshot, Kind.THREAD_STACK) == [MIB + 4 * KIB] + [3 * MIB + 4 * KIB] * 3
