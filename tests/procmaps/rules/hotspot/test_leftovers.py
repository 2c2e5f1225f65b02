"""What nobody has claimed of a JVM."""

import pytest

from tests.procmaps.rules.labelled import anon, jvm, kinds, read, whole

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


@pytest.mark.parametrize("java", ["java-17", "java-11", "x"])
@pytest.mark.parametrize(
    ("size", "kind"),
    [
        (128 * MIB - 4096, "java_gc"),  # tables over 1 GiB, and a node of metaspace
        (128 * MIB + 4096, "heap_mmap"),
        (300 * MIB + 12288, "heap_mmap"),
        (300 * MIB, "anonymous"),  # as a program maps itself
    ],
)
def test_what_is_hardly_touched_and_larger_than_all_tables_is_of_malloc(
    size: int, kind: str, java: str
) -> None:
    text = jvm(whole(GIB), anon(AT + 4096, size)).replace("java-17-openjdk-amd64", java)
    argv = ("java", "-XX:+UseSerialGC", "-Xms1g", "-Xmx1g", "Main")
    snapshot = read(text, argv=argv, rss_anon_kb=90 * 1024)
    assert kinds(snapshot, AT, AT + GIB) == [(size, kind)]


def test_what_is_many_times_the_resident_memory_was_set_aside() -> None:
    text = jvm(whole(GIB), anon(AT, 8 * GIB + 4096))
    snapshot = read(
        text, argv=("java", "-XX:+UseSerialGC", "-Xms1g", "-Xmx1g", "Main"), rss_anon_kb=90 * 1024
    )
    assert kinds(snapshot, AT, AT + 16 * GIB) == [(8 * GIB + 4096, "anonymous")]
