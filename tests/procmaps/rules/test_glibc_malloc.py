"""Heaps of arenas, cut on their boundaries from what merged with them; large chunks."""

import pytest

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import (
    BRK_HEAP,
    LIBC,
    MUSL,
    anon,
    blocks,
    kinds,
    parts_of,
    read,
    sorted_maps,
    with_object,
)

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000
BASE = 0x7E0000000000  # on 64 MiB
HEAP = 64 * MIB
RUNS = BRK_HEAP + LIBC


def test_a_partly_used_heap() -> None:
    maps = sorted_maps(RUNS, anon(BASE, 132 * 1024), anon(BASE + 132 * 1024, HEAP - 132 * 1024, "---p"))
    snapshot = read(maps)
    assert kinds(snapshot, BASE, BASE + HEAP) == [
        (132 * 1024, "heap_arena"),
        (HEAP - 132 * 1024, "heap_arena"),
    ]
    assert blocks(snapshot, Kind.HEAP_ARENA) == [HEAP]


def test_a_head_that_merged_downward_is_cut_at_the_boundary() -> None:
    chunk = 3 * MIB + 4096
    maps = sorted_maps(
        RUNS, anon(BASE - chunk, chunk + 5 * MIB), anon(BASE + 5 * MIB, HEAP - 5 * MIB, "---p")
    )
    assert kinds(read(maps), BASE - chunk, BASE + HEAP) == [
        (chunk, "heap_mmap"),
        (5 * MIB, "heap_arena"),
        (HEAP - 5 * MIB, "heap_arena"),
    ]


def test_a_tail_that_swallowed_a_guard_ends_on_the_boundary() -> None:
    guard, stack = 16 * 1024, 1008 * 1024
    maps = sorted_maps(
        RUNS,
        anon(BASE, MIB),
        anon(BASE + MIB, HEAP - MIB + guard, "---p"),
        anon(BASE + HEAP + guard, stack),
    )
    snapshot = read(maps, threads=2, stack_limit=MIB)
    assert blocks(snapshot, Kind.HEAP_ARENA) == [HEAP]
    assert blocks(snapshot, Kind.THREAD_STACK) == [guard + stack]


def test_a_reserve_that_goes_on_far_beyond_the_boundary_is_no_heap() -> None:
    maps = sorted_maps(RUNS, anon(BASE, MIB + 4096), anon(BASE + MIB + 4096, HEAP + MIB, "---p"))
    assert "heap_arena" not in {kind for _, kind in kinds(read(maps))}


def test_neighbours_are_heaps_of_their_own() -> None:
    maps = sorted_maps(
        RUNS,
        *(anon(BASE + number * HEAP, MIB) for number in range(3)),
        *(anon(BASE + number * HEAP + MIB, HEAP - MIB, "---p") for number in range(3)),
    )
    assert blocks(read(maps), Kind.HEAP_ARENA) == [HEAP] * 3


def test_full_heaps_count_where_resident_memory_can_pay_for_them() -> None:
    partly = anon(BASE, MIB) + anon(BASE + MIB, HEAP - MIB, "---p")
    full = anon(BASE + 2 * HEAP, 2 * HEAP)
    maps = sorted_maps(RUNS, partly, full)
    rich = read(maps, rss_anon_kb=200 * 1024)
    assert blocks(rich, Kind.HEAP_ARENA) == [HEAP, HEAP, HEAP]
    poor = read(maps, rss_anon_kb=20 * 1024)
    assert blocks(poor, Kind.HEAP_ARENA) == [HEAP]


def test_a_full_block_alone_is_weak_evidence() -> None:
    # no other arena in the process: a block on the boundary could be anything
    assert blocks(read(sorted_maps(RUNS, anon(BASE, HEAP)), rss_anon_kb=10**6), Kind.HEAP_ARENA) == []


