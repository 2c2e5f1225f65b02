"""Nodes of metaspace of 2 MiB, as JDK 8 to 15 have them."""

import pytest

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import LIBJVM, anon, blocks, jvm, read, whole

KIB = 2**10
MIB = 2**20
GIB = 2**30
NODE = 2 * MIB
AT = 0x7E0003E00000  # a heap of an arena could begin above the first node
ARGV = ("java", "-Xmx300m", "Main")


def nodes(*used: int, at: int = AT) -> str:
    """Ranges of 2 MiB, each with so many KiB writable from its start and the rest closed."""
    text = ""
    for number, kib in enumerate(used):
        start = at + number * NODE
        text += anon(start, kib * KIB)
        text += anon(start + kib * KIB, NODE - kib * KIB, "---p") if kib * KIB < NODE else ""
    return text


def read_jvm(text: str, java: str = "java-11") -> list[int]:
    """Sizes of the nodes of metaspace that were found."""
    maps = jvm(whole(300 * MIB), text).replace("java-17", java)
    return blocks(read(maps, argv=ARGV, rss_anon_kb=2**20), Kind.JAVA_METASPACE)


@pytest.mark.parametrize("java", ["java-8", "java-11", "java-15", "unknown"])
@pytest.mark.parametrize(
    "used",
    [
        (1068, 2048, 2048, 2048),
        (2048,) * 40,
        (316, 2048, 1992, 1940, 1992, 2044, 2048, 1984),
        (1992, 1940, 2004, 1888),
    ],
)
def test_nodes_above_each_other(used: tuple[int, ...], java: str) -> None:
    assert read_jvm(nodes(*used), java) == [NODE] * len(used)


def test_where_linux_does_not_align_them() -> None:
    assert read_jvm(nodes(500, 2048, 2048, 2048, 2048, at=AT + 37 * 4096)) == [NODE] * 5


def test_later_versions_have_no_such_nodes() -> None:
    assert not read_jvm(nodes(1068, 2048, 2048, 2048), "java-17")


def test_as_many_as_g1_has_tables_are_none() -> None:
    assert not read_jvm(nodes(2048, 2048, 2048))


@pytest.mark.parametrize("guards", [(12, 12, 12, 12, 12, 12), (4, 12, 4, 4, 12, 12)])
def test_stacks_of_two_mib_with_their_guards_are_none(guards: tuple[int, ...]) -> None:
    assert not read_jvm(nodes(*(2048 - guard for guard in guards)))


def test_a_gap_divides_a_chain() -> None:
    both = nodes(2048, 2048, 2048) + nodes(2048, 2048, 2048, at=AT + 4 * NODE)
    assert not read_jvm(both)


def test_a_heap_of_an_arena_above_them_stays_one() -> None:
    heap = AT + NODE
    text = nodes(2048, 2048, 2048, 2048, 2048, at=heap - 5 * NODE) + anon(heap, 7 * MIB + 4096)
    text += anon(heap + 7 * MIB + 4096, 57 * MIB - 4096, "---p")
    snapshot = read(jvm(whole(300 * MIB), text).replace("java-17", "java-11"), argv=ARGV, rss_anon_kb=2**20)
    assert blocks(snapshot, Kind.JAVA_METASPACE) == [NODE] * 5
    assert blocks(snapshot, Kind.HEAP_ARENA) == [64 * MIB]


def test_without_anonymous_memory() -> None:
    assert not blocks(read(LIBJVM.replace("java-17", "java-11"), argv=ARGV), Kind.JAVA_METASPACE)


def test_the_first_node_is_the_highest() -> None:
    """A range of 8 MiB that ends in a reserve is looked for above the nodes of 2 MiB alone."""
    first = anon(AT + 64 * MIB, 7 * MIB) + anon(AT + 71 * MIB, MIB, "---p")
    below = anon(AT - 64 * MIB, 7 * MIB) + anon(AT - 57 * MIB, MIB, "---p")
    small = nodes(2048, 2048, 2048, 2048)
    assert read_jvm(below + small + first) == [NODE] * 4 + [8 * MIB]
    assert read_jvm(below + first) == [8 * MIB] * 2


def test_where_nodes_are_small_no_block_is_a_full_node_of_64_mib() -> None:
    """Without a version in the path, the nodes that were found tell it."""
    at = 0x7E0010000000
    space = anon(16 * GIB, 90 * MIB) + anon(16 * GIB + 90 * MIB, GIB - 90 * MIB, "---p")
    code = anon(at + 64 * GIB, 3 * MIB, "rwxp") + anon(at + 64 * GIB + 3 * MIB, 237 * MIB, "---p")
    first = anon(AT + 64 * MIB, 7 * MIB) + anon(AT + 71 * MIB, MIB, "---p")
    heaps = anon(at, 64 * MIB) + anon(at + 64 * MIB, 5 * MIB + 4096)
    heaps += anon(at + 69 * MIB + 4096, 59 * MIB - 4096, "---p")
    text = jvm(whole(300 * MIB), nodes(2048, 2048, 2048, 2048), first, heaps, space, code)
    snapshot = read(text.replace("java-17", "unknown"), argv=ARGV, rss_anon_kb=2**20)
    assert blocks(snapshot, Kind.HEAP_ARENA) == [64 * MIB] * 2
