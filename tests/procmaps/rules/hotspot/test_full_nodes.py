"""Nodes of metaspace that are full, have holes, or lie where a heap of an arena could."""

import pytest

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import anon, blocks, kinds, parts_of, read
from tests.procmaps.rules.labelled import jvm as jvm_with

KIB = 2**10
MIB = 2**20
GIB = 2**30
AT = 0x7E0000000000  # on 64 MiB
NODE = 64 * MIB
ARGV = ("java", "-Xmx300m", "Main")


def lines(start: int, *pieces: tuple[int, str, str]) -> str:
    """Lines of smaps without a gap from `start` on: size, access, and flags besides those of the access."""
    text = ""
    for size, access, flags in pieces:
        text += anon(start, size, access) + f"Rss: {size // KIB if 'w' in access else 0} kB\n"
        text += f"VmFlags: {'rd wr ' if 'w' in access else ''}mr mw me {flags}\n"
        start += size
    return text


def node(start: int, *committed: int) -> str:
    """A node whose first granules are committed, in one mapping or several; the rest is closed."""
    pieces = [(size, "rw-p", "ac") for size in committed]
    return lines(start, *pieces, (NODE - sum(committed), "---p", "nr"))


def heap(start: int, used: int) -> str:
    """A heap of an arena."""
    return lines(start, (used, "rw-p", "nr"), (NODE - used, "---p", "nr"))


def jvm(*text: str, java: str = "java-17") -> str:
    return jvm_with(anon(4 * GIB - 300 * MIB, 300 * MIB)).replace("java-17", java) + "".join(text)


def only_maps(smaps: str) -> str:
    lines = [line for line in smaps.splitlines(keepends=True) if not line.startswith(("Rss", "VmFlags"))]
    return "".join(sorted(lines, key=lambda line: int(line.split("-")[0], 16)))


def by_smaps(smaps: str) -> str:
    """The same in the order of addresses."""
    mappings: list[str] = []
    for line in smaps.splitlines(keepends=True):
        if line.startswith(("Rss", "VmFlags")):
            mappings[-1] += line
        else:
            mappings.append(line)
    return "".join(sorted(mappings, key=lambda text: int(text.split("-")[0], 16)))


@pytest.mark.parametrize("java", ["java-17", "java-21", "java-8"])
@pytest.mark.parametrize("used", [64 * KIB, 9 * MIB, 50 * MIB + 192 * KIB])
def test_a_node_in_the_place_of_an_arena_s_heap_by_its_flags(used: int, java: str) -> None:
    """The JVM commits by another mmap without MAP_NORESERVE; a heap has one flag all through."""
    text = jvm(node(AT, used), heap(AT + NODE, 5 * MIB), heap(AT + 2 * NODE, 132 * KIB), java=java)
    snapshot = read(smaps=by_smaps(text), argv=ARGV)
    assert blocks(snapshot, Kind.HEAP_ARENA) == [NODE, NODE]
    # before JDK 16 nodes were smaller, so whose it is stays open
    assert (blocks(snapshot, Kind.JAVA_METASPACE) == [NODE]) is (java != "java-8")


FULL = {
    "holes": ((832 * KIB, "rw-p", "ac"), (3 * MIB + 192 * KIB, "---p", "nr"), (60 * MIB, "rw-p", "ac")),
    "several": ((23 * MIB + 64 * KIB, "rw-p", "ac"), (40 * MIB + 960 * KIB, "rw-p", "ac")),
}


@pytest.mark.parametrize("pieces", FULL.values(), ids=FULL)
@pytest.mark.parametrize("at", [AT + 4 * MIB, AT])
def test_a_full_node_in_several_lines(at: int, pieces: tuple[tuple[int, str, str], ...]) -> None:
    last = node(AT - 3 * NODE + 4 * MIB, 7 * MIB, 64 * KIB)
    text = jvm(lines(at, *pieces), last, heap(AT + 4 * NODE, MIB + 4096))
    for snapshot in (read(smaps=by_smaps(text), argv=ARGV), read(only_maps(text), argv=ARGV)):
        assert blocks(snapshot, Kind.JAVA_METASPACE) == [NODE, NODE]
    # committed in granules of 64 KiB
    cut = at + pieces[0][0]
    odd = only_maps(text).replace(f"{cut:x}", f"{cut + 4096:x}")
    assert blocks(read(odd, argv=ARGV), Kind.JAVA_METASPACE) == [NODE]


