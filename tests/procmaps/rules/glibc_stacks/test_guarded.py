"""Stacks of the default size by guard and body."""

from dataclasses import replace

import pytest

from procmaps.kinds import Kind
from tests.procmaps.rules.glibc_stacks.guarded_maps import AT, KIB, MIB, STACK, pairs, process
from tests.procmaps.rules.labelled import MUSL, anon, blocks, kinds, read, sorted_maps


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
