"""Heaps of arenas whose head lies in several lines, whose rests are equal, or that look like metaspace."""

import pytest

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import (
    BRK_HEAP,
    LIBC,
    anon,
    blocks,
    kinds,
    parts_of,
    read,
    sorted_maps,
    whole,
)
from tests.procmaps.rules.labelled import jvm as jvm_with

KIB = 2**10
MIB = 2**20
BASE = 0x7E0000000000  # on 64 MiB
HEAP = 64 * MIB
RUNS = BRK_HEAP + LIBC


def lines(start: int, *pieces: tuple[int, str, str]) -> str:
    """Lines of smaps without a gap from `start` on: size, access, and flags besides those of the access."""
    text = ""
    for size, access, flags in pieces:
        text += anon(start, size, access) + f"Rss: {size // KIB if 'w' in access else 0} kB\n"
        text += f"VmFlags: {'rd wr ' if 'w' in access else ''}mr mw me {flags}\n"
        start += size
    return text


def only_maps(smaps: str) -> str:
    return "".join(line for line in smaps.splitlines(keepends=True) if "-p " in line)


def heap_of(*head: tuple[int, str, str], flags: str = "nr") -> str:
    """A heap with this head, closed up to the next boundary."""
    return lines(BASE, *head, (HEAP - sum(size for size, _, _ in head), "---p", flags))


DIVIDED = {
    "fork": ((20540 * KIB, "rw-p", "nr"), (3452 * KIB, "rw-p", "nr")),
    "mlock": ((300 * KIB, "rw-p", "nr"), (68 * KIB, "rw-p", "lo nr"), (900 * KIB, "rw-p", "nr")),
    "dontfork": ((4 * KIB, "rw-p", "nr"), (8 * KIB, "rw-p", "dc nr"), (7 * MIB, "rw-p", "nr")),
    "dontdump": ((MIB, "rw-p", "nr"), (MIB, "rw-p", "nr dd"), (4 * KIB, "rw-p", "nr")),
    "closed page": ((8 * KIB, "rw-p", "nr"), (4 * KIB, "---p", "nr"), (5 * MIB, "rw-p", "nr")),
}


@pytest.mark.parametrize("head", DIVIDED.values(), ids=DIVIDED)
def test_a_head_in_several_lines_is_one_heap(head: tuple[tuple[int, str, str], ...]) -> None:
    smaps = heap_of(*head)
    # glibc 2.37 and later map heaps without MAP_NORESERVE
    for text in (smaps, smaps.replace(" nr", "")):
        assert blocks(read(smaps=RUNS + text), Kind.HEAP_ARENA) == [HEAP]
        assert blocks(read(RUNS + only_maps(text)), Kind.HEAP_ARENA) == [HEAP]


def test_a_head_in_several_lines_has_one_mmap_and_begins_on_the_boundary() -> None:
    two = heap_of((MIB, "rw-p", ""), (300 * KIB, "rw-p", "nr"))
    assert blocks(read(smaps=RUNS + two), Kind.HEAP_ARENA) == []
    below = lines(
        BASE - 64 * KIB, (MIB, "rw-p", "nr"), (MIB, "rw-p", "nr"), (62 * MIB + 64 * KIB, "---p", "nr")
    )
    assert blocks(read(smaps=RUNS + below), Kind.HEAP_ARENA) == []
    gap = lines(BASE, (MIB, "rw-p", "nr")) + lines(
        BASE + 2 * MIB, (MIB + 4096, "rw-p", "nr"), (61 * MIB - 4096, "---p", "nr")
    )
    assert blocks(read(smaps=RUNS + gap), Kind.HEAP_ARENA) == []


@pytest.mark.parametrize("rest", [4 * KIB, 12 * KIB, 16 * KIB, 20 * KIB, 64 * KIB])
@pytest.mark.parametrize("java", [False, True])
def test_heaps_with_equal_rests_are_no_guarded_stacks(rest: int, java: bool) -> None:
    """A leak of chunks of one size ends each heap at the same page: rest below and head are 64 MiB."""
    text = lines(BASE, *((HEAP - rest, "rw-p", "nr"), (rest, "---p", "nr")) * 5)
    text = sorted_maps(jvm_with(whole(300 * MIB)) if java else RUNS, only_maps(text))
    snapshot = read(text, threads=8, stack_limit=8 * MIB, rss_anon_kb=600 * 1024)
    assert blocks(snapshot, Kind.HEAP_ARENA) == [HEAP] * 5


