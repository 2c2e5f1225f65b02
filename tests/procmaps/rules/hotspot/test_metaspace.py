"""Metaspace, class space and archives."""

import pytest

from procmaps.kinds import Kind
from procmaps.rules.hotspot.arguments import JvmArguments
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.hotspot.metaspace import (
    CLASS_SPACE_LIMIT_COUNT,
    NODE_ENDS_LIMIT_COUNT,
    RESERVES_LIMIT_COUNT,
    class_space,
    low_rest,
    nodes,
)
from procmaps.rules.hotspot.turn import Step
from tests.procmaps.rules.labelled import (
    BRK_HEAP,
    LIBC,
    LIBJVM,
    anon,
    blocks,
    kinds,
    process,
    read,
    sorted_maps,
)

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
        anon(AT - 63 * MIB, 23 * MIB),
        anon(AT, 192 * KIB),
        anon(AT + 192 * KIB, 4 * MIB - 192 * KIB, "---p"),
        anon(AT + 4 * MIB, 64 * KIB),
        anon(AT + 4 * MIB + 64 * KIB, 60 * MIB - 64 * KIB, "---p"),
    )
    assert blocks(read(text, argv=("java", "-Xmx256m", "Main")), Kind.JAVA_METASPACE) == [64 * MIB]


def reserved(at: int, size: int, committed: int = 128 * KIB) -> list[str]:
    return [anon(at, committed), anon(at + committed, size - committed, "---p")]


def claimed(step: Step, known: Jvm, *lines: str) -> list[tuple[int, int]]:
    """Start and size of what a step claims."""
    return [(claim.start, claim.end - claim.start) for claim in step(known, process(*lines))]


def test_ends_of_nodes_are_limited_in_number() -> None:
    ends = [anon(AT + n * 4 * MIB - 4 * KIB, 4 * KIB, "---p") for n in range(NODE_ENDS_LIMIT_COUNT)]
    node = AT + NODE_ENDS_LIMIT_COUNT * 4 * MIB + 4 * MIB
    lines = reserved(node, 64 * MIB)
    assert claimed(nodes, Jvm(17, JvmArguments()), *ends[1:], *lines) == [(node, 64 * MIB)]
    assert claimed(nodes, Jvm(17, JvmArguments()), *ends, *lines) == []


def test_reserves_that_can_end_a_class_space_are_limited_in_number() -> None:
    known = Jvm(17, JvmArguments(class_space=4 * MIB))
    low = 2**40
    others = [anon(low + n * 8 * MIB + 4 * KIB, 4 * MIB, "---p") for n in range(RESERVES_LIMIT_COUNT)]
    space = low + RESERVES_LIMIT_COUNT * 8 * MIB
    lines = reserved(space, 4 * MIB)
    assert claimed(class_space, known, *others[1:], *lines) == [(space, 4 * MIB)]
    assert claimed(class_space, known, *others, *lines) == []


@pytest.mark.parametrize("more", [0, 1])
def test_a_class_space_consists_of_a_limited_number_of_regions(more: int) -> None:
    count = CLASS_SPACE_LIMIT_COUNT - 1 + more
    lines = [anon(GIB + n * MIB, MIB, ("rw-p", "r--p")[n % 2]) for n in range(count)]
    lines.append(anon(GIB + count * MIB, GIB - count * MIB, "---p"))
    found = claimed(class_space, Jvm(17, JvmArguments()), *lines)
    assert found == ([] if more else [(GIB, GIB)])


@pytest.mark.parametrize(("version", "found"), [(14, False), (15, True), (0, True)])
def test_without_compressed_oops_old_jvms_have_no_class_space(version: int, *, found: bool) -> None:
    known = Jvm(version, JvmArguments(), heap=(AT, AT + 64 * GIB))
    assert bool(claimed(class_space, known, *reserved(GIB, GIB))) is found


@pytest.mark.parametrize(("version", "sizes"), [(8, [8]), (16, [8]), (17, []), (0, [8])])
def test_nodes_of_old_jvms_are_small(version: int, sizes: list[int]) -> None:
    known = Jvm(version, JvmArguments())
    found = claimed(nodes, known, *reserved(AT + 2 * MIB, 8 * MIB))
    assert found == [(AT + 2 * MIB, size * MIB) for size in sizes]