def test_a_full_node_of_one_line_is_told_by_flags_and_what_is_resident() -> None:
    full = lines(AT, (NODE, "rw-p", "ac"))
    touched = full.replace(f"Rss: {NODE // KIB}", f"Rss: {NODE // KIB * 6 // 8}")
    for line, kind in (
        (full, "java_metaspace"),
        (touched, "java_gc"),
        (full.replace(" ac", " nr"), "heap_arena"),
    ):
        # the last heap is the newest, so it lies lowest
        text = jvm(line, heap(AT + 4 * NODE, MIB + 4096), heap(AT - 6 * NODE, 132 * KIB))
        snapshot = read(smaps=by_smaps(text), argv=ARGV, rss_anon_kb=400 * KIB)
        assert kinds(snapshot, AT, AT + NODE) == [(NODE, kind)]


def test_a_table_that_was_touched_is_no_node() -> None:
    """One bitmap over 4 GiB is as large as a node."""
    big = jvm_with(anon(2**35 - 4 * GIB, 4 * GIB))
    text = big + lines(AT, (NODE, "rw-p", "ac")) + heap(AT + 4 * NODE, MIB + 4096)
    argv = ("java", "-XX:+UseG1GC", "-Xmx4g", "Main")
    assert kinds(read(smaps=by_smaps(text), argv=argv), AT, AT + NODE) == [(NODE, "java_gc")]


def test_the_node_in_use_is_looked_for_among_heaps() -> None:
    """Maps do not tell a node from a heap: the head of a node is whole granules, and there is one in use."""
    own, heaps = node(AT, 23 * MIB + 128 * KIB), [heap(AT + n * NODE, 4 * KIB * n * 33) for n in (2, 3, 4)]
    text = only_maps(jvm(own, *heaps))
    snapshot = read(text, argv=ARGV)
    assert kinds(snapshot, AT, AT + NODE)[0][1] == "java_metaspace"
    assert blocks(snapshot, Kind.HEAP_ARENA) == [NODE] * 3
    # another node that is in use was found: this one is a heap
    found = only_maps(jvm(own, *heaps, node(AT - 3 * NODE + 4 * MIB, 7 * MIB)))
    assert kinds(read(found, argv=ARGV), AT, AT + NODE)[0][1] == "heap_arena"
    # and certainly so, while a node in use that is nowhere else could be any of them
    rules = {start: rule for start, _, _, rule in parts_of(read(found, argv=ARGV))}
    assert rules[AT] == "glibc.arena"
    # no head tells that heaps grow by pages here
    alone = only_maps(jvm(own))
    assert kinds(read(alone, argv=ARGV), AT, AT + NODE)[0][1] == "heap_arena"
    assert "glibc.arena_granules" in {rule for *_, rule in parts_of(read(alone, argv=ARGV))}
    # a path that tells no version, but a full node was found: JDK 17 or later
    full = only_maps(jvm(own, *heaps, lines(AT - 3 * NODE + 4 * MIB, *FULL["several"])))
    untold = read(full.replace("java-17-openjdk-amd64", "x"), argv=ARGV)
    assert kinds(untold, AT, AT + NODE)[0][1] == "java_metaspace"
    # before JDK 17 nodes had other sizes
    older = read(text.replace("java-17", "java-11"), argv=ARGV)
    assert kinds(older, AT, AT + NODE)[0][1] == "heap_arena"


CLASS_SPACE = 16 * GIB  # in the low addresses, as large as it is by default
CODE = AT + 40 * NODE


def with_classes(class_space: int, *lines: str) -> str:
    """A JVM that uses so much of its class space, with a node in use at AT, and the code cache at CODE."""
    space = anon(CLASS_SPACE, class_space) + anon(CLASS_SPACE + class_space, GIB - class_space, "---p")
    used = anon(AT + 4 * MIB, 23 * MIB) + anon(AT + 27 * MIB, 41 * MIB, "---p")
    code = anon(CODE, 3 * MIB, "rwxp") + anon(CODE + 3 * MIB, 237 * MIB, "---p")
    return jvm(space, used, code, *lines)


