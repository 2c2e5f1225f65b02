"""Images of the heap in the collectors' tables."""

from procmaps.rules.jvm_gc import merge_spans
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, LIBJVM, anon, gapped, kinds, read, sorted_maps

KIB = 2**10
MIB = 2**20
GIB = 2**30
AT = 0x7E0000000000
HEAP = 512 * MIB
COMMITTED = 378 * MIB
ARGV = ("java", "-Xmx512m", "Main")


def jvm(*lines: str) -> str:
    at = 4 * GIB - HEAP
    heap = anon(at, COMMITTED) + anon(at + COMMITTED, HEAP - COMMITTED, "---p")
    return sorted_maps(BRK_HEAP, LIBC, LIBJVM, heap, *lines)


def test_a_bitmap_and_a_card_table() -> None:
    lines, wanted = [], []
    for scale, at in ((64, AT), (512, AT + 64 * MIB)):
        below, gap = COMMITTED // scale, (HEAP - COMMITTED) // scale
        lines += [anon(at, below), anon(at + below, gap, "---p")]
        wanted += [(below, "java_gc"), (gap, "java_gc")]
    assert kinds(read(jvm(*lines), argv=ARGV), AT, AT + GIB) == wanted


def test_what_merged_below_an_image_is_cut_off() -> None:
    chunk, below, gap = MIB + 4096, COMMITTED // 64, (HEAP - COMMITTED) // 64
    text = jvm(anon(AT, chunk + below), anon(AT + chunk + below, gap, "---p"))
    assert kinds(read(text, argv=ARGV), AT, AT + GIB) == [
        (chunk, "heap_mmap"),
        (below, "java_gc"),
        (gap, "java_gc"),
    ]


def test_a_gap_of_another_size_is_no_image() -> None:
    below, gap = COMMITTED // 64, (HEAP - COMMITTED) // 64 + 64 * KIB
    text = jvm(anon(AT, below), anon(AT + below, gap, "---p"))
    assert "java_gc" not in {kind for _, kind in kinds(read(text, argv=ARGV), AT, AT + GIB)}


def test_overlapping_spans_are_joined_within_one_process() -> None:
    assert merge_spans([(1, 0, 10), (0, 5, 20), (0, 0, 10), (0, 20, 30), (0, 40, 50)]) == [
        (0, 0, 30),
        (0, 40, 50),
        (1, 0, 10),
    ]


def test_an_alignment_of_16_halves_the_bitmaps_and_not_the_cards() -> None:
    lines, wanted = [], []
    for scale, at in ((128, AT), (512, AT + 64 * MIB)):
        below, gap = COMMITTED // scale, (HEAP - COMMITTED) // scale
        lines += [anon(at, below), anon(at + below, gap, "---p")]
        wanted += [(below, "java_gc"), (gap, "java_gc")]
    argv = ("java", "-Xmx512m", "-XX:ObjectAlignmentInBytes=16", "Main")
    assert kinds(read(jvm(*lines), argv=argv), AT, AT + GIB) == wanted


def test_what_is_too_small_above_a_gap_is_not_of_the_table() -> None:
    at = 4 * GIB - HEAP
    edge = at + HEAP - 64 * MIB
    heap = anon(at, 200 * MIB) + anon(at + 200 * MIB, 248 * MIB, "---p") + anon(edge, 64 * MIB)
    below, gap = 200 * MIB // 64, 248 * MIB // 64
    table = anon(AT - below - gap, below) + anon(AT - gap, gap, "---p")
    arena = anon(AT, 132 * KIB) + anon(AT + 132 * KIB, 64 * MIB - 132 * KIB, "---p")
    snapshot = read(sorted_maps(BRK_HEAP, LIBC, LIBJVM, heap, table, arena), argv=ARGV)
    assert {kind for _, kind in kinds(snapshot, AT, AT + 64 * MIB)} == {"heap_arena"}


def test_the_rest_of_an_arena_that_is_as_large_as_a_gap_is_none() -> None:
    rest = (GIB - 192 * MIB) // 32 + 8 * KIB
    arena = anon(0x7D0000000000, 64 * MIB - rest) + anon(0x7D0004000000 - rest, rest, "---p")
    snapshot = read(jvm(gapped(GIB, 192 * MIB), arena), argv=("java", "-XX:+UseG1GC", "-Xmx1g", "Main"))
    assert {kind for _, kind in kinds(snapshot, 0x7D0000000000, 0x7D0004000000)} == {"heap_arena"}
