"""Sharing out what a mapping has resident."""

from procmaps.classify import classify
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, read, sorted_maps

MIB = 2**20
BASE = 0x7E0000000000


def test_resident_bytes_are_shared_by_length_and_sum() -> None:
    line = anon(BASE - MIB, 4 * MIB)
    fields = "Rss: 1001 kB\nPss: 7 kB\nSwap: 3 kB\nAnonHugePages: 0 kB\nVmFlags: rd wr mr mw me ac\n"
    smaps = sorted_maps(BRK_HEAP, LIBC, line, anon(BASE + 3 * MIB, 61 * MIB, "---p")).replace(
        line, line + fields
    )
    snapshot = read(smaps=smaps)
    parts = classify(snapshot)
    rows = [row for row in range(len(parts)) if snapshot.maps.start[parts.mapping[row]] == BASE - MIB]
    assert len(rows) == 2
    assert parts.resident_bytes[rows].sum() == 1001 * 1024
    assert parts.pss_bytes[rows].sum() == 7 * 1024
    assert parts.swap_bytes[rows].sum() == 3 * 1024
    assert abs(int(parts.resident_bytes[rows[0]]) - 1001 * 256) <= 1


def test_unknown_stays_unknown_in_every_part() -> None:
    maps = sorted_maps(BRK_HEAP, LIBC, anon(BASE - MIB, 4 * MIB), anon(BASE + 3 * MIB, 61 * MIB, "---p"))
    assert set(classify(read(maps)).resident_bytes.tolist()) == {-1}
