"""Texts that are no maps: each is told by its form, and none makes a mapping."""

from pathlib import Path

import pytest

from procmaps.other_texts import IN_PLACE, READ_MAPS, UNPACK, other_text
from procmaps.read import read, read_process
from procmaps.tables import Trouble
from tests.procmaps.test_read import STATUS
from tests.strategies import NONCE, closing, record

ROLLUP = b"""\
55966d398000-7ffcc776a000 ---p 00000000 00:00 0                          [rollup]
Rss:                4164 kB
Pss:                 820 kB
Anonymous:          1288 kB
"""
SHORT_ROLLUP = ROLLUP.replace(b"55966d398000", b"00010000").replace(b"7ffcc776a000", b"fffe1000")
PMAP_X = b"""\
4711:   /usr/sbin/server -c /etc/server.conf
Address           Kbytes     RSS   Dirty Mode  Mapping
0000560a1c2d0000     188     188       0 r---- server
0000560a1c2ff000    1132    1040       0 r-x-- server
---------------- ------- ------- -------
total kB            1320    1228       0
"""
PMAP = b"4711:   /usr/sbin/server\n0000560a1c2d0000    188K r---- server\n total     188K\n"
PMAP_WIDE = b"""\
4711:   /usr/sbin/server
         Address Perm   Offset Device  Inode Size  Rss  Pss Mapping
    560a1c2d0000 r--p 00000000  fe:00 260104  188  188   23 server
"""
NUMA_MAPS = b"""\
560a1c2d0000 default file=/usr/sbin/server mapped=47 N0=47 kernelpagesize_kB=4
560a1e000000 interleave:0-1 heap anon=3 dirty=3 N0=1 N1=2 kernelpagesize_kB=4
"""
GDB = b"""\
process 4711
Mapped address spaces:

          Start Addr           End Addr       Size     Offset  Perms  objfile
      0x560a1c2d0000     0x560a1c2ff000    0x2f000        0x0  r--p   /usr/sbin/server
"""
GEF = (
    b"[ Legend:  Code | Heap | Stack ]\n"
    b"Start              End                Offset             Perm Path\n"
    b"0x0000560a1c2d0000 0x0000560a1c2ff000 0x0000000000000000 r-- /usr/sbin/server\n"
)
PWNDBG = (
    b"LEGEND: STACK | HEAP | CODE | DATA | WX | RODATA\n"
    b"             Start                End Perm     Size Offset File\n"
    b"    0x560a1c2d0000     0x560a1c2ff000 r--p    2f000      0 /usr/sbin/server\n"
)
LLDB = b"[0x0000000000000000-0x0000560a1c2d0000) ---\n[0x0000560a1c2d0000-0x0000560a1c2ff000) r-- server\n"
MACOS = (
    b"Process:         server [4711]\nPath:            /usr/sbin/server\n\n"
    b"==== Non-writable regions for process 4711\n"
    b"REGION TYPE                    START - END         [ VSIZE  RSDNT] PRT/MAX\n"
    b"__TEXT                      104b1c000-104b20000    [   16K    16K] r-x/r-x SM=COW\n"
)
PROCSTAT = (
    b"  PID              START                END PRT    RES PRES REF SHD FLAG  TP PATH\n"
    b" 4711           0x400000           0x4b5000 r-x    181  196   2   1 CN--- vn /usr/sbin/server\n"
)
STAT = (
    b"4711 (a) b\n(c) S 1 4711 4711 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 99 1000 10 18446744073709551615\n"
)
LIMITS = b"Limit                     Soft Limit           Hard Limit           Units     \n"

