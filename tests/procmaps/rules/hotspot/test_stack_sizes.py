"""The sizes of stacks that a JVM gives its own threads."""

from dataclasses import replace

import pytest

from procmaps.kinds import Kind
from procmaps.tables import Snapshot
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, LIBJVM, MUSL, anon, blocks, read, sorted_maps

KIB = 2**10
MIB = 2**20
AT = 0x7E0000100000
GAP = 256 * MIB
X86_64, AARCH64, AARCH64_39, SV39 = 2**47 - 2**24, 2**48 - 2**24, 2**39 - 2**24, 2**38 - 2**24
PPC64LE = "7f0000a00000-7f0000b00000 r-xp 00000000 fe:00 99 /usr/lib64/ld64.so.2\n"


def on(kernel: str, *lines: str, threads: int, argv: tuple[str, ...] = ()) -> Snapshot:
    snapshot = read(sorted_maps(BRK_HEAP, *lines), threads=threads, stack_limit=8 * MIB, argv=argv)
    return replace(snapshot, facts=replace(snapshot.facts, kernel=kernel))


def stack(at: int, guard: int, body: int) -> str:
    return anon(at, guard, "---p") + anon(at + guard, body)


@pytest.mark.parametrize(
    ("main_stack", "size"),
    [(X86_64, MIB), (AARCH64, 2 * MIB), (AARCH64, 2040 * KIB), (AARCH64_39, 2 * MIB), (SV39, 2 * MIB)],
)
@pytest.mark.parametrize("guard", [4 * KIB, 64 * KIB])
def test_by_architecture_also_where_other_memory_has_merged(main_stack: int, size: int, guard: int) -> None:
    table = 21 * MIB + 12 * KIB
    lines = [stack(AT + n * GAP, guard, size + over) for n, over in enumerate((0, 0, table))]
    text = (LIBC, LIBJVM, *lines, anon(main_stack, 132 * KIB, name="[stack]"))
    found = blocks(on("5.4.0", *text, threads=9), Kind.THREAD_STACK)
    assert sorted(found) == sorted([size + guard] * 3)


def test_of_ppc64le_by_its_loader() -> None:
    lines = (LIBC, LIBJVM, PPC64LE, stack(AT, 64 * KIB, 2 * MIB), stack(AT + GAP, 64 * KIB, 2 * MIB))
    main = anon(X86_64, 132 * KIB, name="[stack]")
    assert blocks(on("5.4.0", *lines, main, threads=3), Kind.THREAD_STACK) == [2 * MIB + 64 * KIB] * 2


def test_a_file_that_only_has_such_a_name_is_no_loader() -> None:
    """Names are the host's to choose; what a JVM runs on is what it maps executable."""
    data = PPC64LE.replace("r-xp", "r--p")
    table = 21 * MIB + 12 * KIB
    lines = [stack(AT + n * GAP, 64 * KIB, MIB + over) for n, over in enumerate((0, 0, table))]
    main = anon(X86_64, 132 * KIB, name="[stack]")
    found = blocks(on("5.4.0", LIBC, LIBJVM, data, *lines, main, threads=9), Kind.THREAD_STACK)
    assert found == [MIB + 64 * KIB] * 3


def test_hidden_guards_are_looked_for_behind_stacks_of_this_size() -> None:
    own = 2 * MIB + 4 * KIB
    lines = (LIBC, LIBJVM, anon(AT, 3 * own), anon(AARCH64, 132 * KIB, name="[stack]"))
    assert blocks(on("6.18.1", *lines, threads=4), Kind.THREAD_STACK) == [own] * 3


def test_of_a_jvm_on_musl_the_guard_is_a_page() -> None:
    extra, table = 8 * KIB, 3 * MIB + 28 * KIB
    lines = [stack(AT + n * GAP, 4 * KIB, MIB + extra + over) for n, over in enumerate((0, 0, table))]
    found = blocks(on("5.10.0", MUSL, LIBJVM, *lines, threads=4), Kind.THREAD_STACK)
    assert found == [MIB + extra + 4 * KIB] * 3


def test_threads_of_a_library_have_the_default_size_in_a_jvm_too() -> None:
    sizes = (MIB, 8 * MIB, 8 * MIB, 8 * MIB + 5 * MIB + 4 * KIB)
    lines = [stack(AT + n * GAP, 4 * KIB, size) for n, size in enumerate(sizes)]
    found = blocks(on("5.10.0", LIBC, LIBJVM, *lines, threads=5), Kind.THREAD_STACK)
    assert sorted(found) == [MIB + 4 * KIB] + [8 * MIB + 4 * KIB] * 3


@pytest.mark.parametrize(("option", "size"), [("-XX:+EnableJVMCI", 2 * MIB), ("-XX:-Inline", MIB)])
def test_threads_of_graal_have_stacks_of_twice_the_size(option: str, size: int) -> None:
    zones = 16 * KIB
    lines = [stack(AT + n * GAP, zones, MIB - zones) for n in range(4)]
    lines.append(stack(AT + 4 * GAP, zones, 2 * MIB - zones))
    snapshot = on("5.10.0", LIBC, LIBJVM, *lines, threads=6, argv=("java", option, "Main"))
    assert blocks(snapshot, Kind.THREAD_STACK) == [MIB] * 4 + [size]
