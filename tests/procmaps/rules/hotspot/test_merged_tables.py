"""Tables over the whole heap that merged with other memory."""

from dataclasses import replace

import pytest

from procmaps.rules.hotspot.arguments import JvmArguments
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.hotspot.merged_tables import QUEUES_LIMIT_COUNT, merged_tables
from procmaps.smaps import VM_FLAGS
from tests.procmaps.rules.labelled import anon, gapped, jvm, kinds, process, read, whole

KIB = 2**10
MIB = 2**20
GIB = 2**30
AT = 0x7E0000000000


def spans(version: int, tables: set[int], region: str, flag: str = "") -> list[tuple[int, int]]:
    """Where merged tables of Parallel lie in this region, over a heap of 3 GiB."""
    one = process(gapped(3 * GIB, 16 * MIB), region)
    if flag:
        one = replace(one, vm_flags=tuple(VM_FLAGS[flag] for _ in one.regions))
    jvm = Jvm(version, JvmArguments(collector="Parallel"), heap=(GIB, 4 * GIB), tables=tables)
    return [(claim.start - AT, claim.end - AT) for claim in merged_tables(jvm, one)]


def test_a_bitmap_of_half_the_size_that_was_found_is_the_only_one() -> None:
    """From JDK 22 on Parallel has one; where the path does not tell the version, either can be."""
    half, bitmap, blocks = 3 * GIB // 64, 3 * GIB // 32, 3 * GIB // 512
    region = anon(AT, bitmap + 8 * MIB)
    assert spans(0, {blocks}, region) == [(8 * MIB, 8 * MIB + bitmap)]
    assert spans(0, {blocks, half}, region) == []


def test_no_table_merges_with_memory_that_was_mapped_without_a_reserve_of_swap() -> None:
    bitmap, blocks = 3 * GIB // 32, 3 * GIB // 512
    region = anon(AT, bitmap + 8 * MIB)
    assert spans(17, {blocks}, region, "mr") == [(8 * MIB, 8 * MIB + bitmap)]
    assert spans(17, {blocks}, region, "nr") == []


def test_parallel_s_block_table_below_its_bitmap() -> None:
    heap, chunk = 4 * GIB, MIB + 4096
    bitmap, block = heap // 32, heap // 512
    text = anon(32 * GIB - heap, 64 * MIB) + anon(32 * GIB - heap + 64 * MIB, heap - 64 * MIB, "---p")
    line = anon(AT - bitmap - block - chunk, bitmap + block + chunk)
    argv = ("java", "-XX:+UseParallelGC", "-Xmx4g", "Main")
    found = kinds(read(jvm(text, line), argv=argv), AT - GIB, AT)
    assert found == [(chunk, "heap_mmap"), (bitmap + block, "java_gc")]