def test_heaps_of_32_bits_are_1_mib() -> None:
    maps = sorted_maps(
        "56000000-56100000 rw-p 00000000 00:00 0 [heap]\n",
        "f7000000-f7100000 r-xp 00000000 fe:00 77 /lib/i386-linux-gnu/libc.so.6\n",
        anon(0xF1300000, 0xCA000),
        anon(0xF13CA000, 0x36000, "---p"),
    )
    assert blocks(read(maps), Kind.HEAP_ARENA) == [MIB]


def test_musl_has_no_arenas() -> None:
    maps = sorted_maps(MUSL, anon(BASE, MIB + 4096), anon(BASE + MIB + 4096, HEAP - MIB - 4096, "---p"))
    assert blocks(read(maps), Kind.HEAP_ARENA) == []


def test_named_heaps_reach_beyond_their_name() -> None:
    first, grown = 132 * 1024, 500 * 1024
    maps = sorted_maps(
        RUNS,
        anon(BASE, first, name="[anon: glibc: malloc arena]"),
        anon(BASE + first, grown),
        anon(BASE + first + grown, HEAP - first - grown, "---p"),
        # the same shape without a name, in a process whose heaps have names: the program's own
        anon(BASE + 2 * HEAP, MIB),
        anon(BASE + 2 * HEAP + MIB, HEAP - MIB, "---p"),
    )
    snapshot = read(maps)
    assert {kind for _, kind in kinds(snapshot, BASE, BASE + HEAP)} == {"heap_arena"}
    assert "heap_arena" not in {kind for _, kind in kinds(snapshot, BASE + 2 * HEAP, BASE + 3 * HEAP)}


def test_a_tail_that_merged_with_a_reserve_above_ends_on_the_boundary() -> None:
    text = sorted_maps(
        RUNS,
        anon(BASE, MIB),
        anon(BASE + MIB, HEAP - MIB, "---p"),
        anon(BASE + HEAP, 5248 * 1024),
        anon(BASE + HEAP + 5248 * 1024, 1200 * MIB, "---p"),
    )
    assert blocks(read(text), Kind.HEAP_ARENA) == [HEAP] * 2


def test_whole_mib_below_a_reserve_are_no_heap() -> None:
    text = sorted_maps(
        RUNS,
        anon(BASE, MIB),
        anon(BASE + MIB, HEAP - MIB, "---p"),
        anon(BASE + HEAP, 32 * MIB),
        anon(BASE + HEAP + 32 * MIB, 8160 * MIB, "---p"),
    )
    assert blocks(read(text), Kind.HEAP_ARENA) == [HEAP]


def test_stacks_of_64_mib_that_meet_a_boundary_are_no_heaps() -> None:
    text = "".join(
        anon(BASE - 4096 + number * (HEAP + 4096), 4096, "---p") + anon(BASE + number * (HEAP + 4096), HEAP)
        for number in range(-2, 3)
    )
    snapshot = read(sorted_maps(RUNS, text), threads=6, stack_limit=8 * MIB)
    assert blocks(snapshot, Kind.HEAP_ARENA) == []
    assert blocks(snapshot, Kind.THREAD_STACK) == [HEAP + 4096] * 5


def test_java_stacks_of_64_mib_that_meet_a_boundary_are_no_heaps() -> None:
    zones, stack = 16 * 1024, HEAP + 4096  # JDK 11 to 17 add a page to -Xss
    text = "".join(
        anon(BASE - 12288 + number * stack, zones, "---p")
        + anon(BASE - 12288 + number * stack + zones, stack - zones)
        for number in range(-3, 4)
    )
    libjvm = "7f0000600000-7f0000700000 r-xp 00000000 fe:00 79 /usr/lib/jvm/x/lib/server/libjvm.so\n"
    snapshot = read(sorted_maps(RUNS, libjvm, text), threads=8, stack_limit=8 * MIB)
    assert blocks(snapshot, Kind.HEAP_ARENA) == []
    assert blocks(snapshot, Kind.THREAD_STACK) == [stack] * 7


