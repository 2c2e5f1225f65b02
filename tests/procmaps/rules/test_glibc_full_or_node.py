"""Full blocks of a JVM with arenas: heaps, unless the class space leaves room for more nodes of metaspace."""

import pytest

from procmaps.kinds import KIND_BY_LABEL, Confidence, Kind
from procmaps.rules.book import RULES
from tests.procmaps.rules.labelled import anon, parts_of, read, sorted_maps
from tests.procmaps.rules.labelled import jvm as jvm_with

KIB, MIB, GIB = 2**10, 2**20, 2**30
AT = 0x7E0000000000  # on 64 MiB
BLOCK = 64 * MIB
CODE = AT + 90 * BLOCK
ARGV = ("java", "-Xmx300m", "Main")
LOW, HIGH = 16 * GIB, AT + 30 * BLOCK
RULE_BY_NAME = {rule.name: rule for rule in RULES}


def jvm(class_space: int, metaspace: int, blocks: list[int], *more: str, space: int = LOW) -> str:
    """A JVM that uses so much of both, in a node at AT - BLOCK and 4 MiB, with such full blocks."""
    low = AT - BLOCK + 4 * MIB
    newest = AT - 9 * BLOCK
    return sorted_maps(
        jvm_with(anon(4 * GIB - 300 * MIB, 300 * MIB)),
        anon(space, class_space) + anon(space + class_space, GIB - class_space, "---p"),
        anon(low, metaspace) + anon(low + metaspace, BLOCK - metaspace, "---p"),
        anon(newest, 132 * KIB) + anon(newest + 132 * KIB, BLOCK - 132 * KIB, "---p"),
        anon(CODE, 3 * MIB, "rwxp") + anon(CODE + 3 * MIB, 237 * MIB, "---p"),
        *(anon(start, BLOCK) for start in blocks),
        *more,
    )


def rules(text: str, blocks: list[int], *, java: str = "java-17") -> list[str]:
    text = text.replace("java-17", java)
    found = {start: rule for start, *_, rule in parts_of(read(text, argv=ARGV, rss_anon_kb=2**23))}
    return [found[start] for start in blocks]


def test_it_is_a_guess_with_metaspace_as_runner_up() -> None:
    rule = RULE_BY_NAME["glibc.arena_full_or_node"]
    assert (rule.kind, rule.confidence, rule.runner_up) == (
        Kind.HEAP_ARENA,
        Confidence.GUESS,
        KIND_BY_LABEL["java_metaspace"],
    )


@pytest.mark.parametrize("space", [LOW, HIGH], ids=["low", "beside libraries"])
@pytest.mark.parametrize(("class_space", "doubtful"), [(3, False), (8, False), (9, True), (20, True)])
def test_the_class_space_limits_metaspace(class_space: int, space: int, doubtful: bool) -> None:
    """With 41 MiB in the node in use, another full one needs (41 + 64) / 12 MiB of class space."""
    blocks = [AT + at * BLOCK for at in (1, 4, 9, 12)]
    found = rules(jvm(class_space * MIB, 41 * MIB, blocks, space=space), blocks)
    assert found == ["glibc.arena_full_or_node" if doubtful else "glibc.arena_full"] * 4


def test_what_is_no_node_by_its_place_or_by_the_jvm_s_version_is_likely_a_heap() -> None:
    blocks = [AT - 4 * BLOCK, AT + 3 * BLOCK, CODE + 7 * BLOCK]
    text = jvm(12 * MIB, 41 * MIB, blocks)
    likely, doubtful = "glibc.arena_full", "glibc.arena_full_or_node"
    assert rules(text, blocks) == [likely, doubtful, likely]
    # before JDK 16 nodes had other sizes
    assert rules(text, blocks, java="java-11") == [likely] * 3


@pytest.mark.parametrize(("number", "doubtful"), [(10, True), (11, False)])
def test_one_node_among_many_heaps_leaves_them_likely(number: int, doubtful: bool) -> None:
    blocks = [AT + at * BLOCK for at in range(1, number + 1)]
    found = set(rules(jvm(9 * MIB, 41 * MIB, blocks), blocks))
    assert found == {"glibc.arena_full_or_node" if doubtful else "glibc.arena_full"}


@pytest.mark.parametrize("java", ["java-17", "java-21"])
@pytest.mark.parametrize(
    ("flags", "resident", "doubtful"),
    [
        ("rd wr mr mw me nr", BLOCK, False),
        ("rd wr mr mw me", BLOCK, True),
        ("rd wr mr mw me", BLOCK // 2, False),
    ],
)
def test_flags_and_what_is_resident_decide(flags: str, resident: int, doubtful: bool, java: str) -> None:
    """A heap has MAP_NORESERVE up to glibc 2.36, and a node never; a full node was written."""
    blocks = [AT + 2 * BLOCK, AT + 5 * BLOCK]
    heads = "rd wr mr mw me nr" if "nr" in flags else "rd wr mr mw me"
    smaps = ""
    for line in jvm(12 * MIB, 41 * MIB, blocks).replace("java-17", java).splitlines(keepends=True):
        start, end = (int(address, 16) for address in line.split()[0].split("-"))
        block = start in blocks
        own = flags if block else heads if "rw" in line and end - start == 132 * KIB else "mr mw me"
        size = resident if block else (end - start) if "rw" in line else 0
        smaps += f"{line}Rss: {size // KIB} kB\nVmFlags: {own}\n"
    found = {s: rule for s, *_, rule in parts_of(read(smaps=smaps, argv=ARGV, rss_anon_kb=2**23))}
    assert [found[start] == "glibc.arena_full_or_node" for start in blocks] == [doubtful] * 2
