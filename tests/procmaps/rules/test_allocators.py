"""Other allocators, large chunks of glibc's, and what is no malloc's."""

import pytest

from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, MUSL, anon, kinds, parts_of, read, sorted_maps

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000


def with_object(path: str, *lines: str) -> str:
    return sorted_maps(LIBC, f"7f0000800000-7f0000900000 r-xp 00000000 fe:00 80 {path}\n", *lines)


@pytest.mark.parametrize("name", ["libjemalloc.so.2", "libtcmalloc_minimal.so.4.5.10", "libmimalloc.so.2.1"])
def test_a_loaded_allocator_owns_what_is_writable(name: str) -> None:
    assert kinds(read(with_object(f"/usr/lib/{name}", anon(AT, 8 * MIB))), AT, AT + 1) == [
        (8 * MIB, "heap_allocator")
    ]


def test_an_allocator_that_is_linked_in_is_known_by_the_missing_heap() -> None:
    assert kinds(read(with_object("/usr/bin/x", anon(AT, 8 * MIB))), AT, AT + 1) == [
        (8 * MIB, "heap_allocator")
    ]
    text = with_object("/usr/bin/x", BRK_HEAP, anon(AT, 8 * MIB + 4096))
    assert kinds(read(text), AT, AT + 1) == [(8 * MIB + 4096, "heap_mmap")]


def test_musl() -> None:
    assert kinds(read(sorted_maps(MUSL, anon(AT, 300 * KIB))), AT, AT + 1) == [(300 * KIB, "heap_allocator")]


def test_chunks_begin_at_the_threshold() -> None:
    for size, kind in ((128 * KIB, "heap_mmap"), (124 * KIB, "anonymous")):
        assert kinds(read(with_object("/usr/bin/x", BRK_HEAP, anon(AT, size))), AT, AT + 1) == [(size, kind)]


def test_more_than_is_resident_is_no_malloc_s() -> None:
    text = with_object("/usr/bin/x", BRK_HEAP, anon(AT, 50 * MIB + 4096))
    assert parts_of(read(text, rss_anon_kb=10 * 1024))[-3][3] == "rest.unpaid"
    assert parts_of(read(text, rss_anon_kb=60 * 1024))[-3][3] == "glibc.mmapped"


def test_php_chunks() -> None:
    text = with_object("/usr/sbin/php-fpm8.2", BRK_HEAP, anon(AT, 4 * MIB))
    assert kinds(read(text), AT, AT + 1) == [(4 * MIB, "heap_allocator")]


def test_php_huge_blocks_end_on_any_page_and_merge_with_what_lies_below() -> None:
    text = with_object(
        "/usr/bin/php8.2",
        BRK_HEAP,
        anon(AT, 10 * MIB + 20 * KIB),
        anon(AT + 100 * KIB + 32 * MIB, 6 * MIB - 100 * KIB),
    )
    snapshot = read(text)
    assert kinds(snapshot, AT, AT + 1) == [(10 * MIB + 20 * KIB, "heap_allocator")]
    assert kinds(snapshot, AT + 32 * MIB, AT + 40 * MIB) == [
        (2 * MIB - 100 * KIB, "heap_mmap"),
        (4 * MIB, "heap_allocator"),
    ]


def test_an_arena_of_glibc_in_php_is_an_arena() -> None:
    at = AT + 64 * MIB
    snapshot = read(
        with_object("/usr/bin/php8.2", BRK_HEAP, anon(at, 4 * MIB), anon(at + 4 * MIB, 60 * MIB, "---p"))
    )
    assert {kind for _, kind in kinds(snapshot, at, at + 64 * MIB)} == {"heap_arena"}


def test_what_lies_below_a_vast_closed_range_is_no_jemalloc_s() -> None:
    text = with_object("/usr/lib/libjemalloc.so.2", anon(AT, 800 * MIB), anon(AT + 800 * MIB, 2**40, "---p"))
    assert {kind for _, kind in kinds(read(text), AT, AT + 2**40)} == {"anonymous", "reserved"}


