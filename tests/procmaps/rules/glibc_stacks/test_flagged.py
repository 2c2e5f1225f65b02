"""Stacks by the kernel's flag."""

import pytest

from procmaps.classify import classify
from procmaps.kinds import Kind
from procmaps.rules.glibc_stacks.flagged import HOST_LIMIT_COUNT, MERGED_LIMIT_COUNT
from procmaps.rules.glibc_stacks.guards import GUARD_MAX_BYTES
from procmaps.rules.process import STACK_MAX_BYTES
from tests.procmaps.rules.labelled import anon, blocks, kinds, parts_of, read

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
        smaps(AT + n * 648 * KIB, 4 * KIB, "---p", "mr mw me ac nh", 0)
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


@pytest.mark.parametrize(
    ("threads", "guard", "rule", "kind"),
    [
        (31, "mr mw me ac nh", "stack.flagged", "thread_stack"),
        (30, "mr mw me ac nh", "stack.flagged_unsure", "thread_stack"),
        (16, "mr mw me ac nh", "stack.flagged_unsure", "thread_stack"),
        (15, "mr mw me ac nh", "rest.guarded", "anonymous"),
        # it was never writable, as glibc makes guards
        (3, "mr mw me nh", "stack.flagged_unsure", "thread_stack"),
        (31, "mr mw me nh", "stack.flagged", "thread_stack"),
    ],
)
def test_more_of_an_odd_size_than_live_threads_can_be_fibers(
    threads: int, guard: str, rule: str, kind: str
) -> None:
    one = 164 * KIB
    text = "".join(
        smaps(AT + n * one, 4 * KIB, "---p", guard, 0)
        + smaps(AT + n * one + 4 * KIB, 160 * KIB, "rw-p", "rd wr mr mw me ac nh")
        for n in range(30)
    )
    snapshot = read(smaps=text, threads=threads, stack_limit=STACK)
    assert {(of, found) for _, size, of, found in parts_of(snapshot) if size > 4 * KIB} == {(kind, rule)}


def test_flags_that_come_with_nh_for_other_reasons() -> None:
    guard = smaps(AT, 4096, "---p", "mr mw me", 0)
    for flags in ("rd wr mr mw me ac hg nh", "rd wr mr mw me gd ac nh"):
        text = guard + smaps(AT + 4096, 3 * MIB, "rw-p", flags)
        assert "stack.flagged" not in {rule for *_, rule in parts_of(read(smaps=text, threads=2))}


def test_an_allocator_that_sets_the_flag_itself_does_not_count_it_against_the_limit() -> None:
    library = "7f0000500000-7f0000600000 r-xp 00000000 fe:00 80 /usr/lib/libjemalloc.so.2\n"
    library += "Size: 1024 kB\nRss: 1024 kB\nVmFlags: rd ex mr mw me\n"
    for flags, count in (("rd wr mr mw me nh", 0), ("rd wr mr mw me ac nh", 1)):
        text = smaps(AT, 3 * MIB, "rw-p", flags) + library
        assert len(blocks(read(smaps=text, threads=2), Kind.THREAD_STACK)) == count


def test_a_flagged_guard_without_a_stack_is_a_block_of_its_own() -> None:
    text = smaps(AT, 8192, "---p", "mr mw me nh", 0) + smaps(AT + 8192, MIB, "r--p", "rd mr mw me")
    assert blocks(read(smaps=text, threads=2), Kind.THREAD_STACK) == [8192]


def test_no_more_than_two_guards_below_a_stack() -> None:
    text = "".join(smaps(AT + n * 4096, 4096, "---p", f"mr mw me{' nr' * (n % 2)}", 0) for n in range(3))
    text += smaps(AT + 3 * 4096, MIB, "rw-p", "rd wr mr mw me ac nh")
    assert kinds(read(smaps=text, threads=2)) == [
        (4096, "reserved"),
        (4096, "thread_stack"),
        (4096, "thread_stack"),
        (MIB, "thread_stack"),
    ]


def test_what_is_larger_than_a_guard_can_be_is_none() -> None:
    for size, blocked in ((GUARD_MAX_BYTES, [GUARD_MAX_BYTES + MIB]), (GUARD_MAX_BYTES + 4096, [MIB])):
        text = smaps(AT, size, "---p", "mr mw me", 0)
        text += smaps(AT + size, MIB, "rw-p", "rd wr mr mw me ac nh")
        assert blocks(read(smaps=text, threads=2), Kind.THREAD_STACK) == blocked


