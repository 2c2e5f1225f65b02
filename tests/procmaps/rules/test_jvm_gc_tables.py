"""Tables of collectors that have the size of the whole heap, or one of their own."""

from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, LIBJVM, anon, kinds, read, sorted_maps

KIB = 2**10
MIB = 2**20
GIB = 2**30
AT = 0x7E0000000000


def jvm(heap: str, *lines: str) -> str:
    return sorted_maps(BRK_HEAP, LIBC, LIBJVM, heap, *lines)


def whole(size: int) -> str:
    return anon(4 * GIB - size, size)


def gapped(size: int, committed: int) -> str:
    at = 4 * GIB - size
    return anon(at, committed) + anon(at + committed, size - committed, "---p")


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


def test_zgc_s_mark_stack_space_and_granule_maps() -> None:
    base = 0x40000000000
    view = f"{base:x}-{base + 64 * MIB:x} rw-s 00000000 00:01 77 /memfd:java_heap (deleted)\n"
    text = jvm(
        view,
        anon(AT, 32 * MIB),
        anon(AT + 32 * MIB, 8 * GIB - 32 * MIB, "---p"),
        anon(AT + 16 * GIB, 48 * MIB),
    )
    assert {kind for _, kind in kinds(read(text), AT, AT + 17 * GIB)} == {"java_gc"}


def test_shenandoah_s_collection_set_lies_at_the_bottom() -> None:
    text = jvm(whole(256 * MIB), anon(0x1000, 4096), anon(0x2000, 64 * KIB, "---p"))
    snapshot = read(text, argv=("java", "-XX:+UseShenandoahGC", "-Xmx256m", "Main"))
    assert {kind for _, kind in kinds(snapshot, 0, 2**20)} == {"java_gc"}
