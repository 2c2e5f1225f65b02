"""Stacks by the zones that a JVM keeps."""

from dataclasses import replace

import pytest

from procmaps.kinds import Kind
from procmaps.rules.glibc_stacks.java_zones import merged_above
from tests.procmaps.rules.labelled import (
    BRK_HEAP,
    LIBC,
    LIBJVM,
    anon,
    blocks,
    kinds,
    parts_of,
    read,
    sorted_maps,
)

KIB = 2**10
MIB = 2**20
AT = 0x7E0000100000


def java(guard: int, body: int, count: int) -> str:
    lines = [
        anon(AT + number * (guard + body) + offset, size, perms)
        for number in range(count)
        for offset, size, perms in ((0, guard, "---p"), (guard, body, "rw-p"))
    ]
    return sorted_maps(BRK_HEAP, LIBC, LIBJVM, *lines)


def test_java_stacks_with_zones_of_each_version() -> None:
    for guard, body in (
        (12 * KIB, 1012 * KIB),
        (16 * KIB, 1008 * KIB),
        (16 * KIB, 240 * KIB),
        (16 * KIB, 8176 * KIB),
    ):
        snapshot = read(java(guard, body, 5), threads=8)
        assert blocks(snapshot, Kind.THREAD_STACK) == [guard + body] * 5


def test_memory_that_merged_above_a_java_stack_is_cut_off() -> None:
    chunk = 5 * MIB + 4096
    text = java(16 * KIB, 1008 * KIB, 4) + anon(AT + 8 * MIB, 16 * KIB, "---p")
    text += anon(AT + 8 * MIB + 16 * KIB, 1008 * KIB + chunk)
    snapshot = read(sorted_maps(text), threads=8)
    assert blocks(snapshot, Kind.THREAD_STACK) == [MIB] * 5
    assert (chunk, "heap_mmap") in kinds(snapshot)


def test_nothing_merges_above_a_stack_where_the_kernel_is_known_to_keep_them_apart() -> None:
    text = (
        java(16 * KIB, 1008 * KIB, 4)
        + anon(AT + 8 * MIB, 16 * KIB, "---p")
        + anon(AT + 8 * MIB + 16 * KIB, 7 * MIB)
    )
    snapshot = read(sorted_maps(text), threads=8)
    new = replace(snapshot, facts=replace(snapshot.facts, kernel="6.12.9"))
    assert blocks(new, Kind.THREAD_STACK) == [MIB] * 4 + [7 * MIB + 16 * KIB]


def test_zones_of_a_process_without_a_jvm_prove_nothing() -> None:
    maps = sorted_maps(BRK_HEAP, LIBC, anon(AT, 16 * KIB, "---p"), anon(AT + 16 * KIB, 700 * KIB))
    assert blocks(read(maps, threads=1), Kind.THREAD_STACK) == []


def test_compiler_threads_keep_their_size_whatever_xss_says() -> None:
    lines = [anon(AT - 2 * MIB, 16 * KIB, "---p"), anon(AT - 2 * MIB + 16 * KIB, 1008 * KIB)]
    snapshot = read(sorted_maps(java(16 * KIB, 240 * KIB, 5), *lines), threads=8)
    assert blocks(snapshot, Kind.THREAD_STACK) == [MIB] + [256 * KIB] * 5


def test_glibc_s_guard_below_the_zones_belongs_to_the_stack() -> None:
    lines = (anon(AT, 4 * KIB, "---p"), anon(AT + 4 * KIB, 16 * KIB, "---p"), anon(AT + 20 * KIB, 1008 * KIB))
    snapshot = read(sorted_maps(BRK_HEAP, LIBC, LIBJVM, *lines), threads=2)
    assert blocks(snapshot, Kind.THREAD_STACK) == [MIB + 4 * KIB]


@pytest.mark.parametrize(
    ("sizes", "merged"),
    [
        ([MIB, MIB, MIB, 7 * MIB], [0, 0, 0, 6 * MIB]),
        ([MIB, 3 * MIB], [0, 2 * MIB]),  # none is common: the smallest is the stack
        ([2 * MIB] * 2 + [4 * MIB] * 3, [0] * 5),  # three of one size are stacks of a second size
        ([256 * KIB] * 2 + [MIB], [0] * 3),  # of the compiler
        ([MIB, MIB, MIB + MIB + 4 * KIB], [0] * 3),  # a stack with a hidden guard
        ([MIB, MIB, MIB + 4 * KIB], [0] * 3),  # the hidden guard of the stack itself
        ([MIB, MIB, 2 * MIB + 8 * KIB], [0] * 3),  # both
        ([3 * MIB] * 6 + [2 * MIB] * 2 + [9 * MIB], [0] * 8 + [6 * MIB]),  # two of six are not common
        ([MIB, MIB, 2 * MIB + 12 * KIB], [0, 0, MIB + 12 * KIB]),
    ],
)
def test_what_is_no_stack_of_the_memory_above_zones(sizes: list[int], merged: list[int]) -> None:
    assert merged_above(sizes, MIB, graal=False) == merged


def test_stacks_of_graal_s_threads_are_twice_as_large() -> None:
    assert merged_above([512 * KIB, 512 * KIB, 4 * MIB], 2 * MIB, graal=True) == [0, 0, 0]
    assert merged_above([512 * KIB, 512 * KIB, 4 * MIB], 2 * MIB, graal=False) == [0, 0, 3584 * KIB]


def test_what_is_left_of_a_stack_must_be_one() -> None:
    small = [anon(AT + 8 * MIB + n * MIB, 20 * KIB, "---p") for n in range(2)]
    small += [anon(AT + 8 * MIB + n * MIB + 20 * KIB, 12 * KIB) for n in range(2)]
    text = sorted_maps(java(12 * KIB, 24 * KIB, 2), *small)  # 32 KiB in all, of which 20 are zones
    assert blocks(read(text, threads=8), Kind.THREAD_STACK) == [36 * KIB] * 2


def test_the_smallest_stack() -> None:
    assert blocks(read(java(16 * KIB, 16 * KIB, 2), threads=8), Kind.THREAD_STACK) == [32 * KIB] * 2
    rules = {rule for *_, rule in parts_of(read(java(16 * KIB, 12 * KIB, 2), threads=8))}
    assert "stack.java_zones" not in rules
