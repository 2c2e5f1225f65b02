"""Odd input through the command: each file gives a result or one clear error, never a traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mapsweep.terminal.exits import Exit
from procmaps.kinds import KIND_BY_LABEL
from tests.mapsweep.conftest import Ended, Here
from tests.truth.cases import edges

SIXTY_THOUSAND = 60_000
PAGE = 4096
CODE = "555500000000-555500001000 r-xp 00000000 fe:00 7                          /bin/x\n"
MAPPINGS = {name: text for name, text in edges().items() if name.endswith("maps")}
EMPTY = {name for name, text in MAPPINGS.items() if not text}
CUT = {"truncated_mid_line.maps"}
TORN = {"torn_read_small_buffer.maps"}


def lines(*ranges: tuple[int, int, str, str]) -> bytes:
    return "".join(
        f"{low:08x}-{high:08x} {perms} 00000000 {name}\n" for low, high, perms, name in ranges
    ).encode()


def one_page_mappings(count: int) -> bytes:
    """Mappings of a page each, a page apart, as a program can have them up to vm.max_map_count."""
    base = 0x7F0000000000
    return CODE.encode() + lines(
        *(
            (base + number * 2 * PAGE, base + (number * 2 + 1) * PAGE, "rw-p", "00:00 0 ")
            for number in range(count)
        )
    )


GENERATED: dict[str, Callable[[], bytes]] = {
    "crlf": lambda: MAPPINGS["thirty_two_bit.maps"].replace(b"\n", b"\r\n"),
    "57_bits": lambda: lines((0xFF_0000_0000_0000, 0xFF_0000_0000_0000 + 2**30, "rw-p", "00:00 0 ")),
    "pages_of_64_kib": lambda: lines(
        (0xFFFF_8000_0000, 0xFFFF_8001_0000, "---p", "00:00 0 "),
        (0xFFFF_8001_0000, 0xFFFF_8081_0000, "rw-p", "00:00 0 "),
    ),
    "stacks_named_by_old_kernels": lambda: lines(
        (0x7F00_0000_0000, 0x7F00_0080_0000, "rw-p", "00:00 0 [stack:4711]"),
        (0x7FFF_0000_0000, 0x7FFF_0002_1000, "rw-p", "00:00 0 [stack]"),
    ),
    "vsyscall_alone": lambda: lines((0xFFFFFFFFFF600000, 0xFFFFFFFFFF601000, "--xp", "00:00 0 [vsyscall]")),
    "sixty_thousand": lambda: one_page_mappings(SIXTY_THOUSAND),
}


def classified(here: Here, text: bytes, folder: Path, name: str = "maps") -> Ended:
    (folder / name).write_bytes(text)
    return here("classify", folder / name, "--format", "ranges", "--why")


@pytest.mark.parametrize("name", sorted(set(MAPPINGS) - EMPTY))
def test_an_odd_file_gives_a_result(name: str, tmp_path: Path, here: Here) -> None:
    ended = classified(here, MAPPINGS[name], tmp_path, name)
    rows = [line.split("\t") for line in ended.out.splitlines()]
    assert rows
    assert all(len(row) == 6 and row[2] in KIND_BY_LABEL for row in rows)
    assert ended.code == (Exit.USAGE if name in CUT else Exit.OK)
    assert ("cut off in the middle of a line, at byte" in ended.err) == (name in CUT)
    assert ("its lines overlap" in ended.err) == (name in TORN)


@pytest.mark.parametrize("name", sorted(EMPTY))
def test_an_empty_file_gives_one_clear_error(name: str, tmp_path: Path, here: Here) -> None:
    ended = classified(here, MAPPINGS[name], tmp_path, name)
    assert (ended.code, ended.out) == (Exit.USAGE, "")
    assert ended.err.count("\n") == 1
    assert "empty: a kernel thread, a zombie, or a process that was ending" in ended.err


@pytest.mark.parametrize("name", GENERATED)
def test_what_no_machine_here_can_be_made_to_print(name: str, tmp_path: Path, here: Here) -> None:
    text = GENERATED[name]()
    ended = classified(here, text, tmp_path)
    assert (ended.code, ended.err) == (Exit.OK, "")
    ranges = [line.split("\t")[:2] for line in ended.out.splitlines()]
    reserved = sum(int(high, 16) - int(low, 16) for low, high in ranges)
    bounds = [line.split()[0].split(b"-") for line in text.splitlines()]
    assert reserved == sum(int(high, 16) - int(low, 16) for low, high in bounds)
