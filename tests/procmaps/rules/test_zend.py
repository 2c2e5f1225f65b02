"""Chunks and huge blocks of PHP's allocator."""

from tests.procmaps.rules.labelled import BRK_HEAP, anon, kinds, read, with_object

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000


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


def test_the_stack_of_a_fiber_of_php_is_no_chunk_where_it_is_aligned_by_chance() -> None:
    stacks = "".join(
        anon(AT + number * (2 * MIB + 4 * KIB) - 4 * KIB, 4 * KIB, "---p")
        + anon(AT + number * (2 * MIB + 4 * KIB), 2 * MIB)
        for number in range(5)
    )
    snapshot = read(with_object("/usr/bin/php8.2", BRK_HEAP, stacks), threads=1)
    assert "heap_allocator" not in {kind for _, kind in kinds(snapshot, AT, AT + 16 * MIB)}


def test_chunks_begin_at_2_mib() -> None:
    for at, size, kind in (
        (AT, 2 * MIB, "heap_allocator"),
        (AT, 2 * MIB - 4 * KIB, "heap_mmap"),
        (AT + 4 * KIB, 2 * MIB, "anonymous"),  # on no boundary
    ):
        text = with_object("/usr/bin/php8.2", BRK_HEAP, anon(at, size))
        assert kinds(read(text), at, at + 1) == [(size, kind)]
