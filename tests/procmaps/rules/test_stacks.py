"""Stacks by the kernel's flag and by the zones that a JVM keeps."""

from dataclasses import replace

from procmaps.kinds import Kind
from procmaps.rules.stacks import MERGES_UNTIL, UNKNOWN_RELEASE, release_of
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, LIBJVM, anon, blocks, kinds, read, sorted_maps

KIB = 2**10
MIB = 2**20
AT = 0x7E0000100000
STACK = 8 * MIB


def smaps(start: int, size: int, perms: str, flags: str, resident_kb: int = 8) -> str:
    return anon(start, size, perms) + f"Size: {size >> 10} kB\nRss: {resident_kb} kB\nVmFlags: {flags}\n"


def test_flagged_memory_is_stack_and_so_is_its_guard() -> None:
    text = smaps(AT, 4096, "---p", "mr mw me nh", 0) + smaps(
        AT + 4096, 3 * MIB, "rw-p", "rd wr mr mw me ac nh"
    )
    snapshot = read(smaps=text, threads=2)
    assert kinds(snapshot) == [(4096, "thread_stack"), (3 * MIB, "thread_stack")]
    assert blocks(snapshot, Kind.THREAD_STACK) == [3 * MIB + 4096]


def test_other_memory_without_huge_pages_is_no_stack() -> None:
    text = smaps(AT, 3 * MIB + 4096, "rw-p", "rd wr mr mw me nr nh")
    assert "thread_stack" not in {kind for _, kind in kinds(read(smaps=text, threads=2))}


def test_merged_stacks_with_invisible_guards_are_counted() -> None:
    text = smaps(AT, 6 * (STACK + 4096), "rw-p", "rd wr mr mw me gu ac nh", 216)
    snapshot = read(smaps=text, threads=7, stack_limit=STACK)
    assert blocks(snapshot, Kind.THREAD_STACK) == [STACK + 4096] * 6


def test_unflagged_pairs_are_no_stacks_where_others_are_flagged() -> None:
    text = (
        smaps(AT, 4096, "---p", "mr mw me nh", 0)
        + smaps(AT + 4096, STACK, "rw-p", "rd wr mr mw me ac nh")
        + smaps(AT + 32 * MIB, 4096, "---p", "mr mw me", 0)
        + smaps(AT + 32 * MIB + 4096, STACK, "rw-p", "rd wr mr mw me ac")
    )
    assert blocks(read(smaps=text, threads=9, stack_limit=STACK), Kind.THREAD_STACK) == [STACK + 4096]


def test_fibers_are_flagged_too_but_more_than_threads_and_what_glibc_keeps_of_ended_ones() -> None:
    text = "".join(
        smaps(AT + n * 648 * KIB, 4 * KIB, "---p", "mr mw me nh", 0)
        + smaps(AT + n * 648 * KIB + 4 * KIB, 644 * KIB, "rw-p", "rd wr mr mw me ac nh")
        for n in range(70)
    )
    assert blocks(read(smaps=text, threads=3, stack_limit=STACK), Kind.THREAD_STACK) == []
    assert len(blocks(read(smaps=text, threads=71, stack_limit=STACK), Kind.THREAD_STACK)) == 70


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


def test_releases_of_kernels() -> None:
    assert release_of("5.10.0-28-amd64") == (5, 10)
    assert release_of("6.6.99") < MERGES_UNTIL <= release_of("6.7.0-rc1")
    assert release_of("") == UNKNOWN_RELEASE


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


def test_stacks_of_threads_that_ended_are_kept_and_no_fibers() -> None:
    text = "".join(
        smaps(AT + n * 2052 * KIB, 4 * KIB, "---p", "mr mw me nh", 0)
        + smaps(AT + n * 2052 * KIB + 4 * KIB, 2 * MIB, "rw-p", "rd wr mr mw me ac nh")
        for n in range(30)
    )
    assert len(blocks(read(smaps=text, threads=14, stack_limit=STACK), Kind.THREAD_STACK)) == 30
