"""The mark stack of G1 and CMS."""

from dataclasses import replace

from procmaps.rules.hotspot.arguments import JvmArguments
from procmaps.rules.hotspot.jvm import LOW_BYTES, Jvm
from procmaps.rules.hotspot.mark_stack import mark_stack
from tests.procmaps.rules.labelled import anon, gapped, jvm, kinds, parts_of, process, read, whole

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


def merged(jvm: Jvm, at: int = AT, above: int = 0) -> bool:
    """Whether the top of a region of 40 MiB is claimed in this JVM, whose heap has gaps."""
    heap = anon(GIB, 64 * MIB) + anon(GIB + 64 * MIB, GIB - 64 * MIB, "---p")
    return bool(mark_stack(jvm, process(heap, anon(at - 40 * MIB, 40 * MIB + above))))


def test_if_the_jvm_chose_its_collector_the_tables_must_look_like_g1_s() -> None:
    heap = (GIB, 2 * GIB)
    assert merged(Jvm(17, JvmArguments(known=True), heap=heap, scales={64, 512}))
    assert not merged(Jvm(17, JvmArguments(known=True), heap=heap, scales={32, 512}))
    assert not merged(Jvm(8, JvmArguments(known=True), heap=heap, scales={64}))
    assert not merged(Jvm(17, JvmArguments(known=True), scales={64}))


def test_it_ends_on_2_mib_and_is_not_among_the_java_heap() -> None:
    cms = Jvm(11, JvmArguments(collector="ConcMarkSweep"), heap=(GIB, 2 * GIB))
    assert merged(cms)
    assert not merged(cms, above=4096)
    assert merged(cms, at=LOW_BYTES + 40 * MIB)
    assert not merged(cms, at=LOW_BYTES + 38 * MIB)


def test_over_a_heap_without_gaps_a_jvm_whose_arguments_are_known_has_one() -> None:
    one = process(anon(GIB, GIB), anon(AT - 40 * MIB, 40 * MIB))
    for known in (True, False):
        jvm = Jvm(17, JvmArguments(known=known), heap=(GIB, 2 * GIB))
        assert bool(mark_stack(jvm, one)) is known


def test_where_the_kernel_aligns_nothing_it_is_in_the_one_mapping_that_is_hardly_larger() -> None:
    old, new = "5.4.0-113-generic", "6.8.0-40-generic"
    for kernel, sizes, found in (
        (old, (35 * MIB + 4096,), 1),
        (new, (35 * MIB + 4096,), 0),
        (old, (35 * MIB + 4096, 40 * MIB + 4096), 0),  # which of the two?
        (old, (49 * MIB,), 0),  # where in it?
    ):
        lines = [anon(AT + 4096 + n * GIB, size) for n, size in enumerate(sizes)]
        snapshot = read(jvm(gapped(GIB, 64 * MIB), *lines), argv=("java", "-Xmx1g", "Main"))
        snapshot = replace(snapshot, facts=replace(snapshot.facts, kernel=kernel))
        rules = [rule for *_, rule in parts_of(snapshot)]
        assert rules.count("java.gc_mark_stack_merged") == found, (kernel, sizes)


def test_a_full_heap_of_an_arena_has_no_mark_stack_at_its_top() -> None:
    at = 0x7E0000000000
    arena = anon(at, 5 * MIB + 4096) + anon(at + 5 * MIB + 4096, 59 * MIB - 4096, "---p")
    text = jvm(whole(256 * MIB), arena, anon(at + 256 * MIB, 64 * MIB))
    snapshot = read(text, argv=("java", "-XX:+UseG1GC", "-Xmx256m", "Main"), rss_anon_kb=900_000)
    assert kinds(snapshot, at + 256 * MIB, at + 320 * MIB) == [(64 * MIB, "heap_arena")]
