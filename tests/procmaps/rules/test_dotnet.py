""".NET: its range, its segments, its code, as a program in one file too."""

from procmaps.kinds import Kind
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, blocks, kinds, read, sorted_maps

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000
CORECLR = (
    "7f0000800000-7f0000900000 r-xp 00000000 fe:00 9 "
    "/usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/libcoreclr.so\n"
)
DOUBLE_MAPPED = "555600000000-555600010000 r-xs 00000000 00:01 9 /memfd:doublemapper (deleted)\n"


def runtime(*lines: str) -> str:
    return sorted_maps(CORECLR, LIBC, BRK_HEAP, *lines)


def regions(at: int) -> str:
    return anon(at, 16 * MIB) + anon(at + 16 * MIB, 200 * 2**30, "---p")


def test_range_and_code() -> None:
    snapshot = read(runtime(regions(AT), anon(AT - 64 * MIB, MIB, "rwxp")))
    assert {kind for _, kind in kinds(snapshot, AT, AT + 2**40)} >= {"dotnet_heap"}
    assert kinds(snapshot, AT - 64 * MIB, AT - 63 * MIB) == [(MIB, "dotnet_code")]


def test_a_program_in_one_file_is_known_by_its_double_mapped_code() -> None:
    with_memfd = read(sorted_maps(LIBC, BRK_HEAP, DOUBLE_MAPPED, regions(AT)))
    assert kinds(with_memfd, AT, AT + MIB) == [(16 * MIB, "dotnet_heap")]
    without = read(sorted_maps(LIBC, BRK_HEAP, regions(AT)))
    assert kinds(without, AT, AT + MIB) == [(16 * MIB, "anonymous")]


def test_stacks_and_arenas_in_an_unbroken_run_with_the_range_are_none_of_it() -> None:
    low = AT - 64 * MIB
    arena = anon(low, 132 * KIB) + anon(low + 132 * KIB, 64 * MIB - 132 * KIB, "---p")
    stack = anon(low - 8 * MIB - 4096, 4096, "---p") + anon(low - 8 * MIB, 8 * MIB)
    snapshot = read(runtime(stack, arena, regions(AT)), threads=5, stack_limit=8 * MIB)
    assert blocks(snapshot, Kind.HEAP_ARENA) == [64 * MIB]
    assert blocks(snapshot, Kind.THREAD_STACK) == [8 * MIB + 4096]


def test_segments() -> None:
    at = AT + 40 * MIB - 8 * KIB
    full, large = anon(at, 256 * MIB), at + 256 * MIB
    text = runtime(
        full, anon(large, 20 * MIB + 4096), anon(large + 20 * MIB + 4096, 108 * MIB + 4096, "---p")
    )
    assert {kind for _, kind in kinds(read(text), AT, AT + 2**30)} == {"dotnet_heap"}
    elsewhere = text.replace(CORECLR, "")
    assert "dotnet_heap" not in {kind for _, kind in kinds(read(elsewhere), AT, AT + 2**30)}


def test_a_range_begins_with_a_reserve_of_one_gib() -> None:
    for reserve, kind in ((2**30, "dotnet_heap"), (2**30 - 4096, "anonymous")):
        snapshot = read(runtime(anon(AT, 16 * MIB), anon(AT + 16 * MIB, reserve, "---p")))
        assert kinds(snapshot, AT, AT + MIB) == [(16 * MIB, kind)]


def test_code_beside_the_range_is_code() -> None:
    snapshot = read(runtime(anon(AT - MIB, MIB, "rwxp"), regions(AT)))
    assert kinds(snapshot, AT - MIB, AT + MIB) == [(MIB, "dotnet_code"), (16 * MIB, "dotnet_heap")]


def test_a_flagged_stack_in_an_unbroken_run_with_the_range_is_none_of_it() -> None:
    low = AT - MIB
    smaps = "".join(
        line + ("VmFlags: rd wr mr mw me ac nh\n" if line.startswith(f"{low:x}-") else "VmFlags: rd\n")
        for line in runtime(anon(low, MIB), regions(AT)).splitlines(keepends=True)
    )
    snapshot = read(smaps=smaps, threads=5, stack_limit=8 * MIB)
    assert blocks(snapshot, Kind.THREAD_STACK) == [MIB]
    assert kinds(snapshot, AT, AT + 1) == [(16 * MIB, "dotnet_heap")]


def test_a_segment_does_not_begin_where_an_arena_could_and_has_a_whole_size() -> None:
    for at, size, segment in (
        (AT + 4096, 128 * MIB, True),
        (AT + 4096, 128 * MIB + 8 * KIB, True),
        (AT + 4096, 128 * MIB + 4 * KIB, False),
        (AT + 4096, 64 * MIB, False),
        (AT, 128 * MIB, False),
    ):
        found = kinds(read(runtime(anon(at, size)), rss_anon_kb=2**20), at, at + 1)
        assert (found == [(size, "dotnet_heap")]) == segment


def test_what_begins_on_64_mib_can_be_an_arena_and_is_no_segment() -> None:
    for at, kind in ((AT + 32 * MIB, "dotnet_heap"), (AT + 64 * MIB, "anonymous")):
        assert kinds(read(runtime(anon(at, 128 * MIB)), rss_anon_kb=2**20), at, at + 1) == [(128 * MIB, kind)]


def test_a_guard_in_an_unbroken_run_with_the_range_has_up_to_64_kib() -> None:
    low = AT - 8 * MIB
    for guard, kind in ((64 * KIB, "thread_stack"), (68 * KIB, "dotnet_heap")):
        text = runtime(anon(low - guard, guard, "---p"), anon(low, 8 * MIB), regions(AT))
        assert kinds(read(text, threads=5, stack_limit=8 * MIB), low, low + 1) == [(8 * MIB, kind)]