def test_one_mapping_holds_a_limited_number_of_stacks() -> None:
    one = 16 * KIB + 4096
    for count, number in ((MERGED_LIMIT_COUNT, MERGED_LIMIT_COUNT), (MERGED_LIMIT_COUNT + 1, 1)):
        text = smaps(AT, count * one, "rw-p", "rd wr mr mw me gu ac nh")
        assert len(blocks(read(smaps=text, threads=9, stack_limit=16 * KIB), Kind.THREAD_STACK)) == number


def test_a_host_has_a_limited_number_of_merged_stacks() -> None:
    one = 16 * KIB + 4096
    mappings = HOST_LIMIT_COUNT // MERGED_LIMIT_COUNT
    text = "".join(
        smaps(AT + n * 2**40, MERGED_LIMIT_COUNT * one, "rw-p", "rd wr mr mw me gu ac nh")
        for n in range(-mappings, 1)
    )
    snapshot = read(smaps=text, threads=9, stack_limit=16 * KIB)
    parts = classify(snapshot)
    assert len(parts) == HOST_LIMIT_COUNT + 1
    assert set(parts.kind.tolist()) == {Kind.THREAD_STACK}


def test_two_stacks_in_one_mapping() -> None:
    text = smaps(AT, 2 * (STACK + 4096), "rw-p", "rd wr mr mw me gu ac nh", 216)
    assert blocks(read(smaps=text, threads=3, stack_limit=STACK), Kind.THREAD_STACK) == [STACK + 4096] * 2


def test_as_many_as_threads_and_stacks_that_are_kept_are_no_fibers() -> None:
    text = "".join(smaps(AT + n * MIB, 640 * KIB, "rw-p", "rd wr mr mw me ac nh") for n in range(70))
    assert 40 * MIB // (640 * KIB) == 64
    for threads, found in ((6, 70), (5, 0)):
        parts = parts_of(read(smaps=text, threads=threads, stack_limit=STACK))
        assert sum(rule == "stack.flagged_unsure" for *_, rule in parts) == found


def test_the_flag_on_other_memory_does_not_speak_against_stacks_without_it() -> None:
    text = smaps(AT, 4096, "---p", "mr mw me", 0) + smaps(AT + 4096, STACK, "rw-p", "rd wr mr mw me ac")
    text += smaps(AT + 32 * MIB, 3 * MIB, "rw-p", "rd wr mr mw me ac hg nh")
    found = blocks(read(smaps=text, threads=2, stack_limit=STACK), Kind.THREAD_STACK)
    assert found == [STACK + 4096]


def test_memory_without_huge_pages_and_without_a_guard_is_a_program_s_own() -> None:
    pools = "".join(
        smaps(AT + n * 64 * MIB, 34 * MIB, "rw-p", "rd wr mr mw me ac nh", 34 * 1024) for n in range(6)
    )
    chunk = smaps(AT + 2**30, 12 * MIB + 4096, "rw-p", "rd wr mr mw me ac nh", 12 * 1024)
    snapshot = read(smaps=pools + chunk, threads=1, stack_limit=STACK, rss_anon_kb=2**18)
    assert kinds(snapshot) == [*[(34 * MIB, "anonymous")] * 6, (12 * MIB + 4096, "heap_mmap")]


def test_a_flagged_region_without_a_guard_is_a_stack_if_threads_lack_one() -> None:
    text = smaps(AT, 3 * MIB, "rw-p", "rd wr mr mw me ac nh") + smaps(
        AT + 64 * MIB, 5 * MIB, "rw-p", "rd wr mr mw me ac nh"
    )
    for threads, rule in ((3, "stack.flagged_unsure"), (2, "rest.anonymous")):
        found = parts_of(read(smaps=text, threads=threads, stack_limit=STACK))
        assert [name for *_, name in found] == [rule] * 2
    guarded = smaps(AT, 3 * MIB, "rw-p", "rd wr mr mw me gu ac nh")
    for threads, rule in ((2, "stack.flagged"), (1, "stack.flagged_unsure")):
        assert [name for *_, name in parts_of(read(smaps=guarded, threads=threads))] == [rule]


def test_no_stack_is_larger_than_1_gib() -> None:
    for size, rule in ((STACK_MAX_BYTES, "stack.flagged_unsure"), (STACK_MAX_BYTES + 4096, "glibc.mmapped")):
        text = smaps(AT, size, "rw-p", "rd wr mr mw me ac nh")
        assert [name for *_, name in parts_of(read(smaps=text, threads=2, stack_limit=STACK))] == [rule]
