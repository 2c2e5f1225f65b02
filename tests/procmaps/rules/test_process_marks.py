"""Marks that memory gives: Go's, by its base or by the islands of its page summaries; .NET's; musl's."""

import pytest

from procmaps.rules.marks import MARKS, has
from procmaps.rules.process_marks import find_marks
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, LIBJVM, anon, read, sorted_maps

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000
EXE = "00400000-00500000 r-xp 00000000 fe:00 5 /usr/bin/program\n"
NODE = "00600000-00700000 r-xp 00000000 fe:00 6 /usr/bin/node\n"
DOUBLE_MAPPED = "555600000000-555600010000 r-xs 00000000 00:01 9 /memfd:doublemapper (deleted)\n"
AT_BASE = anon(0xC000000000, 64 * MIB)


def marks(*lines: str) -> set[str]:
    maps = read(sorted_maps(*lines)).maps
    return {mark for mark in MARKS if has(find_marks(maps, 1).marks, mark)[0]}


def island(below: int = 128 * MIB, size: int = 64 * KIB, above: int = 128 * MIB, perms: str = "rw-p") -> str:
    return anon(AT, below, "---p") + anon(AT + below, size, perms) + anon(AT + below + size, above, "---p")


def test_memory_at_the_fixed_base_is_of_go() -> None:
    assert "go" in marks(EXE, AT_BASE)
    assert "go" not in marks(EXE, anon(0xC000001000, 64 * MIB))


def test_an_island_between_large_reserves_is_of_go() -> None:
    assert "go" in marks(EXE, island())
    assert "go" in marks(EXE, island(below=1024 * MIB, above=1024 * MIB))


@pytest.mark.parametrize(
    "lines",
    [
        island(below=128 * MIB - 4096),
        island(above=128 * MIB - 4096),
        island(below=1024 * MIB + 4096),
        island(above=1024 * MIB + 4096),
        island(size=68 * KIB),
        island(perms="r--p"),
        # closed memory that does not touch the page
        anon(AT, 128 * MIB, "---p") + anon(AT + 129 * MIB, 4096) + anon(AT + 130 * MIB, 128 * MIB, "---p"),
        # two regions between
        anon(AT, 128 * MIB, "---p")
        + anon(AT + 128 * MIB, 4096)
        + anon(AT + 128 * MIB + 4096, 4096, "r--p")
        + anon(AT + 128 * MIB + 8192, 128 * MIB, "---p"),
    ],
)
def test_anything_less_is_no_island(lines: str) -> None:
    assert "go" not in marks(EXE, lines)


def test_what_go_has_named_its_heap() -> None:
    assert "go" in marks(EXE, anon(0x274E0000000, 64 * MIB, name="[anon: Go: heap]"))


@pytest.mark.parametrize("other", [LIBJVM, NODE, DOUBLE_MAPPED])
def test_runtimes_that_reserve_as_much_are_not_go(other: str) -> None:
    assert "go" not in marks(EXE, other, AT_BASE, island())


def test_double_mapped_code_is_of_dotnet() -> None:
    assert "dotnet" in marks(EXE, DOUBLE_MAPPED)


def test_a_closed_page_of_brk_memory_is_of_musl_unless_glibc_is_loaded() -> None:
    page = BRK_HEAP.replace("rw-p", "---p")
    assert "musl" in marks(EXE, page)
    assert "musl" not in marks(EXE, page, LIBC)
    assert "musl" not in marks(EXE, BRK_HEAP)
