"""What nobody has claimed of a JVM."""

import pytest

from procmaps.rules.hotspot.leftovers import TABLES_SHARE
from procmaps.rules.hotspot.metaspace import NODE_BYTES
from tests.procmaps.rules.labelled import anon, jvm, kinds, parts_of, read, whole

MIB = 2**20
GIB = 2**30
AT = 0x7E0000000000
JEMALLOC = "7f0000a00000-7f0000b00000 r-xp 00000000 fe:00 80 /usr/lib/libjemalloc.so.2\n"


def test_whole_mib_that_malloc_cannot_have_mapped_are_the_collector_s() -> None:
    text = jvm(whole(GIB), anon(AT, 70 * MIB), anon(AT + 128 * MIB, 70 * MIB + 4096))
    snapshot = read(text, argv=("java", "-Xms1g", "-Xmx1g", "Main"), rss_anon_kb=2 * 1024 * 1024)
    assert {kind for _, kind in kinds(snapshot, AT, AT + 128 * MIB)} == {"java_gc"}
    assert kinds(snapshot, AT + 128 * MIB, AT + GIB) == [(70 * MIB + 4096, "heap_mmap")]


def test_more_than_is_resident_is_no_malloc_chunk() -> None:
    chunk = 70 * MIB + 4096
    text = jvm(whole(GIB), anon(AT, chunk))
    argv = ("java", "-Xms1g", "-Xmx1g", "Main")
    for resident, kind in ((56 * 1024, "java_gc"), (57 * 1024, "heap_mmap")):
        assert kinds(read(text, argv=argv, rss_anon_kb=resident), AT, AT + GIB) == [(chunk, kind)]


def test_another_malloc_maps_whole_mib() -> None:
    text = jvm(whole(GIB), anon(AT, 71 * MIB)) + JEMALLOC
    snapshot = read(text, argv=("java", "-Xms1g", "-Xmx1g", "Main"), rss_anon_kb=2 * 1024 * 1024)
    assert kinds(snapshot, AT, AT + GIB) == [(71 * MIB, "heap_allocator")]


def test_more_than_all_tables_of_a_heap_is_the_program_s_own() -> None:
    """Up to JDK 16 it can be metaspace, whose nodes were small and merge."""
    argv = ("java", "-XX:+UseSerialGC", "-Xms1g", "-Xmx1g", "Main")
    for size, version, kind in ((128, 17, "java_gc"), (130, 17, "anonymous"), (130, 11, "java_gc")):
        text = jvm(whole(GIB), anon(AT + 2 * MIB, size * MIB)).replace("java-17", f"java-{version}")
        snapshot = read(text, argv=argv, rss_anon_kb=2 * 1024 * 1024)
        assert kinds(snapshot, AT, AT + GIB) == [(size * MIB, kind)]


@pytest.mark.parametrize("version", [11, 17, 21])
def test_chunks_that_were_not_written_are_malloc_s_if_tables_cannot_be_as_large(version: int) -> None:
    """Metaspace is committed when it is written to, in any version."""
    most = GIB // TABLES_SHARE + NODE_BYTES
    for size, rule in ((most, "java.gc_untouched"), (most + 4096, "java.native_unwritten")):
        text = jvm(whole(GIB), anon(AT + 8192, size)).replace("java-17", f"java-{version}")
        snapshot = read(text, argv=("java", "-Xms1g", "-Xmx1g", "Main"), rss_anon_kb=90 * 1024)
        assert [found for start, *_, found in parts_of(snapshot) if AT <= start < AT + GIB] == [rule]


def test_a_table_that_was_found_is_not_left_to_be_found() -> None:
    bitmap = 2 * GIB // 32
    most = 2 * GIB // TABLES_SHARE + NODE_BYTES - bitmap
    for size, rule in ((most, "java.gc_untouched"), (most + 4096, "java.native_unwritten")):
        text = jvm(whole(2 * GIB), anon(AT, bitmap), anon(AT + GIB + 8192, size))
        argv = ("java", "-XX:+UseParallelGC", "-Xms2g", "-Xmx2g", "Main")
        found = parts_of(read(text, argv=argv, rss_anon_kb=40 * 1024))
        assert [part[-1] for part in found if AT <= part[0] < AT + 2 * GIB] == ["java.gc_whole", rule]


def test_unwritten_memory_of_whole_mib_or_of_a_program_without_a_jvm_has_no_header() -> None:
    most = GIB // TABLES_SHARE + NODE_BYTES
    text = jvm(whole(GIB), anon(AT + 8192, most + MIB))
    assert kinds(read(text, rss_anon_kb=90 * 1024), AT, AT + GIB) == [(most + MIB, "anonymous")]
    text = text.replace("libjvm.so", "libother.so")
    assert kinds(read(text, rss_anon_kb=90 * 1024), AT, AT + GIB) == [(most + MIB, "anonymous")]