def test_a_full_heap_in_several_lines() -> None:
    """It is a heap where something else in the process is one, and where all lines are of one mmap."""
    partly = heap_of((MIB + 4096, "rw-p", "nr"))
    full = lines(BASE + 2 * HEAP, (HEAP - 5 * MIB, "rw-p", "nr"), (5 * MIB, "rw-p", "nr"))
    two = lines(BASE + 4 * HEAP, (HEAP - 5 * MIB, "rw-p", "nr"), (5 * MIB, "rw-p", ""))
    short = lines(BASE + 6 * HEAP, (HEAP - 5 * MIB, "rw-p", "nr"), (5 * MIB - 4096, "rw-p", "nr"))
    snapshot = read(smaps=RUNS + partly + full + two + short, rss_anon_kb=400 * 1024)
    assert blocks(snapshot, Kind.HEAP_ARENA) == [HEAP] * 2


def test_what_was_mapped_anew_over_a_reserve_is_no_heap() -> None:
    """Glibc opens a heap by mprotect, so head and rest have the same flag; a JVM commits by another mmap."""
    used = 9 * MIB + 4096
    for head, rest, expected in (("nr", "nr", [HEAP]), ("", "", [HEAP]), ("", "nr", []), ("nr", "", [])):
        text = heap_of((used, "rw-p", head), flags=rest)
        assert blocks(read(smaps=RUNS + text), Kind.HEAP_ARENA) == expected


def test_full_heaps_are_mapped_as_the_others_of_the_process_are() -> None:
    partly = heap_of((MIB + 4096, "rw-p", "nr"))
    for flags, count in (("nr", 2), ("", 1)):
        full = lines(BASE + 2 * HEAP, (HEAP, "rw-p", flags))
        snapshot = read(smaps=RUNS + partly + full, rss_anon_kb=400 * 1024)
        assert blocks(snapshot, Kind.HEAP_ARENA) == [HEAP] * count
    assert kinds(snapshot, BASE + 2 * HEAP)[0][1] != "heap_arena"


@pytest.mark.parametrize(
    ("used", "java", "flags", "rule"),
    [
        (9 * MIB + 64 * KIB, True, "", "glibc.arena_granules"),
        (9 * MIB + 64 * KIB, True, "nr", "glibc.arena"),  # as mprotect opens a reserve, and the JVM does not
        (9 * MIB + 68 * KIB, True, "", "glibc.arena"),
        (9 * MIB + 64 * KIB, False, "", "glibc.arena"),
    ],
)
def test_in_a_jvm_a_head_of_whole_granules_is_not_certain(
    used: int, java: bool, flags: str, rule: str
) -> None:
    """It can be metaspace, which is committed in granules of 64 KiB; a heap grows by pages."""
    text = heap_of((used, "rw-p", flags), flags=flags)
    smaps = (jvm_with(whole(300 * MIB)) if java else RUNS) + text
    found = {start: rule for start, _, _, rule in parts_of(read(smaps=smaps))}
    assert found[BASE] == rule
    if not flags:
        maps = sorted_maps(jvm_with(whole(300 * MIB)) if java else RUNS, only_maps(text))
        assert {start: rule for start, _, _, rule in parts_of(read(maps))}[BASE] == rule


@pytest.mark.parametrize("zones", [12 * KIB, 16 * KIB, 20 * KIB])
def test_stacks_of_java_threads_are_no_head_of_a_heap(zones: int) -> None:
    stack = ((zones, "---p", ""), (2 * MIB - zones, "rw-p", ""))
    # the reserve above the stacks happens to end on a boundary
    rows = lines(BASE, (9 * MIB + 36 * KIB, "rw-p", ""), *stack * 7, (HEAP - 23 * MIB - 36 * KIB, "---p", ""))
    found = blocks(read(jvm_with(only_maps(rows)), threads=9), Kind.THREAD_STACK)
    assert found == [2 * MIB] * 7
