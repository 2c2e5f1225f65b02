"""Stacks by the kernel's flag."""

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import anon, blocks, kinds, read

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


def test_stacks_of_threads_that_ended_are_kept_and_no_fibers() -> None:
    text = "".join(
        smaps(AT + n * 2052 * KIB, 4 * KIB, "---p", "mr mw me nh", 0)
        + smaps(AT + n * 2052 * KIB + 4 * KIB, 2 * MIB, "rw-p", "rd wr mr mw me ac nh")
        for n in range(30)
    )
    assert len(blocks(read(smaps=text, threads=14, stack_limit=STACK), Kind.THREAD_STACK)) == 30
