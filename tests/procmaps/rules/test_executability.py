"""Executable memory that holds no code."""

import pytest

from tests.procmaps.rules.labelled import (
    BRK_HEAP,
    LIBC,
    LIBJVM,
    anon,
    jvm,
    kinds,
    parts_of,
    read,
    sorted_maps,
    with_object,
)

KIB = 2**10
MIB = 2**20
LOW, AT, HIGH = 0x7E0000000000, 0x7E0100000000, 0x7FFD00000000
ARENA = 0x7E0200000000
MAIN_STACK = anon(HIGH, 132 * KIB, name="[stack]")
EXECUTABLE_STACK = anon(HIGH, 132 * KIB, "rwxp", "[stack]")
CACHE = 240 * MIB


def all_executable(*lines: str) -> str:
    """As the kernel shows a process with READ_IMPLIES_EXEC."""
    return sorted_maps(*lines).replace("rw-p", "rwxp").replace("r--p", "r-xp")


def two_arenas() -> str:
    return "".join(
        anon(base, 3 * MIB) + anon(base + 3 * MIB, 61 * MIB, "---p") for base in (ARENA, ARENA + 128 * MIB)
    )


def segmented_cache(at: int, access: str) -> str:
    """The three segments of JDK 9 and later."""
    sizes = ((2496 * KIB, 3 * MIB), (9 * MIB, 100 * MIB))
    used = sum(map(sum, sizes))
    lines = ""
    for committed, reserved in (*sizes, (4 * MIB, CACHE - used - 4 * MIB)):
        lines += anon(at, committed, access) + anon(at + committed, reserved, "---p")
        at += committed + reserved
    return lines


def test_arenas_and_chunks_are_found_where_everything_readable_is_executable() -> None:
    chunk = anon(AT, 5 * MIB + 4 * KIB)
    text = all_executable(BRK_HEAP, LIBC, MAIN_STACK, two_arenas(), chunk)
    assert kinds(read(text), AT, ARENA + 256 * MIB) == kinds(
        read(sorted_maps(BRK_HEAP, LIBC, MAIN_STACK, two_arenas(), chunk)), AT, ARENA + 256 * MIB
    )
    assert kinds(read(text), AT, ARENA + MIB)[0] == (5 * MIB + 4 * KIB, "heap_mmap")


def test_an_objects_data_and_bss_are_no_code_there() -> None:
    path = "/usr/lib/libz.so.1"
    text = all_executable(
        LIBC,
        MAIN_STACK,
        f"{AT:x}-{AT + 64 * KIB:x} r-xp 00000000 fe:00 90 {path}\n",
        f"{AT + 64 * KIB:x}-{AT + 72 * KIB:x} rw-p 00010000 fe:00 90 {path}\n",
        anon(AT + 72 * KIB, 20 * KIB),
    )
    assert [kind for _, kind in kinds(read(text), AT, ARENA)] == ["file_code", "file_data", "file_bss"]


def test_one_heap_that_the_program_made_executable_changes_nothing() -> None:
    text = sorted_maps(
        LIBC, MAIN_STACK, BRK_HEAP.replace("rw-p", "rwxp"), anon(AT, 5 * MIB + 4 * KIB, "rwxp")
    )
    assert kinds(read(text), AT, ARENA) == [(5 * MIB + 4 * KIB, "anonymous")]


@pytest.mark.parametrize("segments", [True, False])
def test_a_code_cache_is_known_by_its_size_where_everything_is_executable(segments: bool) -> None:
    cache = (
        segmented_cache(AT, "rw-p")
        if segments
        else anon(AT, 7 * MIB) + anon(AT + 7 * MIB, CACHE - 7 * MIB, "---p")
    )
    text = all_executable(jvm("", cache, MAIN_STACK, two_arenas()))
    found = parts_of(read(text))
    of_cache = [part for part in found if AT <= part[0] < AT + CACHE]
    assert {rule for *_, rule in of_cache} == {"java.code_cache_by_size"}
    assert sum(size for _, size, *_ in of_cache) == CACHE
    assert {kind for _, _, kind, _ in found if kind == "java_code"} == {"java_code"}
    assert sum(size for _, size, kind, _ in found if kind == "heap_arena") == 128 * MIB


def test_a_run_of_stacks_as_large_as_a_code_cache_is_none() -> None:
    stack, zone = 4 * MIB - 16 * KIB, 16 * KIB
    lines = "".join(
        anon(AT + n * 4 * MIB, zone, "---p") + anon(AT + n * 4 * MIB + zone, stack) for n in range(70)
    )
    for text in (
        all_executable(jvm("", lines, MAIN_STACK)),
        jvm("", lines.replace("rw-p", "rwxp"), EXECUTABLE_STACK),
    ):
        found = kinds(read(text, threads=71), AT, ARENA)
        assert {kind for _, kind in found} == {"thread_stack"}


