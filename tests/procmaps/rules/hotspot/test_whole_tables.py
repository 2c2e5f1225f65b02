"""Tables of exactly the size that the whole heap has in them."""

from dataclasses import replace

import pytest

from procmaps.rules.hotspot.arguments import JvmArguments
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.hotspot.whole_tables import whole_sizes, whole_tables
from procmaps.smaps import VM_FLAGS
from tests.procmaps.rules.labelled import anon, gapped, jvm, kinds, process, read, whole

KIB = 2**10
MIB = 2**20
GIB = 2**30
AT = 0x7E0000000000


def test_parallel_commits_its_bitmap_whole() -> None:
    text = jvm(gapped(GIB + 64 * MIB, 64 * MIB), anon(AT + 4096, 34 * MIB))
    snapshot = read(text, argv=("java", "-XX:+UseParallelGC", "-Xmx1088m", "Main"))
    assert kinds(snapshot, AT, AT + GIB) == [(34 * MIB, "java_gc")]


def test_tables_of_g1_that_merged_with_one_another() -> None:
    bitmap, cards = 96 * MIB // 64, 96 * MIB // 512
    sizes = [bitmap, bitmap + 2 * cards, cards]
    lines = [anon(AT + n * 64 * MIB, size) for n, size in enumerate(sizes)]
    argv = ("java", "-XX:+UseG1GC", "-Xmx96m", "Main")
    assert kinds(read(jvm(whole(96 * MIB), *lines), argv=argv), AT, AT + GIB) == [
        (size, "java_gc") for size in sizes
    ]


def test_a_chunk_of_half_a_mib_is_no_table_of_g1() -> None:
    text = jvm(whole(256 * MIB), anon(AT, 516 * KIB))
    argv = ("java", "-XX:+UseG1GC", "-Xmx256m", "Main")
    assert kinds(read(text, argv=argv), AT, AT + GIB) == [(516 * KIB, "heap_mmap")]
    serial = ("java", "-XX:+UseSerialGC", "-Xmx256m", "Main")
    assert kinds(read(text, argv=serial), AT, AT + GIB) == [(516 * KIB, "java_gc")]


def found(*lines: str, collector: str = "Parallel", version: int = 17) -> list[tuple[int, int]]:
    """Where whole tables lie, from AT on, over a heap of 3 GiB of which a part is committed."""
    heap = gapped(3 * GIB, 200 * MIB)
    jvm = Jvm(version, JvmArguments(collector=collector), heap=(GIB, 4 * GIB))
    return sorted((claim.start - AT, claim.end - AT) for claim in whole_tables(jvm, process(heap, *lines)))


@pytest.mark.parametrize(
    ("collector", "version", "scale"),
    [("Parallel", 17, 32), ("ParallelOld", 11, 32), ("Parallel", 25, 64), ("", 8, 32)],
)
def test_parallel_s_bitmap_and_block_table_in_one_region(collector: str, version: int, scale: int) -> None:
    both = 3 * GIB // scale + 3 * GIB // 512
    assert found(anon(AT, both), collector=collector, version=version) == [(0, both)]
    assert found(anon(AT, both + 4096), collector=collector, version=version) == []


def test_over_a_heap_with_gaps_one_table_has_each_size() -> None:
    """Extents of jemalloc are as large; tables are the highest, because they were mapped first."""
    blocks, bitmap = 3 * GIB // 512, 3 * GIB // 32
    lines = [anon(AT + at * 64 * MIB, size) for at, size in enumerate((blocks, blocks, blocks, bitmap))]
    assert found(*lines) == [(128 * MIB, 128 * MIB + blocks), (192 * MIB, 192 * MIB + bitmap)]


def test_the_largest_sum_of_tables_leaves_none_for_blocks_of_their_size() -> None:
    """With G1 over a heap without gaps; memory of jemalloc is in such blocks."""
    bitmap, cards = 2 * GIB // 64, 2 * GIB // 512
    every = 2 * bitmap + 3 * cards
    lines = [anon(AT + 8192, every), anon(AT + GIB + 8192, cards), anon(AT + 2 * GIB + 8192, bitmap)]
    heap, jvm = whole(2 * GIB), Jvm(17, JvmArguments(collector="G1"), heap=(2 * GIB, 4 * GIB))
    assert [claim.end - claim.start for claim in whole_tables(jvm, process(heap, *lines))] == [every]
    assert jvm.tables_left_bytes == 0
    lines[0] = anon(AT + 8192, every - cards)
    found = [claim.end - claim.start for claim in whole_tables(jvm, process(heap, *lines))]
    assert found == [every - cards, cards]