@pytest.mark.parametrize(("class_space", "nodes"), [(12, 0), (13, 0), (14, 1), (45, 1), (46, 2), (200, 3)])
def test_as_many_full_nodes_as_the_class_space_demands(class_space: int, nodes: int) -> None:
    """Twice as much metaspace as class space, within a root chunk; the nearest above the node in use."""
    last = AT - 9 * NODE  # a heap that is newer than the full ones
    grown = anon(last, 132 * KIB) + anon(last + 132 * KIB, NODE - 132 * KIB, "---p")
    full = [AT - 3 * NODE, *(AT + at * NODE for at in (3, 5, 8)), CODE + 6 * NODE]
    text = with_classes(class_space * MIB, grown, *(anon(start, NODE) for start in full))
    snapshot = read(only_maps(text), argv=ARGV, rss_anon_kb=2**20)
    found = [kinds(snapshot, start, start + NODE) for start in full]
    # nodes lie above the one in use, because Linux maps downward, and below the code cache, which came first
    expected = ["heap_arena", *["java_metaspace"] * nodes, *["heap_arena"] * (4 - nodes)]
    assert found == [[(NODE, kind)] for kind in expected]
    # a node in use that was not found can be what is missing
    without = only_maps(text).replace(anon(AT + 4 * MIB, 23 * MIB), "")
    unfound = read(without, argv=ARGV, rss_anon_kb=2**20)
    assert kinds(unfound, full[1], full[1] + NODE) == [(NODE, "heap_arena")]
    # before JDK 16 nodes had other sizes
    older = read(only_maps(text).replace("java-17", "java-11"), argv=ARGV, rss_anon_kb=2**20)
    assert kinds(older, full[1], full[1] + NODE) == [(NODE, "heap_arena")]


@pytest.mark.parametrize(("head", "first"), [(9, "java_metaspace"), (16, "heap_arena"), (52, "heap_arena")])
def test_a_full_block_below_a_heap_that_has_grown_far_is_the_last_choice(head: int, first: str) -> None:
    """malloc maps the next heap of an arena right above the last one where it can."""
    low, next_block = AT + 3 * NODE, AT + 9 * NODE
    grown = anon(low + NODE, head * MIB + 4096) + anon(
        low + NODE + head * MIB + 4096, NODE - head * MIB - 4096, "---p"
    )
    text = with_classes(20 * MIB, anon(low, NODE), grown, anon(next_block, NODE))
    snapshot = read(only_maps(text), argv=ARGV, rss_anon_kb=2**20)
    assert kinds(snapshot, low, low + NODE) == [(NODE, first)]
    second = "heap_arena" if first == "java_metaspace" else "java_metaspace"
    assert kinds(snapshot, next_block, next_block + NODE) == [(NODE, second)]


@pytest.mark.parametrize("chunk", [132 * KIB, 2 * MIB + 564 * KIB, 27 * MIB + 4096])
def test_a_chunk_below_a_full_node_has_merged_with_it(chunk: int) -> None:
    at = AT + 5 * NODE
    text = with_classes(40 * MIB, anon(at - chunk, chunk + NODE), anon(at + 3 * NODE, NODE))
    snapshot = read(only_maps(text), argv=ARGV, rss_anon_kb=2**20)
    assert kinds(snapshot, at, at + NODE) == [(NODE, "java_metaspace")]
    assert kinds(snapshot, at - chunk, at) == [(chunk, "heap_mmap")]


def test_a_run_of_chunks_is_no_node() -> None:
    at = AT + 5 * NODE
    text = with_classes(40 * MIB, anon(at - NODE, 2 * NODE))
    snapshot = read(only_maps(text), argv=ARGV, rss_anon_kb=2**20)
    assert "java_metaspace" not in {kind for _, kind in kinds(snapshot, at - NODE, at + NODE)}


@pytest.mark.parametrize(
    ("hole", "found"), [(MIB, True), (3 * MIB + 576 * KIB, True), (MIB - 64 * KIB, False)]
)
def test_a_chunk_below_a_full_node_with_a_hole(hole: int, found: bool) -> None:
    """The first granules of the node and the chunk below it are one line."""
    chunk, used = 5 * MIB + 4096, 448 * KIB
    at = AT + 4 * MIB
    text = anon(at - chunk, chunk + used) + anon(at + used, hole, "---p")
    text += anon(at + used + hole, NODE - used - hole)
    snapshot = read(only_maps(jvm(text, heap(AT + 4 * NODE, MIB + 4096))), argv=ARGV, rss_anon_kb=2**20)
    assert blocks(snapshot, Kind.JAVA_METASPACE) == [NODE] * found
    assert not found or kinds(snapshot, at - chunk, at) == [(chunk, "heap_mmap")]


@pytest.mark.parametrize("chunk", [61 * MIB + 4096, 70 * MIB + 8192])
def test_a_hole_that_ends_on_4_mib_ends_no_node_below(chunk: int) -> None:
    """The chunks below have merged with the node, so what its hole ends could begin in them."""
    at, used = AT + 4 * MIB, 448 * KIB
    text = lines(at - chunk, (chunk + used, "rw-p", "ac"), (4 * MIB - used, "---p", "nr"))
    text += lines(at + 4 * MIB, (9 * MIB, "rw-p", "ac"), (51 * MIB, "---p", "nr"))
    text = jvm(text, heap(AT + 4 * NODE, MIB + 4096))
    for snapshot in (read(smaps=by_smaps(text), argv=ARGV), read(only_maps(text), argv=ARGV)):
        assert "java_metaspace" not in {kind for _, kind in kinds(snapshot, at - chunk, at)}
        assert blocks(snapshot, Kind.JAVA_METASPACE) == [NODE]


