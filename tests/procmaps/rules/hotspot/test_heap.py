"""The Java heap: by its size wherever it lies, by its place where the size is not known."""

from dataclasses import replace

import pytest

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import (
    BRK_HEAP,
    LIBC,
    LIBJVM,
    anon,
    blocks,
    kinds,
    parts_of,
    read,
    sorted_maps,
)

KIB = 2**10
MIB = 2**20
GIB = 2**30
MMAP = 0x7E0000000000
JSA = "/usr/lib/jvm/java-17-openjdk-amd64/lib/server/classes.jsa"


def jvm(*lines: str) -> str:
    return sorted_maps(BRK_HEAP, LIBC, LIBJVM, *lines)


def heap(at: int, committed: int, reserved: int) -> str:
    return anon(at, committed) + anon(at + committed, reserved - committed, "---p")


@pytest.mark.parametrize(
    ("asked", "reserved", "at"),
    [
        ("-Xmx512m", 512 * MIB, 4 * GIB - 512 * MIB),  # unscaled
        ("-Xmx8g", 8 * GIB, 24 * GIB),  # zero-based
        ("-Xmx4g", 4 * GIB, 27 * GIB),  # JDK 8, below its class space
        ("-Xmx40g", 40 * GIB, MMAP),  # no compressed oops: anywhere
        ("-Xmx777m", 778 * MIB, 4 * GIB - 778 * MIB),  # rounded up to 2 MiB
        ("-Xmx31g", 31 * GIB + 16 * MIB, 64 * GIB),  # with the closed prefix of a based heap
    ],
)
def test_by_size(asked: str, reserved: int, at: int) -> None:
    snapshot = read(jvm(heap(at, 200 * MIB, reserved)), argv=("java", asked, "Main"))
    assert blocks(snapshot, Kind.JAVA_HEAP) == [reserved]


def test_a_heap_that_is_committed_whole() -> None:
    snapshot = read(jvm(anon(MMAP, 256 * MIB)), argv=("java", "-Xmx256m", "Main"))
    assert blocks(snapshot, Kind.JAVA_HEAP) == [256 * MIB]


def test_a_heap_that_merged_with_memory_below_it() -> None:
    table = 32 * MIB
    text = jvm(anon(MMAP - table, table + 200 * MIB), anon(MMAP + 200 * MIB, GIB - 200 * MIB, "---p"))
    snapshot = read(text, argv=("java", "-Xmx1g", "-XX:-UseCompressedOops", "Main"))
    assert blocks(snapshot, Kind.JAVA_HEAP) == [GIB]
    assert [kind for _, kind in kinds(snapshot, MMAP, MMAP + GIB)] == ["java_heap"] * 2


def test_archived_objects_inside_the_heap_are_heap() -> None:
    at = 4 * GIB - 512 * MIB
    archive = f"{4 * GIB - 2 * MIB:x}-{4 * GIB - MIB:x} rw-p 00001000 fe:00 99 {JSA}\n"
    text = jvm(
        anon(at, 100 * MIB), anon(at + 100 * MIB, 410 * MIB, "---p"), archive, anon(4 * GIB - MIB, MIB)
    )
    assert blocks(read(text, argv=("java", "-Xmx512m", "Main")), Kind.JAVA_HEAP) == [512 * MIB]


def test_four_arenas_in_a_row_are_not_a_heap_of_their_sum() -> None:
    arenas = "".join(
        anon(MMAP + n * 64 * MIB, MIB) + anon(MMAP + n * 64 * MIB + MIB, 63 * MIB, "---p") for n in range(4)
    )
    text = jvm(arenas, heap(4 * GIB - 256 * MIB, 10 * MIB, 256 * MIB))
    snapshot = read(text, argv=("java", "-Xmx256m", "Main"))
    assert blocks(snapshot, Kind.JAVA_HEAP) == [256 * MIB]
    assert blocks(snapshot, Kind.HEAP_ARENA) == [64 * MIB] * 4


def test_by_place_where_no_size_is_known() -> None:
    at = 4 * GIB - 300 * MIB
    rules = {
        rule for _, _, kind, rule in parts_of(read(jvm(heap(at, 20 * MIB, 300 * MIB)))) if kind == "java_heap"
    }
    assert rules == {"java.heap_by_place"}


def test_by_extent_where_neither_is_known() -> None:
    text = jvm(heap(MMAP, 3 * GIB, 40 * GIB))
    rules = {rule for _, _, kind, rule in parts_of(read(text)) if kind == "java_heap"}
    assert rules == {"java.heap_by_extent"}


def test_zgc_and_the_range_it_set_aside() -> None:
    base, view = 0x40000000000, 378 * MIB
    text = jvm(
        f"{base:x}-{base + view:x} rw-s 00000000 00:01 77 /memfd:java_heap (deleted)\n",
        anon(base + view, 16 * GIB - view, "---p"),
    )
    snapshot = read(text, argv=("java", "-XX:+UseZGC", "-Xmx1g", "Main"))
    assert kinds(snapshot, base, base + 16 * GIB) == [(view, "java_heap"), (16 * GIB - view, "java_heap")]


