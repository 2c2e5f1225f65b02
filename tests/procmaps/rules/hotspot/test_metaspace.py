"""Metaspace, class space and archives."""

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, LIBJVM, anon, blocks, kinds, read, sorted_maps

KIB = 2**10
MIB = 2**20
GIB = 2**30
AT = 0x7E0000000000
JSA = "/usr/lib/jvm/java-17-openjdk-amd64/lib/server/classes.jsa"


def jvm(*lines: str) -> str:
    heap = anon(4 * GIB - 256 * MIB, 256 * MIB)
    return sorted_maps(BRK_HEAP, LIBC, LIBJVM, heap, *lines)


def test_archive_class_space_and_node_as_jdk_17_lays_them_out() -> None:
    node, archive, space = AT - 64 * MIB, AT, AT + 16 * MIB
    text = jvm(
        anon(node, 640 * KIB),
        anon(node + 640 * KIB, 4 * MIB - 640 * KIB, "---p"),
        anon(node + 4 * MIB, 320 * KIB),
        anon(node + 4 * MIB + 320 * KIB, 60 * MIB - 320 * KIB, "---p"),
        f"{archive:x}-{archive + 12 * MIB:x} rw-p 00001000 fe:00 99 {JSA}\n",
        anon(archive + 12 * MIB, 4 * MIB, "---p"),
        anon(space, 64 * KIB),
        anon(space + 64 * KIB, GIB - 64 * KIB, "---p"),
    )
    snapshot = read(text, argv=("java", "-Xmx256m", "Main"))
    assert blocks(snapshot, Kind.JAVA_METASPACE) == [64 * MIB, GIB]
    assert kinds(snapshot, archive, space) == [(12 * MIB, "java_cds"), (4 * MIB, "java_cds")]


def test_a_class_space_of_another_size() -> None:
    text = jvm(anon(AT, 64 * KIB), anon(AT + 64 * KIB, 256 * MIB - 64 * KIB, "---p"))
    snapshot = read(text, argv=("java", "-Xmx256m", "-XX:CompressedClassSpaceSize=256m", "Main"))
    assert blocks(snapshot, Kind.JAVA_METASPACE) == [256 * MIB]


def test_an_arena_is_no_node() -> None:
    text = jvm(anon(AT, 640 * KIB), anon(AT + 640 * KIB, 64 * MIB - 640 * KIB, "---p"))
    snapshot = read(text, argv=("java", "-Xmx256m", "Main"))
    assert blocks(snapshot, Kind.HEAP_ARENA) == [64 * MIB]
    assert blocks(snapshot, Kind.JAVA_METASPACE) == []


def test_a_node_never_reaches_into_an_arena() -> None:
    node = AT + 20 * MIB
    text = jvm(anon(node, 128 * KIB), anon(node + 128 * KIB, 64 * MIB - 128 * KIB, "---p"))
    assert blocks(read(text, argv=("java", "-Xmx256m", "Main")), Kind.JAVA_METASPACE) == [64 * MIB]


def test_a_row_of_arenas_is_no_class_space() -> None:
    arenas = [
        anon(AT + n * 64 * MIB, size) + anon(AT + n * 64 * MIB + size, 64 * MIB - size, "---p")
        for n, size in enumerate([132 * KIB] * 15)
    ]
    last = AT + 15 * 64 * MIB
    text = jvm(*arenas, anon(last, 132 * KIB), anon(last + 132 * KIB, 900 * MIB, "---p"))
    snapshot = read(text, argv=("java", "-Xmx256m", "Main"))
    assert blocks(snapshot, Kind.JAVA_METASPACE) == []
    assert len(blocks(snapshot, Kind.HEAP_ARENA)) == 16


def test_an_arena_is_no_class_space_of_its_size() -> None:
    space = GIB
    text = jvm(
        anon(AT, 132 * KIB),
        anon(AT + 132 * KIB, 64 * MIB - 132 * KIB, "---p"),
        anon(space, 128 * KIB),
        anon(space + 128 * KIB, 64 * MIB - 128 * KIB, "---p"),
    )
    snapshot = read(text, argv=("java", "-Xmx256m", "-XX:CompressedClassSpaceSize=64m", "Main"))
    assert {kind for _, kind in kinds(snapshot, AT, AT + 64 * MIB)} == {"heap_arena"}
    assert {kind for _, kind in kinds(snapshot, space, space + 64 * MIB)} == {"java_metaspace"}


def test_a_first_node_of_jdk_11_that_ends_on_64_mib() -> None:
    node, size = AT - 8 * MIB, 4352 * KIB
    text = jvm(anon(node, size), anon(node + size, 8 * MIB - size, "---p")).replace("java-17", "java-11")
    snapshot = read(text, argv=("java", "-Xmx256m", "Main"))
    assert blocks(snapshot, Kind.JAVA_METASPACE) == [8 * MIB]


def test_a_hole_in_a_node_does_not_reach_into_the_arena_below() -> None:
    arena, node, used = AT, AT + 64 * MIB, 5248 * KIB
    text = jvm(
        anon(arena, used),
        anon(arena + used, 64 * MIB - used, "---p"),
        anon(node, 640 * KIB),
        anon(node + 640 * KIB, 4 * MIB - 640 * KIB, "---p"),
        anon(node + 4 * MIB, 64 * KIB),
        anon(node + 4 * MIB + 64 * KIB, 60 * MIB - 64 * KIB, "---p"),
    )
    snapshot = read(text, argv=("java", "-Xmx256m", "Main"))
    assert blocks(snapshot, Kind.HEAP_ARENA) == [64 * MIB]
    assert blocks(snapshot, Kind.JAVA_METASPACE) == [64 * MIB]


def test_a_node_with_a_hole_above_other_memory() -> None:
    text = jvm(
        anon(AT - 40 * MIB, 40 * MIB),
        anon(AT - 64 * MIB, 24 * MIB),
        anon(AT, 192 * KIB),
        anon(AT + 192 * KIB, 4 * MIB - 192 * KIB, "---p"),
        anon(AT + 4 * MIB, 64 * KIB),
        anon(AT + 4 * MIB + 64 * KIB, 60 * MIB - 64 * KIB, "---p"),
    )
    assert blocks(read(text, argv=("java", "-Xmx256m", "Main")), Kind.JAVA_METASPACE) == [64 * MIB]