def test_card_tables_of_generational_shenandoah_below_the_code_cache() -> None:
    tables, chunk = 2 * (GIB // 512 + 4096), 3 * MIB + 4096
    code = anon(AT, 4 * MIB, "rwxp") + anon(AT + 4 * MIB, 236 * MIB, "---p")
    text = jvm(gapped(GIB, 64 * MIB), anon(AT - tables - chunk, tables + chunk), code)
    argv = ("java", "-XX:+UseShenandoahGC", "-XX:ShenandoahGCMode=generational", "-Xmx1g", "Main")
    assert kinds(read(text, argv=argv), AT - GIB, AT) == [(chunk, "heap_mmap"), (tables, "java_gc")]


def test_the_bitmap_of_a_heap_of_g1_that_is_committed_whole() -> None:
    bitmap, chunk = GIB // 64, 3 * MIB + 8192
    text = jvm(whole(GIB), anon(AT - bitmap - chunk, bitmap + chunk))
    argv = ("java", "-XX:+UseG1GC", "-Xms1g", "-Xmx1g", "Main")
    assert kinds(read(text, argv=argv), AT - GIB, AT) == [(chunk, "heap_mmap"), (bitmap, "java_gc")]


def test_tables_of_g1_below_the_queues_of_its_workers() -> None:
    tables, queue = 2 * 300 * MIB // 64 + 2 * 300 * MIB // 512, MIB + 4096
    argv = ("java", "-XX:+UseG1GC", "-Xmx300m", "Main")
    for above in (2 * queue, 3 * queue + 20 * KIB):
        text = jvm(whole(300 * MIB), anon(AT, tables + above))
        assert kinds(read(text, argv=argv), AT, AT + GIB) == [(tables, "java_gc"), (above, "heap_mmap")]


def test_what_is_as_large_as_tables_and_queues_by_chance_is_none_once_they_were_found() -> None:
    bitmap, cards, queue = 300 * MIB // 64, 300 * MIB // 512, MIB + 4096
    argv = ("java", "-XX:+UseG1GC", "-Xmx300m", "Main")
    chance = anon(AT, 2 * bitmap + 3 * cards + 40 * queue)
    for found, wanted in ((2 * bitmap, "heap_mmap"), (cards, "heap_mmap"), (cards + 4096, "java_gc")):
        text = jvm(whole(300 * MIB), chance, anon(AT + GIB + 8192, found))
        assert kinds(read(text, argv=argv), AT, AT + 4096)[0][1] == wanted


def test_tables_that_are_no_whole_2_mib_are_not_aligned() -> None:
    heap, chunk = 1300 * MIB, MIB + 4096
    bitmap, block = heap // 32, heap // 512
    text = jvm(gapped(heap, 64 * MIB), anon(AT + 4096, chunk + block + bitmap))
    snapshot = read(text, argv=("java", "-XX:+UseParallelGC", "-Xmx1300m", "Main"))
    assert kinds(snapshot, AT, AT + GIB) == [(chunk, "heap_mmap"), (block + bitmap, "java_gc")]


def test_parallel_s_block_table_below_its_bitmap_where_objects_are_aligned_to_16_bytes() -> None:
    """The bitmap is then half as large, the block table as large as ever."""
    bitmap, blocks = 20_000 * MIB // 64, 20_000 * MIB // 512
    heap = anon(64 * GIB - 20_000 * MIB, 64 * MIB) + anon(64 * GIB - 19_936 * MIB, 19_936 * MIB, "---p")
    argv = ("java", "-XX:+UseParallelGC", "-Xmx20000m", "-XX:ObjectAlignmentInBytes=16", "Main")
    snapshot = read(jvm(heap, anon(AT, bitmap + blocks)), argv=argv, rss_anon_kb=900_000)
    assert kinds(snapshot, AT, AT + GIB) == [(bitmap + blocks, "java_gc")]


def test_one_of_several_mappings_that_could_hold_a_table_is_not_chosen() -> None:
    bitmap, chunk = GIB // 64, 3 * MIB + 8192
    argv = ("java", "-XX:+UseG1GC", "-Xms1g", "-Xmx1g", "Main")
    line = anon(AT - bitmap - chunk, bitmap + chunk)
    other = anon(AT + GIB, bitmap + 2 * chunk)
    snapshot = read(jvm(whole(GIB), line, other), argv=argv)
    assert kinds(snapshot, AT - GIB, AT) == [(bitmap + chunk, "heap_mmap")]


def test_a_mapping_of_three_times_the_table_s_size_is_something_else() -> None:
    heap = 1300 * MIB
    bitmap = heap // 32
    argv = ("java", "-XX:+UseParallelGC", "-Xmx1300m", "Main")
    for size, found in ((3 * bitmap - 4096, {"heap_mmap", "java_gc"}), (3 * bitmap, {"heap_mmap"})):
        text = jvm(gapped(heap, 64 * MIB), anon(AT + 4096, size))
        assert {kind for _, kind in kinds(read(text, argv=argv), AT, AT + GIB)} == found


def test_queues_of_g1_s_workers_are_counted_up_to_a_limit() -> None:
    cards, queue = GIB // 512, MIB + 4096
    argv = ("java", "-XX:+UseG1GC", "-Xms1g", "-Xmx1g", "Main")
    known = anon(AT + GIB, GIB // 64)  # the bitmap
    for queues, found in ((QUEUES_LIMIT_COUNT, "java_gc"), (QUEUES_LIMIT_COUNT + 4, "heap_mmap")):
        text = jvm(whole(GIB), anon(AT, cards + queues * queue), known)
        assert kinds(read(text, argv=argv), AT, AT + GIB)[0][1] == found


def test_card_tables_of_generational_shenandoah_on_their_own() -> None:
    tables = 2 * (GIB // 512 + 4096)
    argv = ("java", "-XX:+UseShenandoahGC", "-XX:ShenandoahGCMode=generational", "-Xmx1g", "Main")
    for chunk, found in ((MIB - 4096, ["heap_mmap", "java_gc"]), (MIB + 8192, ["heap_mmap"])):
        text = jvm(gapped(GIB, 64 * MIB), anon(AT - tables - chunk, tables + chunk))
        assert [kind for _, kind in kinds(read(text, argv=argv), AT - GIB, AT)] == found


@pytest.mark.parametrize(("heap", "found"), [(192 * MIB, True), (1000 * MIB, True), (64 * MIB, False)])
def test_the_bitmap_of_a_heap_of_shenandoah_that_is_committed_whole(heap: int, found: bool) -> None:
    """Those below 4 MiB are not looked for: too much else has such a size."""
    bitmap, chunk = heap // 32, MIB + 312 * KIB
    argv = ("java", "-XX:+UseShenandoahGC", f"-Xmx{heap // MIB}m", "Main")
    merged = anon(AT - bitmap - chunk, bitmap + chunk)
    expected = [(chunk, "heap_mmap"), (bitmap, "java_gc")] if found else [(bitmap + chunk, "heap_mmap")]
    assert kinds(read(jvm(whole(heap), merged), argv=argv), AT - GIB, AT) == expected
    # with gaps of the heap the bitmap has gaps as well
    uncommitted = read(jvm(gapped(heap, heap // 2), merged), argv=argv)
    assert kinds(uncommitted, AT - GIB, AT) == [(bitmap + chunk, "heap_mmap")]
    # another region has its size, or could hold it too
    alone = jvm(whole(heap), merged, anon(AT + 64 * MIB, bitmap))
    assert kinds(read(alone, argv=argv), AT - GIB, AT) == [(bitmap + chunk, "heap_mmap")]
    two = jvm(whole(heap), merged, anon(AT + 64 * MIB - chunk - 4096, bitmap + chunk + 4096))
    assert kinds(read(two, argv=argv), AT - GIB, AT) == [(bitmap + chunk, "heap_mmap")]


@pytest.mark.parametrize("above", [132 * KIB, MIB + 24 * KIB])
@pytest.mark.parametrize(
    ("collector", "heap", "bitmap"),
    [("Parallel", 320 * MIB, 10 * MIB), ("Shenandoah", 448 * MIB, 14 * MIB)],
)
def test_chunks_above_a_bitmap_that_the_kernel_aligned(
    collector: str, heap: int, bitmap: int, above: int
) -> None:
    """They fill what was left between the bitmap and what lies above it."""
    below, argv = MIB + 312 * KIB, ("java", f"-XX:+Use{collector}GC", f"-Xmx{heap // MIB}m", "Main")
    holder = anon(AT - bitmap - below, below + bitmap + above)
    snapshot = read(jvm(whole(heap), holder), argv=argv)
    new, old = (
        replace(snapshot, facts=replace(snapshot.facts, kernel=kernel)) for kernel in ("6.8.1", "6.6.1")
    )
    expected = [(below, "heap_mmap"), (bitmap, "java_gc"), (above, "heap_mmap")]
    assert kinds(new, AT - GIB, AT + GIB) == expected
    assert kinds(old, AT - GIB, AT + GIB) != expected
    # of two that can hold it neither is chosen
    both = read(jvm(whole(heap), holder, anon(AT + GIB + 8192, bitmap + 3 * MIB)), argv=argv)
    both = replace(both, facts=replace(both.facts, kernel="6.8.1"))
    assert "java_gc" not in {kind for _, kind in kinds(both, AT - GIB, AT + 2 * GIB)}


def test_parallel_s_block_table_right_below_a_table_that_is_known() -> None:
    """The bitmap is another mapping, because smaps or a gap in between keeps the two apart."""
    heap, chunk = 4 * GIB, MIB + 4096
    bitmap, block = heap // 32, heap // 512
    lines = anon(AT - block - chunk, block + chunk), anon(AT, bitmap, "rw-p", "/anon_hugepage (deleted)")
    argv = ("java", "-XX:+UseParallelGC", "-Xmx4g", "Main")
    text = jvm(
        anon(32 * GIB - heap, 64 * MIB) + anon(32 * GIB - heap + 64 * MIB, heap - 64 * MIB, "---p"), *lines
    )
    assert kinds(read(text, argv=argv), AT - GIB, AT + GIB) == [
        (chunk, "heap_mmap"),
        (block, "java_gc"),
        (bitmap, "java_gc"),
    ]


def test_a_full_heap_of_an_arena_has_no_bitmap_at_its_top() -> None:
    arena = anon(AT, 5 * MIB + 4096) + anon(AT + 5 * MIB + 4096, 59 * MIB - 4096, "---p")
    for collector, heap in (("G1", 3 * GIB), ("Parallel", GIB)):
        text = jvm(anon(2**35 - heap, heap), arena, anon(AT + 256 * MIB, 64 * MIB))
        argv = ("java", f"-XX:+Use{collector}GC", f"-Xmx{heap}", "Main")
        found = kinds(read(text, argv=argv, rss_anon_kb=4 * MIB), AT + 256 * MIB, AT + 320 * MIB)
        assert found == [(64 * MIB, "heap_arena")]
