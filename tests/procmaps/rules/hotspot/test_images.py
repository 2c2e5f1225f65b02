"""Images of the heap in the collectors' tables."""

from procmaps.rules.hotspot.arguments import JvmArguments
from procmaps.rules.hotspot.images import GAP_MIN_BYTES, LARGE_GAP_BYTES, images, large_images
from procmaps.rules.hotspot.jvm import CANDIDATE_LIMIT_COUNT, Jvm
from tests.procmaps.rules.labelled import (
    BRK_HEAP,
    LIBC,
    LIBJVM,
    anon,
    gapped,
    kinds,
    parts_of,
    process,
    read,
    sorted_maps,
)

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


def test_what_the_heap_has_above_a_gap_the_table_has_as_well() -> None:
    low, high = 4 * GIB - HEAP, 4 * GIB
    heap = anon(low, 256 * MIB) + anon(low + 256 * MIB, 192 * MIB, "---p") + anon(high - 64 * MIB, 64 * MIB)
    chunk, (below, gap, above) = MIB + 4096, (4 * MIB, 3 * MIB, MIB)
    text = anon(AT, below) + anon(AT + below, gap, "---p") + anon(AT + below + gap, above + chunk)
    snapshot = read(sorted_maps(BRK_HEAP, LIBC, LIBJVM, heap, text), argv=ARGV)
    assert kinds(snapshot, AT, AT + GIB) == [
        (below, "java_gc"),
        (gap, "java_gc"),
        (above, "java_gc"),
        (chunk, "heap_mmap"),
    ]