def test_chunks_begin_at_the_threshold() -> None:
    for size, kind in ((128 * KIB, "heap_mmap"), (124 * KIB, "anonymous")):
        assert kinds(read(with_object("/usr/bin/x", BRK_HEAP, anon(AT, size))), AT, AT + 1) == [(size, kind)]


def test_more_than_is_resident_is_no_malloc_s() -> None:
    text = with_object("/usr/bin/x", BRK_HEAP, anon(AT, 50 * MIB + 100 * KIB))
    assert parts_of(read(text, rss_anon_kb=10 * 1024))[-3][3] == "glibc.mmapped_unwritten"
    assert parts_of(read(text, rss_anon_kb=60 * 1024))[-3][3] == "glibc.mmapped"


def test_flags_that_no_malloc_asks_for() -> None:
    text = with_object("/usr/bin/x", BRK_HEAP) + anon(AT, 3 * MIB + 4096)
    smaps = sorted_maps(text).replace(
        anon(AT, 3 * MIB + 4096), anon(AT, 3 * MIB + 4096) + "VmFlags: rd wr mr mw me dd ac\n"
    )
    assert kinds(read(smaps=smaps), AT, AT + 1) == [(3 * MIB + 4096, "anonymous")]


def test_malloc_need_not_have_written_all_that_it_maps() -> None:
    text = with_object("/usr/bin/x", BRK_HEAP, anon(AT, 50 * MIB + 4096))
    assert kinds(read(text, rss_anon_kb=48 * 1024), AT, AT + 1) == [(50 * MIB + 4096, "heap_mmap")]


def test_a_chunk_that_madvise_divided() -> None:
    """Whole MiB inside of a run that as a whole is none: the program asked for huge pages in a chunk."""
    head, huge, tail = 2 * MIB - 4096, 26 * MIB, 700 * KIB
    text = sorted_maps(
        LIBC, BRK_HEAP, anon(AT + 4096, head), anon(AT + 2 * MIB, huge), anon(AT + 2 * MIB + huge, tail)
    )
    found = kinds(read(text, rss_anon_kb=90_000), AT, AT + 64 * MIB)
    assert found == [(head, "heap_mmap"), (huge, "heap_mmap"), (tail, "heap_mmap")]
    alone = sorted_maps(LIBC, BRK_HEAP, anon(AT + 2 * MIB, huge))
    assert kinds(read(alone, rss_anon_kb=90_000), AT, AT + 64 * MIB) == [(huge, "anonymous")]


def test_malloc_maps_nothing_below_4_gib() -> None:
    text = sorted_maps(LIBC, BRK_HEAP, anon(0x40000000, 300 * KIB))
    assert kinds(read(text, rss_anon_kb=90_000), 0, 2**32) == [(300 * KIB, "anonymous")]


@pytest.mark.parametrize(("guard", "heaps"), [(64 * KIB, [HEAP]), (68 * KIB, [])])
def test_a_rest_may_have_merged_with_a_guard_of_64_kib(guard: int, heaps: list[int]) -> None:
    grown = MIB + 4 * KIB
    maps = sorted_maps(RUNS, anon(BASE, grown), anon(BASE + grown, HEAP - grown + guard, "---p"))
    assert blocks(read(maps), Kind.HEAP_ARENA) == heaps


@pytest.mark.parametrize(("resident", "heaps"), [(8, [HEAP] * 2), (7, [HEAP])])
def test_a_full_heap_is_resident_to_an_eighth_at_least(resident: int, heaps: list[int]) -> None:
    full = anon(BASE + 2 * HEAP, HEAP)
    maps = sorted_maps(RUNS, anon(BASE, MIB), anon(BASE + MIB, HEAP - MIB, "---p"), full)
    smaps = maps.replace(full, f"{full}Rss: {resident * 1024} kB\nVmFlags: rd wr mr mw me\n")
    assert blocks(read(smaps=smaps, rss_anon_kb=200 * 1024), Kind.HEAP_ARENA) == heaps