def test_the_rest_of_a_heap_is_no_hole() -> None:
    above = anon(AT + NODE, 8 * MIB)
    text = only_maps(jvm(heap(AT, 9 * MIB), above, heap(AT + 4 * NODE, MIB + 4096)))
    found = kinds(read(text, argv=ARGV, rss_anon_kb=2**20), AT + NODE, AT + 2 * NODE)
    assert found == [(8 * MIB, "java_gc")]


def test_the_node_in_use_can_have_merged_with_a_chunk_below() -> None:
    chunk, used = 3 * MIB + 4096, 17 * 64 * KIB
    own = anon(AT - chunk, chunk + used) + anon(AT + used, NODE - used, "---p")
    heaps = [heap(AT + n * NODE, 4 * KIB * n * 33) for n in (2, 3, 4)]
    snapshot = read(only_maps(jvm(own, *heaps)), argv=ARGV)
    assert blocks(snapshot, Kind.JAVA_METASPACE) == [NODE]
    assert kinds(snapshot, AT - chunk, AT) == [(chunk, "heap_mmap")]


@pytest.mark.parametrize("hole", [True, False])
def test_a_hole_is_no_node_in_use(hole: bool) -> None:
    """A heap is certain only if the node in use is known; a full node with a hole on 4 MiB is not that."""
    text = lines(
        AT - 3 * NODE + 4 * MIB, (2 * MIB, "rw-p", ""), (2 * MIB, "---p", ""), (60 * MIB, "rw-p", "")
    )
    if not hole:
        text = node(AT - 3 * NODE + 4 * MIB, 7 * MIB)
    both = [heap(AT + n * NODE, used) for n, used in ((0, 23 * MIB), (2, 9 * MIB + 64 * KIB))]
    snapshot = read(only_maps(jvm(text, *both)), argv=ARGV)
    rules = {rule for start, *_, rule in parts_of(snapshot) if start >= AT}
    assert ("glibc.arena" in rules) is not hole
    assert ("glibc.arena_granules" in rules) is hole


@pytest.mark.parametrize("blocks_above", [1, 4, 5])
def test_one_of_far_more_blocks_is_not_chosen(blocks_above: int) -> None:
    """Arenas have leaked: any choice is most likely wrong, and then two blocks are."""
    last = AT - 9 * NODE
    newest = anon(last, 132 * KIB) + anon(last + 132 * KIB, NODE - 132 * KIB, "---p")
    full = [AT + (2 * number + 3) * NODE for number in range(blocks_above)]
    text = with_classes(40 * MIB, newest, *(anon(start, NODE) for start in full))
    snapshot = read(only_maps(text), argv=ARGV, rss_anon_kb=2**20)
    found = [kinds(snapshot, start, start + NODE)[0][1] for start in full]
    assert found.count("java_metaspace") == (blocks_above < 5)
    assert found[0] == ("java_metaspace" if blocks_above < 5 else "heap_arena")


@pytest.mark.parametrize(("heap_max", "kind"), [("300m", "java_metaspace"), ("4g", "java_gc")])
def test_what_lies_apart_from_boundaries_is_chosen_first(heap_max: str, kind: str) -> None:
    """Unless it can be a table over the heap: the bitmap over 4 GiB is as large."""
    last, apart, block = AT - 9 * NODE, AT + 6 * NODE + 12 * MIB, AT + 3 * NODE
    newest = anon(last, 132 * KIB) + anon(last + 132 * KIB, NODE - 132 * KIB, "---p")
    text = with_classes(20 * MIB, newest, anon(block, NODE), anon(apart, NODE))
    argv: tuple[str, ...] = ARGV
    if heap_max == "4g":
        argv = ("java", "-XX:+UseG1GC", "-Xmx4g", "Main")
        low = 4 * GIB - 300 * MIB
        text = text.replace(anon(low, 300 * MIB), anon(2**35 - 4 * GIB, 4 * GIB))
    snapshot = read(only_maps(text), argv=argv, rss_anon_kb=2**23)
    assert kinds(snapshot, apart, apart + NODE) == [(NODE, kind)]
    other = "heap_arena" if kind == "java_metaspace" else "java_metaspace"
    assert kinds(snapshot, block, block + NODE) == [(NODE, other)]