TEXTS = {
    "rollup": (ROLLUP, "smaps_rollup"),
    "rollup of 32 bits": (SHORT_ROLLUP, "smaps_rollup"),
    "rollup with CRLF": (ROLLUP.replace(b"\n", b"\r\n"), "smaps_rollup"),
    "numa_maps": (NUMA_MAPS, "numa_maps"),
    "status": (b"Name:\tserver\nUmask:\t0022\nState:\tS (sleeping)\n", "status"),
    "old status": (b"Name:\tserver\nState:\tS (sleeping)\n", "status"),
    "stat": (STAT, "stat"),
    "statm": (b"1061 981 830 283 0 139 0\n", "statm"),
    "limits": (LIMITS, "limits"),
    "pmap -x": (PMAP_X, "the output of pmap"),
    "pmap -x without its first line": (PMAP_X.partition(b"\n")[2], "the output of pmap"),
    "pmap": (PMAP, "the output of pmap"),
    "pmap -X": (PMAP_WIDE, "the output of pmap"),
    "gdb": (GDB, "the output of GDB's `info proc mappings`"),
    "gdb in colours": (b"\x1b[1m" + GEF, "the output of vmmap"),
    "gef": (GEF, "the output of vmmap"),
    "pwndbg": (PWNDBG, "the output of vmmap"),
    "lldb": (LLDB, "the output of LLDB's `memory region`"),
    "macos": (MACOS, "the output of vmmap"),
    "procstat": (PROCSTAT, "the output of procstat"),
    "gzip": (b"\x1f\x8b\x08\0\0\0\0\0\0\3", "a file packed by gzip"),
    "xz": (b"\xfd7zXZ\0\0\4", "a file packed by xz"),
    "zstd": (b"\x28\xb5\x2f\xfd\x04\x58", "a file packed by zstd"),
    "core": (b"\x7fELF\2\1\1\0", "a program or a core dump"),
}


@pytest.mark.parametrize("which", TEXTS)
def test_a_text_is_told_by_its_form_and_has_no_mapping(which: str) -> None:
    text, name = TEXTS[which]
    other = other_text(text)
    assert other is not None
    assert other.name == name
    assert other.remedy == (UNPACK if "packed" in name else READ_MAPS)
    for file in ("maps", "smaps"):
        snapshot = read_process({file: text}, 4711)
        assert len(snapshot.maps) == 0
        assert snapshot.notes[0] == f"process 4711: {IN_PLACE} {name}"


@pytest.mark.parametrize(
    "text", [b"", b"rain\n", b"1 2 3\n", b"Name of the game\n", b"Address of the firm\n"]
)
def test_what_has_no_known_form_has_no_name(text: bytes) -> None:
    assert other_text(text) is None
    assert not any(IN_PLACE in note for note in read_process({"maps": text}, 4711).notes)


def test_this_machine_writes_the_sums_in_that_form() -> None:
    other = other_text(Path("/proc/self/smaps_rollup").read_bytes())
    assert other is not None
    assert other.name == "smaps_rollup"


def test_a_file_that_is_called_like_the_sums_is_a_mapping() -> None:
    """Also closed and of a name as long: only the kernel's own name begins without a slash."""
    lines = b"".join(
        b"%08x-%08x ---p 00000000 00:00 0                                  %s\n" % (at, at + 4096, name)
        for at, name in ((0x10000, b"/rollup]"), (0x20000, b"/[rollup]"), (0x30000, b"[rollup] (deleted)"))
    )
    assert len(read_process({"maps": lines}, 4711).maps) == 3


def test_of_a_host_the_processes_that_sent_another_text_are_named_and_the_others_kept() -> None:
    good = b"00400000-00401000 r-xp 00000000 fc:00 7                                  /bin/x\n"
    texts = {7: ROLLUP, 8: good, 9: PMAP_X, 10: good}
    memory = b"".join(
        record("status", pid, STATUS) + record("smaps" if pid == 7 else "maps", pid, text)
        for pid, text in texts.items()
    )
    snapshot = read(memory + closing(4), b"", NONCE)
    empty = Trouble.EMPTY | Trouble.UNREADABLE_LINES
    assert snapshot.processes.trouble.tolist() == [Trouble.EMPTY | Trouble.UNREADABLE_LINES, 0, empty, 0]
    assert snapshot.maps.process.tolist() == [1, 3]
    assert snapshot.notes[:2] == (
        f"process 7: {IN_PLACE} smaps_rollup",
        f"process 9: {IN_PLACE} the output of pmap",
    )