def test_full_heaps_together_fit_into_one_and_a_half_times_what_is_resident() -> None:
    partly = anon(BASE, MIB) + anon(BASE + MIB, HEAP - MIB, "---p")
    full = "".join(anon(BASE + number * 2 * HEAP, HEAP) for number in (1, 2, 3))
    maps = sorted_maps(RUNS, partly, full)
    for resident, count in ((130, 4), (128, 1)):  # 1 + 3 x 64 MiB are 193
        found = blocks(read(maps, rss_anon_kb=resident * 1024), Kind.HEAP_ARENA)
        assert found == [HEAP] * count


def test_chunks_that_glibc_names_leave_no_chunk_without_a_name() -> None:
    named = anon(AT, 300 * KIB, name="[anon: glibc: malloc]")
    maps = sorted_maps(RUNS, named, anon(AT + MIB, 300 * KIB))
    assert kinds(read(maps), AT, AT + 2 * MIB) == [(300 * KIB, "heap_mmap"), (300 * KIB, "anonymous")]


def test_named_memory_of_huge_pages_is_no_chunk() -> None:
    line = f"{AT:x}-{AT + 3 * MIB + 4096:x} rw-p 00000000 00:10 7 /anon_hugepage (deleted)\n"
    assert kinds(read(sorted_maps(RUNS, line)), AT, AT + 1) == [(3 * MIB + 4096, "anonymous")]


@pytest.mark.parametrize(
    ("program", "size", "rule"),
    [
        ("/usr/bin/x", 300 * MIB + 4096, "glibc.mmapped_untouched"),
        ("/usr/bin/x", 7 * (300 * MIB + 4096) - 3 * 4096, "glibc.mmapped_untouched"),
        ("/usr/bin/x", 16 * (9 * MIB + 4096), "glibc.mmapped_untouched"),
        ("/usr/bin/x", 300 * MIB + 17 * 4096, "glibc.mmapped_unwritten"),
        ("/usr/bin/x", 15 * MIB + 16 * 4096, "glibc.mmapped_unwritten"),
        ("/usr/bin/x", 300 * MIB, "rest.unpaid"),
        ("/usr/bin/node", 300 * MIB + 4096, "rest.unpaid_odd"),
    ],
)
def test_tables_that_are_hardly_written_are_chunks_if_they_have_a_header(
    program: str, size: int, rule: str
) -> None:
    parts = parts_of(read(with_object(program, BRK_HEAP, anon(AT, size)), rss_anon_kb=3000))
    assert (AT, size, rule) in {(start, of, found) for start, of, _, found in parts}


@pytest.mark.parametrize(
    ("size", "rule"),
    [(2 * MIB + 600 * KIB, "glibc.mmapped"), (2 * MIB + 604 * KIB, "glibc.mmapped_unwritten")],
)
def test_resident_memory_does_not_decide_on_a_few_chunks(size: int, rule: str) -> None:
    parts = parts_of(read(with_object("/usr/bin/x", BRK_HEAP, anon(AT, size)), rss_anon_kb=600))
    assert (AT, size, rule) in {(start, of, found) for start, of, _, found in parts}


@pytest.mark.parametrize(
    ("pages", "kind"), [(3, "anonymous"), (4, "anonymous"), (5, "heap_mmap"), (9, "heap_mmap")]
)
def test_the_loader_s_memory_is_no_header(pages: int, kind: str) -> None:
    size = 400 * MIB + pages * 4096
    library = anon(AT + size, 4096, "r--p").replace("00:00 0 ", "fe:00 9 /usr/lib/libz.so.1")
    text = with_object("/usr/bin/x", BRK_HEAP, library, anon(AT, size))
    assert kinds(read(text, rss_anon_kb=3000), AT, AT + 1) == [(size, kind)]