def test_small_gaps_are_looked_for_in_the_later_turn() -> None:
    jvm = Jvm(17, JvmArguments(), heap=(GIB, GIB + 32 * MIB))
    gap = 8 * MIB // 64
    assert GAP_MIN_BYTES <= gap < LARGE_GAP_BYTES
    one = process(
        anon(GIB, 24 * MIB),
        anon(GIB + 24 * MIB, 8 * MIB, "---p"),
        anon(AT, 24 * MIB // 64),
        anon(AT + 24 * MIB // 64, gap, "---p"),
    )
    assert large_images(jvm, one) == []
    assert [(claim.start, claim.end) for claim in images(jvm, one)] == [(AT, AT + 32 * MIB // 64)]
    assert jvm.scales == {64}


def test_a_body_that_fills_an_arena_s_heap_is_the_table_s_if_it_is_exactly_as_large() -> None:
    """The table then begins on the boundary and ends on the next one, as the heap of an arena does."""
    low, committed, reserved = 64 * GIB, 3 * GIB, 4 * GIB
    jvm = Jvm(17, JvmArguments(), heap=(low, low + reserved))
    heap = (anon(low, committed), anon(low + committed, reserved - committed, "---p"))
    table = (anon(AT, committed // 64), anon(AT + committed // 64, GIB // 64, "---p"))
    assert large_images(jvm, process(*heap, *table))
    smaller = committed // 64 - 8192
    arena = (anon(AT, smaller), anon(AT + smaller, 64 * MIB - smaller, "---p"))
    assert not large_images(jvm, process(*heap, *arena))


def test_a_heap_of_huge_pages_is_mirrored_by_huge_pages() -> None:
    low, committed, reserved = 64 * GIB, 200 * MIB, GIB
    heap = (anon(low, committed), anon(low + committed, reserved - committed, "---p"))
    table = (anon(AT, 4 * MIB), anon(AT + 4 * MIB, 12 * MIB, "---p"))
    for large_pages, found in ((False, []), (True, [(AT, AT + 16 * MIB)])):
        jvm = Jvm(17, JvmArguments(large_pages=large_pages), heap=(low, low + reserved))
        assert [(one.start, one.end) for one in large_images(jvm, process(*heap, *table))] == found


def test_candidates_of_one_image_are_limited() -> None:
    low, heap, committed = 4 * GIB - 32 * MIB, 32 * MIB, 24 * MIB
    below, gap = committed // 64, (heap - committed) // 64
    lines = [anon(low, committed), anon(low + committed, heap - committed, "---p")]
    for at in range(AT, AT + (CANDIDATE_LIMIT_COUNT + 1) * MIB, MIB):
        lines += [anon(at, below), anon(at + below, gap, "---p")]
    snapshot = read(sorted_maps(BRK_HEAP, LIBC, LIBJVM, *lines), argv=("java", "-Xmx32m", "Main"))
    found = [size for _, size, _, rule in parts_of(snapshot) if rule == "java.gc_image"]
    assert found == [below, gap] * CANDIDATE_LIMIT_COUNT


def test_of_the_heap_s_gaps_the_largest_are_looked_for() -> None:
    page = 64 * 4096  # of the heap, which a page of the bitmap stands for
    small, large = LARGE_GAP_BYTES * 64, LARGE_GAP_BYTES * 64 + 8 * page
    for gaps, found in ((CANDIDATE_LIMIT_COUNT - 1, [64]), (CANDIDATE_LIMIT_COUNT, [])):
        low = at = 2**40
        lines = []
        for gap in (small, *[large] * gaps):
            lines += [anon(at, page), anon(at + page, gap, "---p")]
            at += page + gap
        jvm = Jvm(17, JvmArguments(), heap=(low, at))
        table = (anon(AT, 4096), anon(AT + 4096, LARGE_GAP_BYTES, "---p"))
        large_images(jvm, process(*lines, *table))
        assert sorted(jvm.scales) == found


STEPS = ((8 * MIB, 5 * MIB + 8192), (13 * MIB + 8192, 2 * MIB + 4096), (15 * MIB + 12288, MIB - 12288))


def test_a_table_whose_part_above_the_gap_was_committed_in_steps() -> None:
    """Linux did not merge the steps, as one had been written to when the next was mapped."""
    low = 3 * GIB
    heap = anon(low, 320 * MIB) + anon(low + 320 * MIB, 192 * MIB, "---p") + anon(low + 512 * MIB, 512 * MIB)
    table = anon(AT, 5 * MIB) + anon(AT + 5 * MIB, 3 * MIB, "---p")
    steps = "".join(anon(AT + at, size) for at, size in STEPS)
    text = sorted_maps(BRK_HEAP, LIBC, LIBJVM, heap, table, steps)
    snapshot = read(text, argv=("java", "-XX:+UseShenandoahGC", "-Xmx1g", "Main"))
    assert {kind for _, kind in kinds(snapshot, AT, AT + GIB)} == {"java_gc"}


def test_a_table_over_the_old_generation_ends_with_its_gap() -> None:
    """Right above it lies other memory, larger than what the heap has up to its next gap."""
    low = 3 * GIB
    heap = anon(low, 128 * MIB) + anon(low + 128 * MIB, 512 * MIB, "---p")
    heap += anon(low + 640 * MIB, 192 * MIB) + anon(low + 832 * MIB, 192 * MIB, "---p")
    below, gap, above = 256 * KIB, MIB, 384 * KIB
    table = anon(AT, below) + anon(AT + below, gap, "---p")
    for other, found in ((above, "java_gc"), (above + 12 * KIB, "heap_mmap")):
        text = sorted_maps(BRK_HEAP, LIBC, LIBJVM, heap, table, anon(AT + below + gap, other))
        snapshot = read(text, argv=("java", "-XX:+UseParallelGC", "-Xmx1g", "Main"))
        assert kinds(snapshot, AT, AT + GIB) == [(below, "java_gc"), (gap, "java_gc"), (other, found)]


def test_the_rest_of_an_arena_whose_head_merged_with_chunks_is_no_gap() -> None:
    rest = 64 * MIB - 132 * KIB
    heap = anon(16 * GIB, GIB) + anon(17 * GIB, 64 * rest, "---p")
    line = anon(AT - 30 * MIB - 8192, 30 * MIB + 8192 + 132 * KIB) + anon(AT + 132 * KIB, rest, "---p")
    text = sorted_maps(BRK_HEAP, LIBC, LIBJVM, heap, line)
    snapshot = read(text, argv=("java", "-XX:+UseParallelGC", f"-Xmx{GIB + 64 * rest}", "Main"))
    assert kinds(snapshot, AT, AT + GIB) == [(132 * KIB, "heap_arena"), (rest, "heap_arena")]
