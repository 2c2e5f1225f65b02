"""Nodes of metaspace of 2 MiB, as JDK 8 to 15 have them."""

import pytest

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import LIBJVM, anon, blocks, jvm, read, whole

KIB = 2**10
MIB = 2**20
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