def test_the_same_shape_without_a_jvm_is_no_java() -> None:
    text = sorted_maps(BRK_HEAP, LIBC, heap(4 * GIB - 512 * MIB, 100 * MIB, 512 * MIB))
    assert blocks(read(text, argv=("java", "-Xmx512m", "Main")), Kind.JAVA_HEAP) == []


def test_the_default_is_a_quarter_of_the_memory_of_the_host_or_the_container() -> None:
    text = jvm(heap(MMAP, 200 * MIB, 2 * GIB))
    snapshot = read(text, argv=("java", "-XX:-UseCompressedOops", "Main"))
    host = replace(snapshot, facts=replace(snapshot.facts, mem_total_bytes=8 * GIB))
    assert "java.heap_by_size" in {rule for _, _, _, rule in parts_of(host)}
    inside = replace(
        snapshot,
        facts=replace(
            snapshot.facts, mem_total_bytes=64 * GIB, cgroup_memory_max_bytes={"/kubepods/pod1": 8 * GIB}
        ),
        processes=replace(snapshot.processes, cgroup=(b"0::/kubepods/pod1/c1\n",)),
    )
    assert "java.heap_by_size" in {rule for _, _, _, rule in parts_of(inside)}
    bare = replace(snapshot, facts=replace(snapshot.facts, mem_total_bytes=64 * GIB))
    assert "java.heap_by_size" not in {rule for _, _, _, rule in parts_of(bare)}


def test_a_class_space_right_above_the_heap_and_as_large_is_not_the_heap() -> None:
    at = 20 * GIB  # -XX:HeapBaseMinAddress=20g, no archive
    space = anon(at + GIB, 512 * KIB) + anon(at + GIB + 512 * KIB, GIB - 512 * KIB, "---p")
    snapshot = read(jvm(heap(at, 378 * MIB, GIB), space), argv=("java", "-Xmx1g", "Main"))
    assert {kind for _, kind in kinds(snapshot, at, at + GIB)} == {"java_heap"}
    assert {kind for _, kind in kinds(snapshot, at + GIB, at + 2 * GIB)} == {"java_metaspace"}


def test_without_compressed_oops_a_low_class_space_is_not_the_heap() -> None:
    space = anon(2 * GIB, 512 * KIB) + anon(2 * GIB + 512 * KIB, GIB - 512 * KIB, "---p")
    lines = (space, heap(MMAP, 126 * MIB, 700 * MIB))
    snapshot = read(jvm(*lines), argv=("java", "-Xmx700m", "-XX:-UseCompressedOops", "Main"))
    assert {kind for _, kind in kinds(snapshot, MMAP, MMAP + 700 * MIB)} == {"java_heap"}
    assert {kind for _, kind in kinds(snapshot, 2 * GIB, 3 * GIB)} == {"java_metaspace"}


def test_an_alignment_of_16_reaches_64_gib() -> None:
    argv = ("java", "-XX:ObjectAlignmentInBytes=16", "Main")
    snapshot = read(jvm(heap(16 * GIB, 96 * MIB, 48 * GIB)), argv=argv)
    assert blocks(snapshot, Kind.JAVA_HEAP) == [48 * GIB]


NO_OOPS = ("java", "-Xmx1g", "-XX:-UseCompressedOops", "Main")


def jsa(at: int, size: int) -> str:
    return f"{at:x}-{at + size:x} rw-p 00001000 fe:00 99 {JSA}\n"


def test_a_class_space_above_its_archive_is_not_the_heap() -> None:
    at, table = MMAP + GIB, 32 * KIB  # merged with the heap from below
    text = jvm(
        jsa(at, 13 * MIB),
        anon(at + 13 * MIB, 3 * MIB, "---p"),
        heap(at + 16 * MIB, MIB, GIB),
        anon(at + 4 * GIB - table, table + 100 * MIB),
        anon(at + 4 * GIB + 100 * MIB, GIB - 100 * MIB, "---p"),
    )
    assert kinds(read(text, argv=NO_OOPS), at + 4 * GIB)[0] == (100 * MIB, "java_heap")
    assert blocks(read(text, argv=NO_OOPS), Kind.JAVA_METASPACE) == [GIB]


def test_of_two_reservations_the_heap_is_the_one_with_archived_objects() -> None:
    text = jvm(
        anon(20 * GIB, 300 * MIB),
        anon(20 * GIB + 300 * MIB, 722 * MIB, "---p"),
        jsa(21 * GIB - 2 * MIB, MIB),
        anon(21 * GIB - MIB, MIB),
        heap(33 * GIB, 512 * KIB, GIB),
    )
    snapshot = read(text, argv=("java", "-Xmx1g", "Main"))
    assert {kind for _, kind in kinds(snapshot, 20 * GIB, 21 * GIB)} == {"java_heap"}
    assert {kind for _, kind in kinds(snapshot, 33 * GIB, 34 * GIB)} == {"java_metaspace"}