@pytest.mark.parametrize(("collector", "heap_mib"), [("Serial", 1100), ("Serial", 2048), ("Parallel", 1700)])
def test_an_offset_table_of_the_old_generation_below_the_card_table(collector: str, heap_mib: int) -> None:
    """The young generation has a third in whole 64 KiB with Serial, in whole 512 KiB with Parallel."""
    grain, heap = (64 if collector == "Serial" else 512) * KIB, heap_mib * MIB
    old = heap - heap // 3 // grain * grain
    offsets, cards = -(-(old // 512 + 1) // 4096) * 4096, heap // 512
    at = 4 * GIB - heap
    jvm = Jvm(21, JvmArguments(collector=collector), heap=(at, 4 * GIB))
    for size in (offsets, offsets + cards, offsets + cards + 4096):
        one = process(whole(heap), anon(AT, size))
        assert [(claim.start, claim.end) for claim in whole_tables(jvm, one)] == [(AT, AT + size)]
    assert not whole_tables(jvm, process(whole(heap), anon(AT, offsets + cards + 8192)))
    partly = Jvm(21, JvmArguments(collector=collector), heap=(at, 4 * GIB))
    assert not whole_tables(partly, process(gapped(heap, 64 * MIB), anon(AT, offsets)))


def sizes(collector: str, *, committed: int, version: int = 17, scales: tuple[int, ...] = ()) -> set[int]:
    """Sizes of whole tables in MiB, over a heap of 8 GiB of which the first MiB are committed."""
    heap = anon(AT, committed * MIB)
    if committed < 8192:
        heap += anon(AT + committed * MIB, (8192 - committed) * MIB, "---p")
    jvm = Jvm(version, JvmArguments(collector=collector), heap=(AT, AT + 8 * GIB), scales=set(scales))
    found = whole_sizes(jvm, process(heap))
    return {size // MIB for size in found if size % MIB == 0}


@pytest.mark.parametrize(
    ("collector", "version", "found"),
    [
        ("Parallel", 17, {256, 16}),
        ("ParallelOld", 8, {256, 16}),
        ("Parallel", 22, {128, 16}),
        ("Parallel", 0, {256, 128, 16}),
        ("", 8, {256, 16}),
        ("", 0, {256, 128, 16}),
        ("G1", 17, set()),
        ("Serial", 17, set()),
        ("Shenandoah", 17, set()),
    ],
)
def test_only_parallel_commits_tables_whole_over_a_heap_with_gaps(
    collector: str, version: int, found: set[int]
) -> None:
    assert sizes(collector, committed=100, version=version) == found


def test_images_of_gaps_at_a_bitmap_s_scale_are_not_parallel_s() -> None:
    assert sizes("", committed=100, scales=(512,))
    assert not sizes("", committed=100, scales=(64, 512))
    assert not sizes("", committed=100, scales=(32,))


def test_over_a_heap_without_gaps_every_collector_s_tables_are_whole() -> None:
    assert sizes("Shenandoah", committed=8192) == {256, 128, 16}
    bitmaps_and_cards = {bitmaps * 128 + tables * 16 for bitmaps in range(3) for tables in range(4)} - {0}
    assert sizes("G1", committed=8192) == bitmaps_and_cards


def test_the_card_table_of_serial_has_a_guard_page() -> None:
    heap, cards = 512 * MIB, MIB
    text = jvm(whole(heap), anon(AT, cards + 4096))
    for argv in (("java", "-XX:+UseSerialGC", "-Xmx512m", "Main"), ("java", "-Xmx512m", "Main")):
        assert kinds(read(text, argv=argv), AT, AT + GIB) == [(cards + 4096, "java_gc")]


def test_the_bitmap_of_cms_covers_the_old_generation() -> None:
    young, old, reserved = 64 * MIB, 128 * MIB, GIB
    low = 4 * GIB - reserved
    gap = anon(low + young, 192 * MIB, "---p")
    rest = anon(low + 256 * MIB, old) + anon(low + 256 * MIB + old, 640 * MIB, "---p")
    text = jvm(anon(low, young) + gap + rest, anon(AT + 4096, 12 * MIB))
    argv = ("java", "-XX:+UseConcMarkSweepGC", "-Xmx1g", "Main")
    assert kinds(read(text, argv=argv), AT, AT + GIB) == [(12 * MIB, "java_gc")]


def test_what_smaps_flags_with_noreserve_is_no_table() -> None:
    """Memory that the JVM commits it maps anew, without MAP_NORESERVE."""
    jvm_17 = Jvm(17, JvmArguments(collector="Parallel"), heap=(AT, AT + GIB))
    seen = process(anon(AT, GIB), anon(AT + 2 * GIB, 32 * MIB))
    flagged = replace(seen, vm_flags=(0, VM_FLAGS["nr"]))
    assert whole_tables(jvm_17, flagged) == []
    assert jvm_17.tables == set()
    assert [claim.start for claim in whole_tables(jvm_17, seen)] == [AT + 2 * GIB]
    assert jvm_17.tables == {32 * MIB}


HEAP = 2624 * MIB
BITMAP = HEAP // 64
PIECES = (BITMAP - MIB, BITMAP, MIB)  # of two bitmaps over a heap that has grown by 64 MiB


@pytest.mark.parametrize(
    ("sizes", "at", "is_table"),
    [
        (PIECES, AT + 4 * KIB, True),
        (PIECES, AT, False),  # where a node of the metaspace could begin
        ((*PIECES[:2], MIB // 2, MIB // 2), AT + 4 * KIB, True),
        ((*PIECES[:2], MIB // 2, MIB // 4, MIB // 4), AT + 4 * KIB, False),  # so often none grows
        ((BITMAP - MIB, BITMAP, MIB + 4 * KIB), AT + 4 * KIB, False),
    ],
)
def test_tables_of_a_heap_that_has_grown_are_divided(
    sizes: tuple[int, ...], at: int, *, is_table: bool
) -> None:
    starts = [at + sum(sizes[:n]) for n in range(len(sizes))]
    regions = process(*(anon(start, size) for start, size in zip(starts, sizes, strict=True)))
    low = 4 * GIB - HEAP
    found = Jvm(17, JvmArguments(collector="G1"), heap=(low, 4 * GIB))
    claims = [(claim.start, claim.end) for claim in whole_tables(found, regions)]
    assert ((at, at + sum(sizes)) in claims) == is_table
    assert (2 * BITMAP in found.tables) == is_table


ARENA = anon(AT, 2 * MIB + 4096) + anon(AT + 2 * MIB + 4096, 62 * MIB - 4096, "---p")


def full_heaps(first: int, *units: int) -> list[str]:
    """Full heaps of arenas, with a hole of a block above each; of some, several have merged."""
    lines, at = [], AT + first * 64 * MIB
    for count in units:
        lines.append(anon(at, count * 64 * MIB))
        at += (count + 1) * 64 * MIB
    return lines


@pytest.mark.parametrize(
    ("collector", "heap_gib", "units", "tables"),
    [
        ("G1", 4, (1,) * 9, 2),  # two bitmaps of 64 MiB
        ("Parallel", 2, (1,) * 9, 1),  # one bitmap of 64 MiB
        ("Parallel", 4, (2,) * 5, 1),  # of 128 MiB
        ("Serial", 2, (1,) * 9, 0),  # marks in the headers of objects
        ("Serial", 32, (1,) * 5, 2),  # a card table and an offset table of 64 MiB
    ],
)
def test_full_heaps_of_arenas_are_more_than_a_collector_has_tables(
    collector: str, heap_gib: int, units: tuple[int, ...], tables: int
) -> None:
    heap = anon(2**35 - heap_gib * GIB, heap_gib * GIB)
    text = jvm(heap, ARENA, *full_heaps(2, *units))
    argv = ("java", f"-XX:+Use{collector}GC", f"-Xmx{heap_gib}g", "Main")
    snapshot = read(text, argv=argv, rss_anon_kb=4 * MIB)
    found = [kind for _, kind in kinds(snapshot, AT + 64 * MIB, AT + 8 * GIB)]
    assert found.count("java_gc") == tables
    # the highest ones: tables are mapped first, and mappings grow downward
    assert found[-tables:] == ["java_gc"] * tables or not tables
    assert found.count("heap_arena") == sum(units) - tables * units[0]


def test_a_block_below_the_archive_of_classes_is_no_table() -> None:
    archive = f"{AT + GIB:x}-{AT + GIB + 12 * MIB:x} rw-p 00001000 fe:00 80 /usr/lib/jvm/x/classes.jsa\n"
    argv = ("java", "-XX:+UseParallelGC", "-Xmx2g", "Main")
    for block, found in ((AT + 2 * GIB, "java_gc"), (AT + 128 * MIB, "heap_arena")):
        text = jvm(anon(2**35 - 2 * GIB, 2 * GIB), ARENA, archive, anon(block, 64 * MIB))
        snapshot = read(text, argv=argv, rss_anon_kb=4 * MIB)
        assert kinds(snapshot, block, block + 1) == [(64 * MIB, found)]


def test_tables_that_are_found_leave_none_for_blocks() -> None:
    """G1 from JDK 20 on has one bitmap."""
    bitmap = anon(AT + 8 * GIB + 4096, 64 * MIB)
    argv = ("java", "-XX:+UseG1GC", "-Xmx4g", "Main")
    text = jvm(anon(2**35 - 4 * GIB, 4 * GIB), ARENA, *full_heaps(2, 1, 1, 1), bitmap)
    for version, count in (("17", 1), ("21", 0)):
        snapshot = read(text.replace("java-17", f"java-{version}"), argv=argv, rss_anon_kb=6 * MIB)
        assert [kind for _, kind in kinds(snapshot, AT + 128 * MIB, AT + GIB)].count("java_gc") == count


def test_a_block_is_no_table_if_a_larger_region_can_hold_it() -> None:
    """The bitmap has merged with the mark stack and other tables below it, as with JDK 25."""
    merged = anon(AT + 8 * GIB + 2 * MIB, 112 * MIB)
    argv = ("java", "-XX:+UseG1GC", "-Xmx4g", "Main")
    text = jvm(anon(2**35 - 4 * GIB, 4 * GIB), ARENA, *full_heaps(2, 1, 1, 1), merged)
    snapshot = read(text, argv=argv, rss_anon_kb=6 * MIB)
    assert {kind for _, kind in kinds(snapshot, AT + 128 * MIB, AT + GIB)} == {"heap_arena"}
    assert {kind for _, kind in kinds(snapshot, AT + 8 * GIB, AT + 9 * GIB)} == {"java_gc"}