@pytest.mark.parametrize("sizes", [(20, 20, 8), (24, 24), (100, 40, 100), (32, 32)])
def test_a_few_stacks_are_no_code_cache_whatever_their_sum(sizes: tuple[int, ...]) -> None:
    """Together they have a size that code caches have: 48, 64 or 240 MiB."""
    zone, at, stacks = 16 * KIB, LOW, ""
    for size in sizes:
        stacks += anon(at, zone, "---p") + anon(at + zone, size * MIB - zone, "rwxp")
        at += size * MIB
    # the lowest has a zone as well, so a span of the same size begins right above it
    stacks += anon(at, zone, "---p") + anon(at + zone, sizes[0] * MIB - zone, "rwxp")
    cache = anon(AT, 9 * MIB, "rwxp") + anon(AT + 9 * MIB, CACHE - 9 * MIB, "---p")
    found = parts_of(read(jvm("", stacks, cache, EXECUTABLE_STACK), threads=20))
    assert "java_code" not in {kind for start, _, kind, _ in found if LOW <= start < at}
    assert {kind for start, _, kind, _ in found if AT <= start < AT + CACHE} == {"java_code"}


def test_stacks_of_java_threads_are_found_where_stacks_are_executable() -> None:
    zone, size = 16 * KIB, 2 * MIB
    stacks = "".join(
        anon(LOW + n * size, zone, "---p") + anon(LOW + n * size + zone, size - zone, "rwxp")
        for n in range(5)
    )
    cache = anon(AT, 9 * MIB, "rwxp") + anon(AT + 9 * MIB, CACHE - 9 * MIB, "---p")
    found = parts_of(read(jvm("", stacks, cache, EXECUTABLE_STACK)))
    assert {kind for start, _, kind, _ in found if LOW <= start < LOW + 5 * size} == {"thread_stack"}
    assert {kind for start, _, kind, _ in found if AT <= start < AT + CACHE} == {"java_code"}


@pytest.mark.parametrize("program", ["/usr/bin/node", "/usr/lib/dotnet/libcoreclr.so"])
def test_executable_stacks_are_no_compiled_code(program: str) -> None:
    guard, size = 4 * KIB, 8 * MIB
    lines = [
        anon(at, guard, "---p") + anon(at + guard, size, "rwxp")
        for at in range(LOW, LOW + 64 * MIB, 16 * MIB)
    ]
    text = with_object(program, *lines, anon(AT, MIB, "rwxp"), EXECUTABLE_STACK, BRK_HEAP)
    found = kinds(read(text, threads=5, stack_limit=size), LOW, ARENA)
    assert [kind for _, kind in found[:-1]] == ["thread_stack"] * 8
    assert found[-1][1].endswith("_code")


def translated(program: str) -> str:
    """QEMU with what it emulates: guest objects can only be read."""
    data = f"00200000-00320000 r--p 00000000 fe:00 9 /usr/bin/{program}\n"
    return data + f"0032f000-004f3000 r-xp 0011f000 fe:00 9 /usr/bin/{program}\n"


@pytest.mark.parametrize("program", ["qemu-x86_64", "qemu-aarch64-static", "qemu-ppc64le", "qemu-mips64el"])
def test_a_jvm_that_qemu_translates_is_a_jvm(program: str) -> None:
    page = 4 * KIB
    # pages whose code was translated have lost their write access
    cache = anon(AT, 3 * MIB) + anon(AT + 3 * MIB, page, "r--p") + anon(AT + 3 * MIB + page, 5 * MIB - page)
    cache += anon(AT + 8 * MIB, CACHE - 8 * MIB, "---p")
    guest = (LIBC + LIBJVM).replace("r-xp", "r--p")
    heaps = anon(0x5000000, 4 * KIB, "---p", "[heap]") + anon(0x5001000, MIB, name="[heap]")
    text = sorted_maps(translated(program), heaps, guest, cache, two_arenas())
    found = parts_of(read(text))
    assert {kind for start, _, kind, _ in found if AT <= start < AT + CACHE} == {"java_code"}
    assert {kind for start, _, kind, _ in found if ARENA <= start < ARENA + 64 * MIB} == {"heap_arena"}


def test_a_machine_in_qemu_is_not_translated() -> None:
    text = sorted_maps(
        translated("qemu-system-x86_64"), LIBJVM.replace("r-xp", "r--p"), anon(AT, MIB, "rwxp")
    )
    assert kinds(read(text), AT, ARENA) == [(MIB, "anonymous")]
