"""CPython: arenas of its object allocator, merged or not, and chunks of malloc beside them."""

import pytest

from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, kinds, parts_of, read, sorted_maps

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000


def process(path: str, *lines: str) -> str:
    return sorted_maps(f"00400000-00500000 r-xp 00000000 fe:00 5 {path}\n", LIBC, BRK_HEAP, *lines)


def test_python_arenas_and_chunks_of_malloc() -> None:
    text = process("/usr/bin/python3.11", anon(AT, 3 * MIB), anon(AT + 16 * MIB, 3 * MIB + 4096))
    assert kinds(read(text), AT, AT + 32 * MIB) == [(3 * MIB, "py_arena"), (3 * MIB + 4096, "heap_mmap")]


def test_the_same_sizes_elsewhere_are_no_arenas() -> None:
    assert kinds(read(process("/usr/bin/x", anon(AT, 4 * MIB))), AT, AT + MIB) == [(4 * MIB, "anonymous")]


def test_what_the_kernel_has_aligned_is_no_arena() -> None:
    aligned = read(process("/usr/bin/python3.13", anon(AT, 8 * MIB)), rss_anon_kb=2**20)
    assert kinds(aligned, AT, AT + MIB) == [(8 * MIB, "anonymous")]
    anywhere = read(process("/usr/bin/python3.13", anon(AT + MIB, 8 * MIB)), rss_anon_kb=2**20)
    assert kinds(anywhere, AT, AT + 2 * MIB) == [(8 * MIB, "py_arena")]


def test_first_arenas_of_python_and_the_chunks_that_merge_with_them() -> None:
    library = anon(AT - 4096, 4096).replace("00:00 0 ", "fe:00 9 /usr/lib/python3.13/x.so")
    beside = read(process("/usr/bin/python3.13", library, anon(AT, 3464 * KIB)))
    assert kinds(beside, AT, AT + 1) == [(3464 * KIB, "py_arena")]
    apart = read(process("/usr/bin/python3.13", anon(AT, 3464 * KIB)))
    assert kinds(apart, AT, AT + 1) == [(3464 * KIB, "heap_mmap")]


def test_arenas_and_a_node_of_their_tree() -> None:
    for over, kind in ((12, "heap_mmap"), (16, "py_arena"), (48, "py_arena"), (52, "heap_mmap")):
        size = 3 * MIB + over * KIB
        assert kinds(read(process("/usr/bin/python3.13", anon(AT, size))), AT, AT + 1) == [(size, kind)]


def test_with_very_many_arenas_the_size_proves_nothing() -> None:
    size = 16 * MIB + 16 * KIB
    assert kinds(read(process("/usr/bin/python3.13", anon(AT, size))), AT, AT + 1) == [(size, "heap_mmap")]


def test_sizes_of_arenas() -> None:
    for at, size, own in (
        (AT, 256 * KIB, True),
        (AT, 384 * KIB, False),
        (AT, 528 * KIB, False),
        (AT + 2 * MIB, 2 * MIB, False),  # as the kernel aligns such a mapping
        (AT, 15 * MIB + 16 * KIB, True),
    ):
        found = kinds(read(process("/usr/bin/python3.13", anon(at, size))), at, at + 1)
        assert (found == [(size, "py_arena")]) == own


def test_sizes_of_the_first_arenas() -> None:
    library = anon(AT - 4096, 4096, "r--p").replace("00:00 0 ", "fe:00 9 /usr/lib/python3.13/x.so")
    for over, own in ((128, False), (132, True), (568, True), (572, False)):
        size = 3 * MIB + over * KIB
        found = kinds(read(process("/usr/bin/python3.13", library, anon(AT, size))), AT, AT + 1)
        assert (found == [(size, "py_arena")]) == own


GREENLET = "7f0000800000-7f0000900000 r-xp 00000000 fe:00 80 /opt/_greenlet.cpython-312-x86_64-linux-gnu.so\n"


