"""Go: its heap at either base, its summaries, with and without C."""

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, blocks, kinds, read, sorted_maps

MIB = 2**20
AT = 0x7E0000000000
EXE = "00400000-00500000 r-xp 00000000 fe:00 5 /usr/bin/program\n"


def islands(at: int = AT) -> str:
    return (
        anon(at, 267748 * 1024, "---p")
        + anon(at + 267748 * 1024, 4096)
        + anon(at + 267752 * 1024, 293564 * 1024, "---p")
    )


def heap(at: int) -> str:
    return anon(at, 80 * MIB) + anon(at + 80 * MIB, 48 * MIB, "---p")


def test_fixed_and_random_base() -> None:
    for base in (0xC000000000, 0x274E0000000, 0x172EAC000000):
        snapshot = read(sorted_maps(EXE, heap(base), islands()))
        assert kinds(snapshot, base, base + 128 * MIB) == [(80 * MIB, "go_heap"), (48 * MIB, "go_heap")]
        assert blocks(snapshot, Kind.GO_HEAP) == [128 * MIB]


def test_all_else_is_the_runtime_s_without_c() -> None:
    snapshot = read(sorted_maps(EXE, heap(0xC000000000), islands(), anon(AT - 64 * MIB, 3 * MIB)))
    assert {kind for _, kind in kinds(snapshot, AT - 64 * MIB)} == {"go_runtime"}


def test_with_c_arenas_and_stacks_keep_their_kinds() -> None:
    arena = AT - 1024 * MIB
    snapshot = read(
        sorted_maps(
            *(EXE, LIBC.replace("7f00", "7f70"), heap(0xC000000000), islands()),
            *(anon(arena, MIB), anon(arena + MIB, 63 * MIB, "---p")),
            *(anon(AT - 8 * MIB - 4096, 4096, "---p"), anon(AT - 8 * MIB, 8 * MIB)),
        ),
        threads=3,
        stack_limit=8 * MIB,
    )
    assert blocks(snapshot, Kind.HEAP_ARENA) == [64 * MIB]
    assert blocks(snapshot, Kind.THREAD_STACK) == [8 * MIB + 4096]
    assert {kind for _, kind in kinds(snapshot, AT, AT + 2**30)} == {"go_runtime"}


def test_a_low_mapping_of_a_process_without_islands_is_no_go() -> None:
    snapshot = read(sorted_maps(EXE, heap(0x274E0000000)))
    assert blocks(snapshot, Kind.GO_HEAP) == []


def test_memory_at_the_fixed_base_is_go_s_without_summaries_too() -> None:
    # before Go 1.14
    assert blocks(read(sorted_maps(EXE, heap(0xC000000000))), Kind.GO_HEAP) == [128 * MIB]


def with_c(*lines: str) -> str:
    return sorted_maps(EXE, BRK_HEAP, LIBC.replace("7f00", "7f70"), heap(0xC000000000), islands(), *lines)


def test_chunks_of_c_code_are_told_from_what_the_runtime_maps() -> None:
    low = AT - 1024 * MIB
    snapshot = read(
        with_c(anon(low, 980 * 1024), anon(low + 2 * MIB, 256 * 1024), anon(low + 4 * MIB, 2116 * 1024))
    )
    assert kinds(snapshot, low, low + 8 * MIB) == [
        (980 * 1024, "heap_mmap"),
        (256 * 1024, "go_runtime"),
        (2116 * 1024, "go_runtime"),
    ]


def test_more_than_the_heap_calls_for_is_a_chunk() -> None:
    low = AT - 1024 * MIB
    assert kinds(read(with_c(anon(low, 900 * MIB + 64 * 1024))), low, low + 1)[0][1] == "heap_mmap"


def test_the_index_of_arenas_is_cut_from_the_stack_that_merged_with_it() -> None:
    stack = AT - 41 * MIB
    snapshot = read(
        with_c(anon(stack - 4096, 4096, "---p"), anon(stack, 41 * MIB)), threads=3, stack_limit=8 * MIB
    )
    assert blocks(snapshot, Kind.THREAD_STACK) == [8 * MIB + 4096]
    assert kinds(snapshot, stack, AT) == [(8 * MIB, "thread_stack"), (33 * MIB, "go_runtime")]


def test_what_lies_above_the_smallest_summary_is_the_runtime_s() -> None:
    low = AT - 1024 * MIB
    summary = anon(low, 512 * 1024, "---p") + anon(low + 512 * 1024, 4096)
    snapshot = read(with_c(summary, anon(low + 516 * 1024, 508 * 1024, "---p"), anon(low + MIB, 396 * 1024)))
    assert kinds(snapshot, low + MIB, low + MIB + 1) == [(396 * 1024, "go_runtime")]


def test_at_the_fixed_base_a_run_need_not_be_of_whole_arenas() -> None:
    # as a process that ran out of address space left it; elsewhere only whole arenas are a heap
    for base, kind in ((0xC000000000, "go_heap"), (0x274E0000000, "go_runtime")):
        snapshot = read(sorted_maps(EXE, anon(base, 4 * MIB), islands()))
        assert kinds(snapshot, base, base + 1) == [(4 * MIB, kind)]


