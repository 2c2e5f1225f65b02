"""Stacks with guards that maps cannot show."""

from dataclasses import replace

import pytest

from procmaps.kinds import Kind
from procmaps.rules.glibc_stacks.guards import SAME_SIZE_MIN_COUNT
from procmaps.rules.glibc_stacks.hidden import NEIGHBOURS_LIMIT_COUNT
from procmaps.rules.glibc_stacks.threads import CACHE_BYTES
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, LIBJVM, anon, blocks, parts_of, read, sorted_maps

MIB = 2**20
AT = 0x7E0000100000
STACK = 8 * MIB
ONE = STACK + 4096
GAP = 256 * MIB
SMALL = 512 * 1024 + 4096
CLOCK = anon(0x7FFD00004000, 8192, "r--p", "[vvar_vclock]")  # the kernel can hide guards


def process(size: int) -> str:
    return sorted_maps(BRK_HEAP, LIBC, anon(AT, size))


def test_whole_numbers_of_stacks_where_threads_have_none() -> None:
    assert blocks(read(process(6 * ONE), threads=7, stack_limit=STACK), Kind.THREAD_STACK) == [ONE] * 6


def test_no_more_than_twice_the_threads_that_lack_one() -> None:
    assert blocks(read(process(30 * ONE), threads=7, stack_limit=STACK), Kind.THREAD_STACK) == []


def test_a_process_with_one_thread_has_none() -> None:
    assert blocks(read(process(6 * ONE), threads=1, stack_limit=STACK), Kind.THREAD_STACK) == []


def test_unknown_threads_prove_nothing() -> None:
    assert blocks(read(process(6 * ONE), stack_limit=STACK), Kind.THREAD_STACK) == []


def test_what_touches_a_stack_and_did_not_merge_is_none() -> None:
    own = MIB + 4096
    zones = anon(AT - MIB, 16 * 1024, "---p") + anon(AT - MIB + 16 * 1024, MIB - 16 * 1024)
    text = sorted_maps(BRK_HEAP, LIBC, LIBJVM, zones, anon(AT, 2 * own), anon(AT + 2 * own, own))
    # Java's stack, two queues, a stack of the JVM's own
    assert sorted(blocks(read(text, threads=3, stack_limit=STACK), Kind.THREAD_STACK)) == [MIB, own]


def test_the_jvm_s_own_threads_have_the_size_that_was_asked_for() -> None:
    text = sorted_maps(BRK_HEAP, LIBC, LIBJVM, anon(AT, 3 * (4 * MIB + 4096)))
    snapshot = read(text, threads=4, argv=("java", "-XX:VMThreadStackSize=4096", "Main"))
    assert blocks(snapshot, Kind.THREAD_STACK) == [4 * MIB + 4096] * 3


@pytest.mark.parametrize("shown", [SAME_SIZE_MIN_COUNT - 1, SAME_SIZE_MIN_COUNT, 9])
def test_task_queues_are_no_stacks_in_a_jvm_that_shows_the_guards_of_its_own_threads(shown: int) -> None:
    """Threads of libraries have no stack that is known here, and a queue has the size of one of the JVM's."""
    own = MIB + 4096
    threads = [
        anon(AT - (n + 2) * GAP, 4096, "---p") + anon(AT - (n + 2) * GAP + 4096, MIB) for n in range(shown)
    ]
    text = sorted_maps(BRK_HEAP, LIBC, LIBJVM, *threads, anon(AT, 5 * own))
    found = parts_of(read(text, threads=1 + shown + 5, stack_limit=STACK, rss_anon_kb=900_000))
    hidden = [size for _, size, _, rule in found if rule == "stack.unseen_guard"]
    assert hidden == ([] if shown >= SAME_SIZE_MIN_COUNT else [own] * 5)


