"""What nobody has claimed of a JVM."""

from tests.procmaps.rules.labelled import anon, jvm, kinds, read, whole

MIB = 2**20
GIB = 2**30
AT = 0x7E0000000000


def test_whole_mib_that_malloc_cannot_have_mapped_are_the_collector_s() -> None:
    text = jvm(whole(GIB), anon(AT, 70 * MIB), anon(AT + 128 * MIB, 70 * MIB + 4096))
    snapshot = read(text, argv=("java", "-Xms1g", "-Xmx1g", "Main"), rss_anon_kb=2 * 1024 * 1024)
    assert {kind for _, kind in kinds(snapshot, AT, AT + 128 * MIB)} == {"java_gc"}
    assert kinds(snapshot, AT + 128 * MIB, AT + GIB) == [(70 * MIB + 4096, "heap_mmap")]
