"""Stacks that the kernel names."""

from dataclasses import replace

import pytest

from procmaps.kinds import Kind
from procmaps.tables import Snapshot
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
STACK = 8 * MIB
PAGE = 4 * KIB
OLD_KERNEL = "3.13.0-106-generic"


def old(text: str, threads: int = 0, stack_limit: int = STACK) -> Snapshot:
    snapshot = read(text, threads=threads, stack_limit=stack_limit)
    return replace(snapshot, facts=replace(snapshot.facts, kernel=OLD_KERNEL))


def named(at: int, size: int, tid: int) -> str:
    return anon(at, PAGE, "---p") + anon(at + PAGE, size, name=f"[stack:{tid}]")


def test_a_named_mapping_is_a_stack_with_its_guard() -> None:
    snapshot = old(sorted_maps(BRK_HEAP, LIBC, named(AT, 300 * KIB, 7)), threads=2)
    assert blocks(snapshot, Kind.THREAD_STACK) == [300 * KIB + PAGE]
    assert (AT + PAGE, 300 * KIB, "thread_stack", "stack.kernel_name") in parts_of(snapshot)


def test_a_named_mapping_without_a_guard_in_view_is_a_stack() -> None:
    snapshot = old(sorted_maps(BRK_HEAP, LIBC, anon(AT, 20 * MIB, name="[stack:9]")), threads=2)
    assert kinds(snapshot, AT, AT + PAGE) == [(20 * MIB, "thread_stack")]


@pytest.mark.parametrize("sizes", [(40 * MIB,), (20 * MIB + 36 * KIB,) * 2])
def test_larger_stacks_that_a_program_asked_for(sizes: tuple[int, ...]) -> None:
    lines = [named(AT + n * 512 * MIB, size, n + 7) for n, size in enumerate(sizes)]
    snapshot = old(sorted_maps(BRK_HEAP, LIBC, *lines), threads=len(sizes) + 1)
    assert blocks(snapshot, Kind.THREAD_STACK) == [size + PAGE for size in sizes]


@pytest.mark.parametrize("chunk", [3 * MIB + PAGE, 70 * MIB + PAGE])
def test_what_merged_with_a_stack_has_its_name_and_is_none(chunk: int) -> None:
    text = sorted_maps(BRK_HEAP, LIBC, named(AT, STACK + chunk, 7))
    assert blocks(old(text, threads=2), Kind.THREAD_STACK) == [STACK + PAGE]
    assert (chunk, "heap_mmap") in kinds(old(text, threads=2))


def test_the_rest_of_a_name_above_a_java_stack_is_other_memory() -> None:
    size, zones, chunk = 512 * KIB, 12 * KIB, 9 * MIB + PAGE
    lines = [
        anon(at, zones, "---p") + anon(at + zones, size - zones + over, name=f"[stack:{at >> 24 & 7}]")
        for at, over in ((AT, 0), (AT + 32 * MIB, 0), (AT + 64 * MIB, chunk))
    ]
    snapshot = old(sorted_maps(BRK_HEAP, LIBC, LIBJVM, *lines), threads=4)
    assert blocks(snapshot, Kind.THREAD_STACK) == [size] * 3
    assert (chunk, "heap_mmap") in kinds(snapshot)


def test_a_heap_of_an_arena_below_a_named_stack_keeps_its_own_kind() -> None:
    base = 0x7E0004000000
    heap = anon(base, 2 * MIB) + anon(base + 2 * MIB, 62 * MIB, "---p")
    text = sorted_maps(BRK_HEAP, LIBC, heap, anon(base + 64 * MIB, STACK, name="[stack:12]"))
    found = kinds(old(text, threads=2), base)[:3]
    assert found == [(2 * MIB, "heap_arena"), (62 * MIB, "heap_arena"), (STACK, "thread_stack")]
