import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procmaps.read import read_process
from procmaps.tables import EXECUTE, READ, SHARED, WRITE, MapTable, Trouble
from tests.strategies import Vma, vmas
from tests.truth.cases import cases, edges

LINE = re.compile(
    rb"([0-9a-f]{8,16})-([0-9a-f]{8,16}) ([r-][w-][x-][ps]) ([0-9a-f]{8,16}) ([0-9a-f]+):([0-9a-f]+) (\d+)"
    rb"(?: +(.*))?",
    re.DOTALL,
)


def rows_of(maps: MapTable) -> list[Vma]:
    bits = ((READ, "r"), (WRITE, "w"), (EXECUTE, "x"))
    return [
        Vma(
            int(maps.start[row]),
            int(maps.end[row]),
            (
                "".join(letter if perms & bit else "-" for bit, letter in bits)
                + ("s" if perms & SHARED else "p")
            ).encode(),
            int(maps.offset[row]),
            int(maps.device[row]) >> 32,
            int(maps.device[row]) & 0xFFFFFFFF,
            int(maps.inode[row]),
            maps.name(row),
        )
        for row, perms in enumerate(maps.perms.tolist())
    ]


def one_by_one(text: bytes) -> list[Vma]:
    """The same in plain Python, a line at a time."""
    found = []
    for line in text.split(b"\n"):
        fields = LINE.fullmatch(line)
        if fields:
            start, end, perms, offset, major, minor, inode, name = fields.groups()
            numbers = (int(offset, 16), int(major, 16), int(minor, 16), int(inode))
            found.append(Vma(int(start, 16), int(end, 16), perms, *numbers, name or b""))
    return found


@given(vmas())
def test_a_formatted_table_is_read_back(table: list[Vma]) -> None:
    snapshot = read_process({"maps": b"".join(vma.line() for vma in table)}, 1)
    assert rows_of(snapshot.maps) == table
    assert snapshot.processes.trouble[0] == (0 if table else Trouble.EMPTY)


@pytest.mark.parametrize("digits", range(1, 21))
def test_an_inode_of_any_width_leaves_no_name(digits: int) -> None:
    """The space behind it is no name, not even in the column where names begin."""
    vma = Vma(0x1054FFFFF70000, 0x1054FFFFFB0000, b"-wxp", 2**48, 1, 0, 10 ** (digits - 1), b"")
    assert rows_of(read_process({"maps": vma.line()}, 1).maps) == [vma]


def test_real_maps_are_read_as_line_by_line() -> None:
    texts = [case.files["maps"] for case in cases()]
    damaged = ("torn_read_small_buffer.maps", "truncated_mid_line.maps")
    texts += [text for name, text in edges().items() if name.endswith(".maps") and name not in damaged]
    for text in texts:
        assert rows_of(read_process({"maps": text}, 1).maps) == one_by_one(text)


def test_names_keep_every_byte_the_kernel_prints() -> None:
    maps = read_process({"maps": edges()["odd_file_names.maps"]}, 1).maps
    names = {maps.name(row) for row in range(len(maps))}
    assert {
        b"/opt/zoo/e/bad-\xff\xfe\x80utf8",
        b"/opt/zoo/e/cr\rback",
        b"/opt/zoo/e/ lead and trail ",
    } <= names
    assert sum(name == b"[heap]" for name in map(maps.name, range(len(maps)))) == 1


def test_sixty_thousand_mappings() -> None:
    table = [Vma(0x7F0000000000 + 0x2000 * row, 0x7F0000001000 + 0x2000 * row) for row in range(60_000)]
    maps = read_process({"maps": b"".join(vma.line() for vma in table)}, 1).maps
    assert maps.start.tolist() == [vma.start for vma in table]
    assert maps.end.tolist() == [vma.end for vma in table]


def test_vsyscall_needs_all_64_bits() -> None:
    line = b"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n"
    assert rows_of(read_process({"maps": line}, 1).maps) == [
        Vma(0xFFFFFFFFFF600000, 0xFFFFFFFFFF601000, b"--xp", name=b"[vsyscall]")
    ]


def test_files_written_with_carriage_returns() -> None:
    text = edges()["unlimited_stack_legacy_layout.maps"]
    plain = read_process({"maps": text}, 1).maps
    returned = read_process({"maps": text.replace(b"\n", b"\r\n")}, 1)
    assert rows_of(returned.maps) == rows_of(plain)
    assert returned.processes.trouble[0] == 0


def test_names_on_a_32_bit_kernel_start_further_left() -> None:
    # a name with blanks just where a 64-bit kernel would put it
    name = b"/srv/" + b"x" * 18 + b" " + b"y" * 9
    line = b"08048000-08049000 r-xp 00000000 fe:00 24166".ljust(49) + name + b"\n"
    assert line[72:73] == b" "
    assert rows_of(read_process({"maps": line}, 1).maps)[0].name == name


