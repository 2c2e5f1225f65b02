"""Stacks by the zones that a JVM keeps."""

from dataclasses import replace

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, LIBJVM, anon, blocks, kinds, read, sorted_maps

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