def test_an_arena_right_above_the_heap_is_not_its_top() -> None:
    low = MMAP + 512 * MIB
    text = jvm(
        anon(low - 4096, 4096 + 200 * MIB),
        anon(low + 200 * MIB, 34 * GIB - 200 * MIB, "---p"),
        anon(low + 34 * GIB, 132 * KIB),
        anon(low + 34 * GIB + 132 * KIB, 64 * MIB - 132 * KIB, "---p"),
    )
    snapshot = read(text, argv=("java", "-Xmx34g", "Main"))
    assert blocks(snapshot, Kind.JAVA_HEAP) == [34 * GIB]


def test_by_extent_the_top_of_a_table_is_cut_off() -> None:
    table = 64 * KIB
    text = jvm(anon(MMAP - table, table + 96 * MIB), anon(MMAP + 96 * MIB, 30 * GIB, "---p"))
    assert blocks(read(text, argv=("java", "Main")), Kind.JAVA_HEAP) == [30 * GIB + 96 * MIB]


def test_an_archive_may_have_any_name() -> None:
    at = 4 * GIB - 512 * MIB
    path = "/srv/shop/shop.aot"
    text = jvm(
        anon(at, 100 * MIB),
        anon(at + 100 * MIB, 410 * MIB, "---p"),
        f"{4 * GIB - 2 * MIB:x}-{4 * GIB:x} rw-p 00d01000 fe:00 98 {path}\n",
        f"{MMAP:x}-{MMAP + MIB:x} rw-p 00001000 fe:00 98 {path}\n",
        f"{MMAP + MIB:x}-{MMAP + 3 * MIB:x} r--p 00101000 fe:00 98 {path}\n",
    )
    snapshot = read(text, argv=("java", "-Xmx512m", "Main"))
    assert blocks(snapshot, Kind.JAVA_HEAP) == [512 * MIB]
    assert kinds(snapshot, MMAP, MMAP + 4 * MIB) == [(MIB, "java_cds"), (2 * MIB, "java_cds")]


def test_by_extent_arenas_above_are_cut_off() -> None:
    arena = anon(MMAP + 30 * GIB, MIB) + anon(MMAP + 30 * GIB + MIB, 63 * MIB, "---p")
    text = jvm(anon(MMAP, 96 * MIB), anon(MMAP + 96 * MIB, 30 * GIB - 96 * MIB, "---p"), arena)
    assert blocks(read(text, argv=("java", "Main")), Kind.JAVA_HEAP) == [30 * GIB]


@pytest.mark.parametrize(("release", "top"), [("8", 31 * GIB), ("17", 32 * GIB)])
def test_a_whole_heap_that_merged_with_the_class_space_above_it(release: str, top: int) -> None:
    """JDK 8 puts the class space above the heap, below 32 GiB; later ones put it elsewhere."""
    libjvm = LIBJVM.replace("java-17-", f"java-{release}-")
    memory = anon(28 * GIB, 3 * GIB + 20 * MIB), anon(31 * GIB + 20 * MIB, GIB - 20 * MIB, "---p")
    snapshot = read(sorted_maps(BRK_HEAP, LIBC, libjvm, *memory), argv=("java", "-Xmx3g", "Main"))
    found = [start for start, _, kind, _ in parts_of(snapshot) if kind == "java_heap"]
    assert found[0] == top - 3 * GIB
    assert blocks(snapshot, Kind.JAVA_HEAP) == [3 * GIB]


def test_shenandoah_s_heap_begins_on_its_regions() -> None:
    at = MMAP + 256 * KIB
    text = jvm(anon(at - 400 * KIB, 400 * KIB + 77 * MIB))
    argv = ("java", "-XX:+UseShenandoahGC", "-Xmx77m", "-XX:-UseCompressedOops", "Main")
    assert blocks(read(text, argv=argv), Kind.JAVA_HEAP) == [77 * MIB]
    assert blocks(read(text, argv=("java", "-XX:+UseG1GC", *argv[2:])), Kind.JAVA_HEAP) != [77 * MIB]


def test_a_heap_of_known_size_with_a_line_missing_in_it() -> None:
    size, low = 1200 * MIB, 4 * GIB - 1200 * MIB
    # old and young generation, each with its reserve; the top of the young one's committed part is not there
    lines = anon(low, 90 * MIB) + anon(low + 90 * MIB, 700 * MIB, "---p")
    lines += anon(low + 790 * MIB, 40 * MIB) + anon(low + 900 * MIB, 300 * MIB, "---p")
    found = kinds(read(jvm(lines), argv=("java", "-Xmx1200m", "Main")), low, 4 * GIB)
    assert {kind for _, kind in found} == {"java_heap"}
    other = kinds(read(jvm(lines), argv=("java", "-Xmx1300m", "Main")), low, 4 * GIB)
    assert sum(part for part, kind in other if kind == "java_heap") < size - 300 * MIB
