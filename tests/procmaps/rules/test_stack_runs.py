"""Stacks with guards that maps cannot show."""

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, LIBJVM, anon, blocks, read, sorted_maps

MIB = 2**20
AT = 0x7E0000100000
STACK = 8 * MIB
ONE = STACK + 4096


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


def test_stacks_without_any_guard() -> None:
    assert blocks(read(process(2 * STACK), threads=3, stack_limit=STACK), Kind.THREAD_STACK) == [STACK] * 2


def test_memory_that_malloc_cannot_own_is_stacks_of_several_sizes() -> None:
    odd = 3 * STACK + 700 * 1024
    snapshot = read(process(odd), threads=9, rss_anon_kb=400, stack_limit=STACK)
    assert blocks(snapshot, Kind.THREAD_STACK) == [odd]


SMALL = 512 * 1024 + 4096
GAP = 256 * MIB


def several(*sizes: int) -> str:
    """A process with mappings of these sizes, apart from one another."""
    return sorted_maps(BRK_HEAP, LIBC, *(anon(AT + n * GAP, size) for n, size in enumerate(sizes)))


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
    assert stacks(sorted_maps(BRK_HEAP, LIBC, anon(AT, 4 * ONE), guarded), threads=5) == [304 * 1024] * 4


def test_stacks_of_several_sizes_have_a_page_of_guard_each() -> None:
    mixed = 64 * MIB + 192 * 1024 + 2 * 4096
    assert stacks(several(mixed), threads=3, rss_anon_kb=800) == [mixed]
    assert stacks(several(mixed - 2 * 4096), threads=3, rss_anon_kb=800) == []


def test_what_touches_a_stack_and_did_not_merge_is_none() -> None:
    own = MIB + 4096
    zones = anon(AT - MIB, 16 * 1024, "---p") + anon(AT - MIB + 16 * 1024, MIB - 16 * 1024)
    text = sorted_maps(BRK_HEAP, LIBC, LIBJVM, zones, anon(AT, 2 * own), anon(AT + 2 * own, own))
    # Java's stack, two queues, a stack of the JVM's own
    assert sorted(stacks(text, threads=3)) == [MIB, own]


def test_the_jvm_s_own_threads_have_the_size_that_was_asked_for() -> None:
    text = sorted_maps(BRK_HEAP, LIBC, LIBJVM, anon(AT, 3 * (4 * MIB + 4096)))
    snapshot = read(text, threads=4, argv=("java", "-XX:VMThreadStackSize=4096", "Main"))
    assert blocks(snapshot, Kind.THREAD_STACK) == [4 * MIB + 4096] * 3