@pytest.mark.parametrize(("program", "size"), [("/usr/bin/ruby3.3", MIB), ("/usr/bin/node", 4 * MIB)])
def test_stacks_of_the_size_that_a_runtime_gives_its_threads(program: str, size: int) -> None:
    code = f"555500000000-555500001000 r-xp 00000000 fe:00 9 {program}\n"
    heap = "555600000000-555600100000 rw-p 00000000 00:00 0 [heap]\n"
    text = sorted_maps(code, heap, LIBC, anon(AT, 3 * (size + 4096)), anon(AT + GAP, size + 8192))
    snapshot = read(text, threads=4, rss_anon_kb=900_000, stack_limit=STACK)
    assert blocks(snapshot, Kind.THREAD_STACK) == [size + 4096] * 3
    assert blocks(read(text, threads=1, rss_anon_kb=900_000, stack_limit=STACK), Kind.THREAD_STACK) == []


def several(*sizes: int) -> str:
    """A process with mappings of these sizes, apart from one another."""
    return sorted_maps(CLOCK, BRK_HEAP, LIBC, *(anon(AT + n * GAP, size) for n, size in enumerate(sizes)))


def stacks(text: str, threads: int, rss_anon_kb: int = 0) -> list[int]:
    snapshot = read(text, threads=threads, rss_anon_kb=rss_anon_kb, stack_limit=STACK)
    return blocks(snapshot, Kind.THREAD_STACK)


def test_as_many_stacks_of_another_size_as_threads_lack_one() -> None:
    chunks = (50 * 200 * 1024, 7 * 200 * 1024)
    assert stacks(several(3 * SMALL, 2 * SMALL, *chunks), threads=6) == [SMALL] * 5
    assert stacks(several(3 * SMALL, 2 * SMALL, *chunks), threads=9) == []


def test_one_mapping_is_divided_into_round_sizes_alone() -> None:
    assert stacks(several(4 * (300 * 1024 + 4096)), threads=5) == [300 * 1024 + 4096] * 4
    assert stacks(several(4 * (300 * 1024 + 8192)), threads=5) == []


def test_the_mapping_that_holds_all_where_chunks_are_as_large_as_a_stack() -> None:
    assert stacks(several(9 * SMALL, 3 * SMALL), threads=4) == [SMALL] * 3


def test_stacks_of_threads_that_ended_where_malloc_cannot_own_them() -> None:
    text = several(5 * SMALL, 3 * SMALL)
    assert stacks(text, threads=5, rss_anon_kb=700) == [SMALL] * 8
    assert stacks(text, threads=5, rss_anon_kb=90_000) == []


def test_where_guards_are_seen_none_is_hidden() -> None:
    guarded = "".join(
        anon(AT + GAP + n * 304 * 1024, 4096, "---p") + anon(AT + GAP + n * 304 * 1024 + 4096, 300 * 1024)
        for n in range(4)
    )
    chunk = anon(AT, 4 * SMALL)
    text = sorted_maps(BRK_HEAP, LIBC, chunk, guarded)
    assert stacks(text, threads=5) == [304 * 1024] * 4
    assert (
        stacks(sorted_maps(BRK_HEAP, LIBC, anon(AT, 4 * (STACK + 4096)), guarded), threads=5)
        == [304 * 1024] * 4
    )


def test_a_kernel_that_cannot_hide_guards_has_no_stacks_of_any_size_without_them() -> None:
    new = read(several(5 * SMALL), threads=6, stack_limit=STACK)
    assert blocks(new, Kind.THREAD_STACK)
    old = replace(new, facts=replace(new.facts, kernel="6.12.63-deb13-amd64"))
    assert blocks(old, Kind.THREAD_STACK) == []


def test_each_step_is_for_the_threads_that_earlier_steps_left_without_a_stack() -> None:
    text = several(2 * ONE, 3 * SMALL)
    assert sorted(stacks(text, threads=6)) == [SMALL] * 3 + [ONE] * 2
    assert stacks(text, threads=3) == [ONE] * 2


def test_stacks_of_a_size_beyond_what_threads_lack_are_of_threads_that_ended_if_hardly_resident() -> None:
    assert CACHE_BYTES // ONE == 4
    for number, found in ((5, 5), (6, 0)):  # one of the thread, four that glibc keeps
        text = several(number * ONE)
        assert len(stacks(text, threads=2, rss_anon_kb=1000)) == found


