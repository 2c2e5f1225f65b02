"""Tables of exactly the size that the whole heap has in them."""

from tests.procmaps.rules.labelled import anon, gapped, jvm, kinds, read, whole

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
