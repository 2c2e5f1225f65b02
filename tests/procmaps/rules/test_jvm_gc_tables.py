"""Tables of collectors that have the size of the whole heap, or one of their own."""

from tests.procmaps.rules.labelled import anon, gapped, jvm, kinds, read, whole

KIB = 2**10
MIB = 2**20
GIB = 2**30
AT = 0x7E0000000000


def test_the_mark_stack_is_not_serial_s() -> None:
    text = jvm(gapped(GIB, 64 * MIB), anon(AT + 4096, 32 * MIB))
    assert kinds(read(text, argv=("java", "-Xmx1g", "Main")), AT, AT + GIB) == [(32 * MIB, "java_gc")]
    serial = read(text, argv=("java", "-XX:+UseSerialGC", "-Xmx1g", "Main"))
    assert kinds(serial, AT, AT + GIB) != [(32 * MIB, "java_gc")]


def test_parallel_commits_its_bitmap_whole() -> None:
    text = jvm(gapped(GIB + 64 * MIB, 64 * MIB), anon(AT + 4096, 34 * MIB))
    snapshot = read(text, argv=("java", "-XX:+UseParallelGC", "-Xmx1088m", "Main"))
    assert kinds(snapshot, AT, AT + GIB) == [(34 * MIB, "java_gc")]


def test_whole_mib_that_malloc_cannot_have_mapped_are_the_collector_s() -> None:
    text = jvm(whole(GIB), anon(AT, 70 * MIB), anon(AT + 128 * MIB, 70 * MIB + 4096))
    snapshot = read(text, argv=("java", "-Xms1g", "-Xmx1g", "Main"), rss_anon_kb=2 * 1024 * 1024)
    assert {kind for _, kind in kinds(snapshot, AT, AT + 128 * MIB)} == {"java_gc"}
    assert kinds(snapshot, AT + 128 * MIB, AT + GIB) == [(70 * MIB + 4096, "heap_mmap")]


def test_tables_of_g1_that_merged_with_one_another() -> None:
    bitmap, cards = 96 * MIB // 64, 96 * MIB // 512
    sizes = [2 * bitmap, bitmap + 3 * cards, cards]
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


def test_g1_s_mark_stack_on_top_of_other_memory_where_nothing_else_tells_of_g1() -> None:
    chunk = 2 * MIB + 4096
    text = jvm(gapped(GIB, 64 * MIB), anon(AT - 32 * MIB - chunk, 32 * MIB + chunk))
    argv = ("java", "-XX:+UseG1GC", "-Xmx1g", "Main")
    assert kinds(read(text, argv=argv), AT - GIB, AT) == [(chunk, "heap_mmap"), (32 * MIB, "java_gc")]


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


def test_tables_that_are_no_whole_2_mib_are_not_aligned() -> None:
    heap, chunk = 1300 * MIB, MIB + 4096
    bitmap, block = heap // 32, heap // 512
    text = jvm(gapped(heap, 64 * MIB), anon(AT + 4096, chunk + block + bitmap))
    snapshot = read(text, argv=("java", "-XX:+UseParallelGC", "-Xmx1300m", "Main"))
    assert kinds(snapshot, AT, AT + GIB) == [(chunk, "heap_mmap"), (block + bitmap, "java_gc")]


def test_of_several_mappings_the_mark_stack_is_in_the_one_mapped_first() -> None:
    buffers, chunk = 48 * MIB - 4096, 2 * MIB + 4096
    text = jvm(
        gapped(GIB, 64 * MIB),
        anon(AT - 32 * MIB - chunk, 32 * MIB + chunk),
        anon(AT - GIB - buffers, buffers),
    )
    argv = ("java", "-XX:+UseG1GC", "-Xmx1g", "Main")
    assert kinds(read(text, argv=argv), AT - 2 * GIB, AT) == [
        (buffers, "heap_mmap"),
        (chunk, "heap_mmap"),
        (32 * MIB, "java_gc"),
    ]


def test_jdk_8_has_a_mark_stack_where_g1_was_asked_for() -> None:
    chunk = 2 * MIB + 4096
    text = jvm(gapped(GIB, 64 * MIB), anon(AT - 32 * MIB - chunk, 32 * MIB + chunk))
    text = text.replace("java-17-openjdk-amd64/lib/server", "java-8-openjdk-amd64/jre/lib/amd64/server")
    asked = read(text, argv=("java", "-XX:+UseG1GC", "-Xmx1g", "Main"))
    assert kinds(asked, AT - GIB, AT) == [(chunk, "heap_mmap"), (32 * MIB, "java_gc")]


def test_parallel_s_block_table_below_its_bitmap_where_objects_are_aligned_to_16_bytes() -> None:
    """The bitmap is then half as large, the block table as large as ever."""
    bitmap, blocks = 20_000 * MIB // 64, 20_000 * MIB // 512
    heap = anon(64 * GIB - 20_000 * MIB, 64 * MIB) + anon(64 * GIB - 19_936 * MIB, 19_936 * MIB, "---p")
    argv = ("java", "-XX:+UseParallelGC", "-Xmx20000m", "-XX:ObjectAlignmentInBytes=16", "Main")
    snapshot = read(jvm(heap, anon(AT, bitmap + blocks)), argv=argv, rss_anon_kb=900_000)
    assert kinds(snapshot, AT, AT + GIB) == [(bitmap + blocks, "java_gc")]