def test_what_touches_stacks_is_followed_for_a_few_mappings() -> None:
    def row(between: int) -> str:
        """A Java stack, mappings of whole stacks that touch one another, other memory."""
        own = MIB + 4096
        zones = anon(AT - MIB, 16 * 1024, "---p") + anon(AT - MIB + 16 * 1024, MIB - 16 * 1024)
        return sorted_maps(
            BRK_HEAP,
            LIBC,
            LIBJVM,
            zones,
            *(anon(AT + n * own, own) for n in range(between)),
        )

    def stacks_above(between: int, missing: int) -> int:
        found = blocks(read(row(between), threads=missing + 2, stack_limit=STACK), Kind.THREAD_STACK)
        return len(found) - 1

    few = NEIGHBOURS_LIMIT_COUNT
    assert stacks_above(few, few) == few
    # every second one only, if not all are needed
    assert stacks_above(few, few // 2) == few // 2
    # the ninth is too far from the Java stack to be known as other memory
    assert stacks_above(few + 1, few // 2 + 1) == few // 2 + 1


def test_with_the_guards_of_half_of_the_stacks_in_view_none_is_hidden() -> None:
    hidden = anon(AT, 8 * SMALL)
    for seen, found in ((4, 0), (3, 8)):
        guarded = "".join(
            anon(at, 4096, "---p") + anon(at + 4096, (40 + 4 * n) * 1024)
            for n, at in enumerate(range(AT + GAP, AT + GAP + seen * GAP, GAP))
        )
        text = sorted_maps(CLOCK, BRK_HEAP, LIBC, hidden, guarded)
        assert stacks(text, threads=9).count(SMALL) == found


def test_buffers_with_a_guard_on_both_sides_do_not_count_as_stacks_with_guards() -> None:
    def buffers(between: int) -> str:
        """Two buffers: a page below them, so much between them, a page above them."""
        low = AT + GAP
        high = low + 4096 + 64 * 1024 + between
        guards = anon(low, 4096, "---p") + anon(low + 4096 + 64 * 1024, between, "---p")
        return (
            guards
            + anon(high + 64 * 1024, 4096, "---p")
            + anon(low + 4096, 64 * 1024)
            + anon(high, 64 * 1024)
        )

    for between, found in ((8192, 2), (4096, 0)):
        text = sorted_maps(CLOCK, BRK_HEAP, LIBC, anon(AT, 2 * SMALL), buffers(between))
        assert stacks(text, threads=3).count(SMALL) == found


def test_as_many_guarded_of_one_size_as_threads_without_a_stack_are_their_stacks() -> None:
    def guarded(at: int, guard: int, size: int) -> str:
        return anon(at, guard, "---p") + anon(at + guard, size)

    for number, found in ((6, 0), (5, 6)):
        known = [guarded(AT - (n + 1) * GAP, 4096, STACK) for n in range(2)]
        others = [guarded(AT + (n + 1) * GAP, 8192, 300 * 1024) for n in range(number)]
        text = sorted_maps(CLOCK, BRK_HEAP, LIBC, anon(AT, 6 * SMALL), *known, *others)
        assert stacks(text, threads=9).count(SMALL) == found


def test_stacks_with_hidden_guards_count_for_those_with_guards_in_view() -> None:
    apart = [anon(AT + n * GAP, 4096, "---p") + anon(AT + n * GAP + 4096, 300 * 1024) for n in range(1, 4)]
    text = sorted_maps(CLOCK, BRK_HEAP, LIBC, anon(AT, 6 * ONE), *apart)
    # eight threads, of which two are left for three guarded regions
    assert sorted(stacks(text, threads=9)) == [304 * 1024] * 2 + [ONE] * 6


def test_other_memory_beside_stacks_tells_which_of_two_mappings_is_stacks() -> None:
    odd = 12 * 1024
    text = sorted_maps(CLOCK, BRK_HEAP, LIBC, anon(AT, odd), anon(AT + odd, ONE), anon(AT + odd + ONE, ONE))
    parts = parts_of(read(text, threads=2, stack_limit=STACK))
    assert [(start, size) for start, size, kind, _ in parts if kind == "thread_stack"] == [(AT + odd, ONE)]