def test_what_jemalloc_has_not_flagged_is_the_program_s() -> None:
    text = with_object("/usr/lib/libjemalloc.so.2", anon(AT, 8 * MIB), anon(AT + 32 * MIB, 6 * MIB))
    smaps = text.replace(anon(AT, 8 * MIB), anon(AT, 8 * MIB) + "VmFlags: rd wr mr mw me nr\n")
    snapshot = read(smaps=smaps)
    assert kinds(snapshot, AT, AT + 64 * MIB) == [(8 * MIB, "heap_allocator"), (6 * MIB, "anonymous")]


def test_flags_that_no_malloc_asks_for() -> None:
    text = with_object("/usr/bin/x", BRK_HEAP) + anon(AT, 3 * MIB + 4096)
    smaps = sorted_maps(text).replace(
        anon(AT, 3 * MIB + 4096), anon(AT, 3 * MIB + 4096) + "VmFlags: rd wr mr mw me dd ac\n"
    )
    assert kinds(read(smaps=smaps), AT, AT + 1) == [(3 * MIB + 4096, "anonymous")]


def test_sizes_that_jemalloc_does_not_map() -> None:
    text = with_object("/usr/lib/libjemalloc.so.2", anon(AT, 3584 * KIB), anon(AT + 32 * MIB, 1944 * KIB))
    snapshot = read(text)
    assert kinds(snapshot, AT, AT + 64 * MIB) == [(3584 * KIB, "heap_allocator"), (1944 * KIB, "anonymous")]


def test_the_stack_of_a_fiber_of_php_is_no_chunk_where_it_is_aligned_by_chance() -> None:
    stacks = "".join(
        anon(AT + number * (2 * MIB + 4 * KIB) - 4 * KIB, 4 * KIB, "---p")
        + anon(AT + number * (2 * MIB + 4 * KIB), 2 * MIB)
        for number in range(5)
    )
    snapshot = read(with_object("/usr/bin/php8.2", BRK_HEAP, stacks), threads=1)
    assert "heap_allocator" not in {kind for _, kind in kinds(snapshot, AT, AT + 16 * MIB)}


def test_malloc_need_not_have_written_all_that_it_maps() -> None:
    text = with_object("/usr/bin/x", BRK_HEAP, anon(AT, 50 * MIB + 4096))
    assert kinds(read(text, rss_anon_kb=48 * 1024), AT, AT + 1) == [(50 * MIB + 4096, "heap_mmap")]


def test_musl_that_is_linked_into_the_program_is_known_by_its_closed_page() -> None:
    """src/malloc/mallocng/malloc.c: the lowest page of what it takes by brk may not be touched."""
    program = "00400000-0040a000 r-xp 00000000 fe:00 5 /srv/program\n"
    page, brk = (
        "01000000-01001000 ---p 00000000 00:00 0 [heap]\n",
        "01001000-01008000 rw-p 00000000 00:00 0 [heap]\n",
    )
    chunk = anon(AT, 300 * KIB)
    static = read(sorted_maps(program, page, brk, chunk), rss_anon_kb=900)
    assert (300 * KIB, "heap_allocator") in kinds(static)
    assert (300 * KIB, "heap_mmap") in kinds(read(sorted_maps(program, brk, chunk), rss_anon_kb=900))


def test_a_chunk_that_madvise_divided() -> None:
    """Whole MiB inside of a run that as a whole is none: the program asked for huge pages in a chunk."""
    head, huge, tail = 2 * MIB - 4096, 26 * MIB, 700 * KIB
    text = sorted_maps(
        LIBC, BRK_HEAP, anon(AT + 4096, head), anon(AT + 2 * MIB, huge), anon(AT + 2 * MIB + huge, tail)
    )
    found = kinds(read(text, rss_anon_kb=90_000), AT, AT + 64 * MIB)
    assert found == [(head, "heap_mmap"), (huge, "heap_mmap"), (tail, "heap_mmap")]
    alone = sorted_maps(LIBC, BRK_HEAP, anon(AT + 2 * MIB, huge))
    assert kinds(read(alone, rss_anon_kb=90_000), AT, AT + 64 * MIB) == [(huge, "anonymous")]


def test_malloc_maps_nothing_below_4_gib() -> None:
    text = sorted_maps(LIBC, BRK_HEAP, anon(0x40000000, 300 * KIB))
    assert kinds(read(text, rss_anon_kb=90_000), 0, 2**32) == [(300 * KIB, "anonymous")]