def test_lines_that_are_no_mappings_are_left_out_counted_and_placed() -> None:
    good = Vma(0x1000, 0x2000).line()
    for bad in (
        b"0000100g-00002000 rw-p 00000000 00:00 0 \n",
        b"00002000-00001000 rw-p 00000000 00:00 0 \n",
        b"00001000-00001000 rw-p 00000000 00:00 0 \n",
        b"00003000-00004000 rwyp 00000000 00:00 0 \n",
        b"00003000-00004000 rw-p 00000000 00:00 18446744073709551616 \n",
        b"00003000-00004000 rw-p 0000000 00:00 0 \n",
        b"00003000-00004000 rw-p 00000000 00:00 0x\n",
        b"0300000000000000-0300000000001000 rw-p 00000000 00:00 0 \n",
        b"Size:                 84 kB\n",
        b"#!/bin/sh\n",
    ):
        snapshot = read_process(
            {"maps": good + bad + good.replace(b"00001", b"00005").replace(b"-00002", b"-00006")}, 1
        )
        assert len(snapshot.maps) == 2, bad
        assert snapshot.processes.trouble[0] == Trouble.UNREADABLE_LINES
        assert snapshot.notes == (f"process 1: 1 lines are not mappings, the first at byte {len(good)}",)


def test_a_cut_last_line_is_left_out_and_its_place_told() -> None:
    text = edges()["truncated_mid_line.maps"]
    snapshot = read_process({"maps": text}, 7)
    assert len(snapshot.maps) == text.count(b"\n")
    assert snapshot.processes.trouble[0] == Trouble.CUT
    assert snapshot.notes == (
        f"process 7: its mappings are cut off in the middle of a line, at byte {len(text)}",
    )


@given(st.data())
def test_cut_anywhere_the_whole_lines_are_kept(data: st.DataObject) -> None:
    table = data.draw(vmas(most=4).filter(bool))
    text = b"".join(vma.line() for vma in table)
    at = data.draw(st.integers(1, len(text)))
    snapshot = read_process({"maps": text[:at]}, 1)
    assert rows_of(snapshot.maps) == table[: text[:at].count(b"\n")]
    assert bool(snapshot.processes.trouble[0] & Trouble.CUT) == (not text[:at].endswith(b"\n"))


@settings(max_examples=300)
@given(
    st.binary(max_size=300),
    st.lists(st.sampled_from((b"maps", b"smaps")), min_size=1, max_size=2, unique=True),
)
def test_any_bytes_give_a_table(content: bytes, kinds: list[bytes]) -> None:
    snapshot = read_process({kind.decode(): content for kind in kinds}, 1)
    assert len(snapshot.processes) == 1
    assert (snapshot.maps.end > snapshot.maps.start).all()


@settings(max_examples=300)
@given(vmas(most=3), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=4))
def test_damaged_lines_never_break_the_others(table: list[Vma], damage: list[tuple[int, int]]) -> None:
    text = bytearray(b"".join(vma.line() for vma in table))
    for at, value in damage:
        if at < len(text):
            text[at] = value
    maps = read_process({"maps": bytes(text)}, 1).maps
    assert (maps.end[:-1] <= maps.start[1:]).all()
    assert ((maps.name_start <= maps.name_end) & (maps.name_end <= len(maps.text))).all()


NEXT = b"00402000-00403000 r--p 00000000 fe:01 5 /x\n"


@pytest.mark.parametrize(
    "line",
    [
        b"7F0000000000-7F0000001000 r--p 00000000 fe:01 5 /x",
        b"7f0000000000-7f000000100G r--p 00000000 fe:01 5 /x",
        b"7f0000000000-7f0000001000 r--p 0000000x fe:01 5 /x",
        b"7f0000000000-7f0000001000 r--p 00000000 FE:01 5 /x",
        b"7f0000000000-7f0000001000 r-Xp 00000000 fe:01 5 /x",
        b"7f0000000000-7f0000001000 r--p 00000000 fe:01 x /x",
        b"7f0000000000-7f0000001000 r--p 00000000 fe:01 99999999999999999999 /x",
        b"7f0000000000-7f0000001000 r--p 00000000 fe:01 111111111111111111111 /x",
        b"00401000-" + b"0" * 59 + b" ",
        b"00401000-" + b"0" * 64 + b" r--p",
        b"00401000",
        b"00401000-00402000",
    ],
)
def test_what_is_not_of_the_kernels_form_is_left_out_alone(line: bytes) -> None:
    snapshot = read_process({"maps": line + b"\n" + NEXT}, 1)
    assert snapshot.maps.start.tolist() == [0x402000]
    assert snapshot.processes.trouble.tolist() == [Trouble.UNREADABLE_LINES]


def test_the_largest_inode() -> None:
    inode = 2**64 - 1
    line = b"7f0000000000-7f0000001000 r--p 00000000 fe:01 %d /x\n" % inode
    assert read_process({"maps": line}, 1).maps.inode.tolist() == [inode]
