"""Stacks without a guard, and memory that only stacks can be."""

from procmaps.kinds import Kind
from procmaps.rules.glibc_stacks.bare import BARE_MIN_BYTES
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, LIBJVM, anon, blocks, parts_of, read, sorted_maps

MIB = 2**20
AT = 0x7E0000100000
STACK = 8 * MIB


def process(*sizes: int) -> str:
    return sorted_maps(BRK_HEAP, LIBC, *(anon(AT + n * 2**30, size) for n, size in enumerate(sizes)))


def found(text: str, threads: int, rss_anon_kb: int = 0) -> list[int]:
    snapshot = read(text, threads=threads, rss_anon_kb=rss_anon_kb, stack_limit=STACK)
    return blocks(snapshot, Kind.THREAD_STACK)


def test_stacks_without_any_guard() -> None:
    assert blocks(read(process(2 * STACK), threads=3, stack_limit=STACK), Kind.THREAD_STACK) == [STACK] * 2


def test_memory_that_malloc_cannot_own_is_stacks_of_several_sizes() -> None:
    odd = 3 * STACK + 700 * 1024
    snapshot = read(process(odd), threads=9, rss_anon_kb=400, stack_limit=STACK)
    assert blocks(snapshot, Kind.THREAD_STACK) == [odd]


def test_no_more_stacks_without_a_guard_than_threads_lack() -> None:
    assert found(process(3 * STACK), threads=3) == []
    assert found(process(STACK, STACK), threads=2) == [STACK] * 2
    assert found(process(STACK, STACK, STACK), threads=2) == []
    assert found(process(STACK, STACK, STACK), threads=2, rss_anon_kb=100) == [STACK] * 3  # of ended threads


def test_a_small_size_without_a_guard_is_anybody_s() -> None:
    for limit, number in ((BARE_MIN_BYTES, 2), (BARE_MIN_BYTES - 4096, 0)):
        snapshot = read(process(2 * limit), threads=3, stack_limit=limit, rss_anon_kb=900_000)
        assert len(blocks(snapshot, Kind.THREAD_STACK)) == number


def test_a_jvm_and_mallocs_that_map_whole_mib_prove_nothing() -> None:
    jemalloc = "7f0000500000-7f0000600000 r-xp 00000000 fe:00 80 /usr/lib/libjemalloc.so.2\n"
    for library in (LIBJVM, jemalloc):
        text = sorted_maps(process(2 * STACK), library)
        assert "stack.unguarded" not in {
            rule for *_, rule in parts_of(read(text, threads=3, stack_limit=STACK))
        }


def test_memory_of_any_size_must_be_more_than_is_resident_and_fit_the_threads() -> None:
    odd = 3 * STACK + 700 * 1024
    assert found(process(odd), threads=9, rss_anon_kb=odd // 1024) == []
    assert found(process(odd), threads=6, rss_anon_kb=400) == []  # five threads: 20 MiB
    assert found(process(odd), threads=9) == []  # not known what is resident


def test_memory_of_any_size_if_most_threads_have_a_stack() -> None:
    odd = 3 * STACK + 700 * 1024
    guarded = "".join(
        anon(AT - (n + 1) * 2**30, 4096, "---p") + anon(AT - (n + 1) * 2**30 + 4096, STACK) for n in range(7)
    )
    text = sorted_maps(process(odd), guarded)
    assert odd not in found(text, threads=15, rss_anon_kb=400)
    assert odd in found(text, threads=16, rss_anon_kb=400)
