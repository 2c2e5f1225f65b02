"""Stacks with guards that maps cannot show, of a size that the program chose."""

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, blocks, read, sorted_maps

MIB = 2**20
AT = 0x7E0000100000
STACK = 8 * MIB
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
    assert (
        stacks(sorted_maps(BRK_HEAP, LIBC, anon(AT, 4 * (STACK + 4096)), guarded), threads=5)
        == [304 * 1024] * 4
    )


def test_stacks_of_several_sizes_have_a_page_of_guard_each() -> None:
    mixed = 64 * MIB + 192 * 1024 + 2 * 4096
    assert stacks(several(mixed), threads=3, rss_anon_kb=800) == [mixed]
    assert stacks(several(mixed - 2 * 4096), threads=3, rss_anon_kb=800) == []