@pytest.mark.parametrize("size", [32 * KIB, 96 * KIB, 1008 * KIB, 5 * MIB + 208 * KIB, 40 * MIB + 112 * KIB])
def test_frames_of_greenlets_are_whole_numbers_of_16_kib(size: int) -> None:
    text = process("/usr/bin/python3.13", GREENLET, anon(AT, size))
    assert kinds(read(text), AT, AT + 1) == [(size, "py_arena")]
    odd = process("/usr/bin/python3.13", GREENLET, anon(AT, size + 200 * KIB + 4096))
    assert kinds(read(odd), AT, AT + 1) == [(size + 200 * KIB + 4096, "heap_mmap")]


def test_without_greenlets_such_sizes_are_chunks() -> None:
    size = 5 * MIB + 208 * KIB
    assert kinds(read(process("/usr/bin/python3.13", anon(AT, size))), AT, AT + 1) == [(size, "heap_mmap")]


@pytest.mark.parametrize(("pages", "own"), [(1, True), (4, True), (5, False)])
def test_arenas_right_above_the_zeroed_data_of_a_module(pages: int, own: bool) -> None:
    module = anon(AT - 4096, 4096).replace("00:00 0 ", "fe:00 9 /usr/lib/python3.13/x.so")
    size = 7 * MIB + pages * 4096
    found = kinds(read(process("/usr/bin/python3.13", module, anon(AT, size))), AT, AT + size)
    assert (found == [(pages * 4096, "file_bss"), (7 * MIB, "py_arena")]) == own


def test_the_larger_a_chunk_the_more_arenas_have_merged_with_it() -> None:
    for size, rule in ((8 * MIB - 4096, "glibc.mmapped"), (8 * MIB + 4096, "python.mixed")):
        snapshot = read(process("/usr/bin/python3.13", anon(AT, size)), rss_anon_kb=2**16)
        assert [name for start, _, _, name in parts_of(snapshot) if start == AT] == [rule]


def test_arenas_that_happen_to_be_aligned_lie_right_below_other_memory() -> None:
    library = anon(AT + 14 * MIB, MIB, "r-xp").replace("00:00 0 ", "fe:00 9 /usr/lib/python3.12/x.so")
    touching = read(process("/usr/bin/python3.12", anon(AT, 14 * MIB), library), rss_anon_kb=2**20)
    assert parts_of(touching)[2:3] == [(AT, 14 * MIB, "py_arena", "python.arena_aligned")]
    apart = read(process("/usr/bin/python3.12", anon(AT, 12 * MIB), library), rss_anon_kb=2**20)
    assert kinds(apart, AT, AT + 1) == [(12 * MIB, "anonymous")]


@pytest.mark.parametrize("size", [2 * MIB, 10 * MIB, 26 * MIB])
def test_arenas_that_merged_with_the_head_of_a_heap_lie_right_below_it(size: int) -> None:
    top = AT + 64 * MIB
    merged = anon(top - size, size + 132 * KIB) + anon(top + 132 * KIB, 64 * MIB - 132 * KIB, "---p")
    parts = parts_of(read(process("/usr/bin/python3.13", merged), rss_anon_kb=2**20))
    assert [(size, kind) for start, size, kind, _ in parts if start in {top - size, top}] == [
        (size, "py_arena"),
        (132 * KIB, "heap_arena"),
    ]


def test_what_is_mapped_with_a_flag_is_no_aligned_arena() -> None:
    library = anon(AT + 14 * MIB, MIB, "r-xp").replace("00:00 0 ", "fe:00 9 /usr/lib/python3.12/x.so")
    text = process("/usr/bin/python3.12", anon(AT, 14 * MIB), library)
    smaps = "".join(line + "Rss: 14336 kB\nVmFlags: rd wr mr mw me nr\n" for line in text.splitlines(True))
    assert "python.arena_aligned" not in {rule for *_, rule in parts_of(read(smaps=smaps))}