def test_executable_memory_is_no_heap() -> None:
    snapshot = read(sorted_maps(EXE, heap(0xC000000000), anon(0xC010000000, 64 * MIB, "r-xp"), islands()))
    assert kinds(snapshot, 0xC010000000, 0xC010000001) == [(64 * MIB, "go_runtime")]


def test_zeroed_data_of_the_executable_is_not_the_runtime_s() -> None:
    bss = anon(0x500000, 256 * 1024)
    data = EXE.replace("r-xp", "rw-p").replace("00400000-00500000", "004ff000-00500000")
    text = EXE.replace("-00500000", "-004ff000")
    snapshot = read(sorted_maps(text, data, bss, heap(0xC000000000), islands()))
    assert kinds(snapshot, 0x500000, 0x500001) == [(256 * 1024, "file_bss")]


def test_the_bitmap_of_the_index_has_the_flag_of_stacks_and_no_guard() -> None:
    low = AT - 1024 * MIB
    bitmap, guard = anon(low, MIB), anon(low - 4096, 4096, "---p")
    for lines, kind in (((bitmap,), "go_runtime"), ((guard, bitmap), "thread_stack")):
        smaps = "".join(
            line + ("VmFlags: rd wr mr mw me ac nh\n" if line.startswith(f"{low:x}-") else "VmFlags: rd\n")
            for line in with_c(*lines).splitlines(keepends=True)
        )
        assert kinds(read(smaps=smaps, threads=3), low, low + 1) == [(MIB, kind)]


def test_with_c_the_run_around_the_summaries_is_known_without_islands() -> None:
    # where addresses have another base, the page in use is at the edge of a summary
    summaries = anon(AT - 4 * MIB, 4 * MIB) + anon(AT, 512 * MIB, "---p")
    libc = LIBC.replace("7f00", "7f70")
    snapshot = read(sorted_maps(EXE, BRK_HEAP, libc, heap(0xC000000000), summaries))
    assert kinds(snapshot, AT - 4 * MIB, AT + MIB) == [(4 * MIB, "go_runtime"), (512 * MIB, "go_runtime")]


def test_with_c_a_smaller_reserve_tells_nothing_of_its_run() -> None:
    low = AT - 1024 * MIB
    snapshot = read(
        with_c(anon(low, 4 * MIB + 68 * 1024, "r--p"), anon(low + 8 * MIB, 128 * MIB - 4096, "---p"))
    )
    assert kinds(snapshot, low + 8 * MIB, low + 8 * MIB + 1) == [(128 * MIB - 4096, "reserved")]


def test_the_rest_is_told_by_its_size_and_access() -> None:
    # the heap has two arenas: 2 + 2 x 4 MiB, and up to two pages more than whole 64 KiB
    low, kib = AT - 1024 * MIB, 1024
    for size, perms, kind in (
        (124 * kib, "rw-p", "go_runtime"),
        (140 * kib, "rw-p", "heap_mmap"),
        (136 * kib, "rw-p", "go_runtime"),
        (10 * MIB, "rw-p", "go_runtime"),
        (10 * MIB + 64 * kib, "rw-p", "heap_mmap"),
        (140 * kib, "r--p", "go_runtime"),
    ):
        assert kinds(read(with_c(anon(low, size, perms))), low, low + 1)[0] == (size, kind)


def test_the_fixed_base_has_a_top() -> None:
    top = 0xE000000000
    for at, kind in ((top - 4 * MIB, "go_heap"), (top, "go_runtime")):
        snapshot = read(sorted_maps(EXE, heap(0xC000000000), anon(at, 4 * MIB), islands()))
        assert kinds(snapshot, at, at + 1) == [(4 * MIB, kind)]


def test_a_heap_lies_between_4_gib_and_64_tib() -> None:
    for at, kind in (
        (2**32 - 64 * MIB, "go_runtime"),
        (2**32, "go_heap"),
        (2**46 - 64 * MIB, "go_heap"),
        (2**46, "go_runtime"),
    ):
        snapshot = read(sorted_maps(EXE, anon(at, 64 * MIB), islands()))
        assert kinds(snapshot, at, at + 1) == [(64 * MIB, kind)]


def test_the_smallest_summary_has_128_kib_to_1_mib() -> None:
    low, size = AT - 1024 * MIB, 140 * 1024
    for summary, kind in (
        (124 * 1024, "heap_mmap"),
        (128 * 1024, "go_runtime"),
        (MIB, "go_runtime"),
        (MIB + 4096, "heap_mmap"),
    ):
        snapshot = read(with_c(anon(low - summary, summary, "---p"), anon(low, size)))
        assert kinds(snapshot, low, low + 1) == [(size, kind)]


def test_metadata_is_mapped_by_64_kib() -> None:
    low = AT - 1024 * MIB
    assert kinds(read(with_c(anon(low, 164 * 1024))), low, low + 1) == [(164 * 1024, "heap_mmap")]