def test_of_an_unknown_jvm_nodes_have_one_size() -> None:
    large, small = reserved(AT + 4 * MIB, 64 * MIB), reserved(AT + GIB + 2 * MIB, 8 * MIB)
    assert claimed(nodes, Jvm(0, JvmArguments()), *large, *small) == [(AT + 4 * MIB, 64 * MIB)]


@pytest.mark.parametrize(
    "regions",
    [
        [(0, 128, "rw-p"), (128, 4096, "r--p"), (4224, 61312, "---p")],
        [(0, 128, "rw-p"), (192, 65344, "---p")],
        [(0, 132, "rw-p"), (132, 65404, "---p")],
        [(0, 65536, "---p")],
        [(64, 128, "rw-p"), (192, 65344, "---p")],
    ],
    ids=["read-only", "with a gap", "not in granules", "not committed", "too short"],
)
def test_what_is_no_node(regions: list[tuple[int, int, str]]) -> None:
    node = AT + 4 * MIB
    lines = [anon(node + start * KIB, size * KIB, perms) for start, size, perms in regions]
    assert claimed(nodes, Jvm(17, JvmArguments()), *lines) == []
    good = reserved(node, 64 * MIB)
    assert claimed(nodes, Jvm(17, JvmArguments()), *good) == [(node, 64 * MIB)]


def test_nodes_do_not_overlap() -> None:
    node = AT + 4 * MIB
    # every 4 MiB could be the end of one
    lines = [line for n in range(32) for line in reserved(node + n * 4 * MIB, 4 * MIB)]
    assert claimed(nodes, Jvm(17, JvmArguments()), *lines) == [(node, 64 * MIB), (node + 64 * MIB, 64 * MIB)]


def test_the_low_rest_is_class_space_only_beside_a_low_heap() -> None:
    lines = anon(GIB, MIB), anon(2 * GIB, 64 * KIB), anon(AT, MIB)
    low, high = (Jvm(17, JvmArguments(), heap=(at, at + GIB)) for at in (3 * GIB, AT + GIB))
    assert claimed(low_rest, low, *lines) == [(GIB, MIB)]
    assert claimed(low_rest, high, *lines) == []
    assert claimed(low_rest, Jvm(17, JvmArguments()), *lines) == []


def test_what_an_archive_reserves_ends_on_its_alignment() -> None:
    archive = f"{AT:x}-{AT + 5 * MIB:x} rw-p 00001000 fe:00 99 {JSA}\n"
    snapshot = read(jvm(archive, anon(AT + 5 * MIB, 20 * MIB, "---p")), argv=("java", "-Xmx256m", "Main"))
    assert kinds(snapshot, AT, AT + 5 * MIB) == [(5 * MIB, "java_cds")]
    assert kinds(snapshot, AT + 5 * MIB, AT + 25 * MIB)[0] == (11 * MIB, "java_cds")
    assert kinds(snapshot, AT + 16 * MIB, AT + 25 * MIB)[0][1] != "java_cds"


def test_a_jvm_of_32_bits_has_no_class_space_and_all_else_is_low_too() -> None:
    used = 700 * KIB
    text = sorted_maps(
        anon(0x2000000, MIB, name="[heap]"),
        anon(0x34800000, 30 * MIB),
        anon(0x34800000 + 30 * MIB, 98 * MIB, "---p"),
        anon(0x60000000, 192 * KIB),
        anon(0x60000000 + 192 * KIB, GIB - 192 * KIB, "---p"),
        *(anon(0xB1000000 + n * MIB, used) for n in range(5)),
        *(anon(0xB1000000 + n * MIB + used, MIB - used, "---p") for n in range(5)),
        "f7000000-f7100000 r-xp 00000000 fe:00 77 /lib/arm-linux-gnueabihf/libc.so.6\n",
        "f7200000-f7300000 r-xp 00000000 fe:00 79 /usr/lib/jvm/java-8/jre/lib/arm/client/libjvm.so\n",
    )
    snapshot = read(text, argv=("java", "-Xmx128m", "Main"))
    assert blocks(snapshot, Kind.HEAP_ARENA) == [MIB] * 5
    assert blocks(snapshot, Kind.JAVA_METASPACE) == []
