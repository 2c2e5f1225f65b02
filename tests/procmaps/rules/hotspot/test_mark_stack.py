"""The mark stack of G1 and CMS."""

from tests.procmaps.rules.labelled import anon, gapped, jvm, kinds, read

MIB = 2**20
GIB = 2**30
AT = 0x7E0000000000


def test_the_mark_stack_is_not_serial_s() -> None:
    text = jvm(gapped(GIB, 64 * MIB), anon(AT + 4096, 32 * MIB))
    assert kinds(read(text, argv=("java", "-Xmx1g", "Main")), AT, AT + GIB) == [(32 * MIB, "java_gc")]
    serial = read(text, argv=("java", "-XX:+UseSerialGC", "-Xmx1g", "Main"))
    assert kinds(serial, AT, AT + GIB) != [(32 * MIB, "java_gc")]


def test_g1_s_mark_stack_on_top_of_other_memory_where_nothing_else_tells_of_g1() -> None:
    chunk = 2 * MIB + 4096
    text = jvm(gapped(GIB, 64 * MIB), anon(AT - 32 * MIB - chunk, 32 * MIB + chunk))
    argv = ("java", "-XX:+UseG1GC", "-Xmx1g", "Main")
    assert kinds(read(text, argv=argv), AT - GIB, AT) == [(chunk, "heap_mmap"), (32 * MIB, "java_gc")]


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
