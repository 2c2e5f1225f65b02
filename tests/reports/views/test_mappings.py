"""The labelled mappings of processes of a kept dump."""

import gzip
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archive.dump_snapshot import unpack
from archive.runs import Runs
from domain.mistakes import OperatorError
from domain.records import Dump
from procmaps.classify import classify
from procmaps.excerpt import excerpt
from procmaps.footprint import footprints
from procmaps.kinds import Confidence, Kind
from procmaps.read import read_process
from procmaps.rules.book import RULES
from procmaps.tables import Evidence, PartTable, Snapshot
from reports.views.mappings import SCHEMA, Mappings, labelled, labelled_of, mappings
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, sorted_maps
from tests.procmaps.rules.labelled import read as read_maps
from tests.reports import hostile
from tests.reports.fleet import run_of
from tests.truth.cases import cases

MIB = 2**20
BASE = 0x7E0000000000
NONCE = "0123456789abcdef" * 2
SIZES = ("count", "reserved_bytes", "committed_bytes")


def arenas(count: int, at: int = BASE) -> str:
    """Arenas of 64 MiB, each with another part of it committed."""
    return "".join(
        anon(start, size) + anon(start + size, 64 * MIB - size, "---p")
        for number in range(count)
        for start, size in ((at + number * 64 * MIB, (number + 1) * 132 * 1024),)
    )


def of(*lines: str, rows_max: int = 1000, why: bool = False) -> Mappings:
    snapshot = read_maps(sorted_maps(BRK_HEAP, LIBC, *lines))
    return mappings(snapshot, classify(snapshot), rows_max=rows_max, why=why)


def record(kind: str, pid: int, content: bytes) -> bytes:
    return f"{NONCE} {kind} {pid}\n".encode() + content + b"\n"


def dump(processes: Iterable[tuple[int, int, str]]) -> Dump:
    """A dump of processes: pid, start in ticks, text of maps."""
    sent = list(processes)
    memory = b"".join(
        record("stat", pid, f"{pid} (x) S {'0 ' * 18}{ticks} 0 0\n".encode())
        + record("maps", pid, maps.encode())
        for pid, ticks, maps in sent
    )
    return Dump("web01", NONCE, gzip.compress(memory), gzip.compress(b""))


def test_a_row_for_equal_blocks_and_their_sums() -> None:
    rows = of(arenas(37)).rows.filter(kind="heap_arena").to_dicts()
    assert rows == [
        {
            "pid": rows[0]["pid"],
            "start_ticks": None,
            "start": BASE,
            "end": BASE + 37 * 64 * MIB,
            "perms": "rw-p ---p",
            "kind": "heap_arena",
            "rule": "glibc.arena",
            "confidence": "certain",
            "count": 37,
            "reserved_bytes": 37 * 64 * MIB,
            "committed_bytes": 132 * 1024 * 37 * 38 // 2,
            "resident_bytes": None,
            "name": "",
            "why": None,
        }
    ]


def test_other_memory_between_them_another_size_or_name_makes_another_row() -> None:
    between = anon(BASE + 3 * 64 * MIB + MIB, 4096, "---p")
    far = BASE + 2**32
    files = (
        "7f0001000000-7f0001001000 r--p 00000000 fe:00 9 /a\n"
        "7f0001001000-7f0001002000 r--p 00000000 fe:00 9 /a\n"
        "7f0001002000-7f0001003000 r--p 00000000 fe:00 9 /b\n"
        "7f0001003000-7f0001005000 r--p 00000000 fe:00 9 /b\n"
    )
    rows = of(arenas(3), between, arenas(2, far), files).rows
    assert rows.filter(kind="heap_arena")["count"].to_list() == [3, 2]
    assert rows.filter(kind="file_rodata")["count"].to_list() == [2, 1, 1]


@pytest.mark.parametrize("case", cases()[::5], ids=lambda case: case.name)
def test_every_part_is_in_a_row_of_its_label_and_the_sums_are_those_of_the_result(case: object) -> None:
    files = case.sent()  # type: ignore[attr-defined]
    snapshot = read_process(files, 1)
    parts = classify(snapshot)
    found = mappings(snapshot, parts, rows_max=10**6)
    assert not len(found.cut)
    assert found.rows.schema == pl.Schema(SCHEMA)
    at = found.rows["start"].to_numpy().searchsorted(parts.start, side="right") - 1
    told = found.rows[at.astype(np.uint32)]
    assert told["kind"].to_list() == [Kind(kind).label for kind in parts.kind.tolist()]
    assert told["rule"].to_list() == [RULES[rule].name for rule in parts.rule.tolist()]
    assert told["confidence"].to_list() == [Confidence(each).label for each in parts.confidence.tolist()]
    assert (parts.end <= told["end"].to_numpy()).all()
    assert all(one["end"] <= other["start"] for one, other in pairwise(found.rows.to_dicts()))
    assert sums(found.rows) == expected(snapshot, parts)


def sums(rows: pl.DataFrame) -> dict[str, tuple[int, ...]]:
    grouped = rows.group_by("kind").agg(pl.col(*SIZES, "resident_bytes").sum())
    return {kind: tuple(amounts) for kind, *amounts in grouped.iter_rows()}


def expected(snapshot: Snapshot, parts: PartTable) -> dict[str, tuple[int, ...]]:
    """The same from the footprints, as the result of a host has them."""
    table = footprints(snapshot, parts)
    found: dict[str, tuple[int, ...]] = {}
    for row in range(len(table)):
        label = Kind(int(table.kind[row])).label
        columns = (table.count, table.reserved_bytes, table.committed_bytes, table.resident_bytes)
        amounts = [max(0, int(column[row])) for column in columns]
        found[label] = tuple(map(sum, zip(amounts, found.get(label, (0, 0, 0, 0)), strict=True)))
    return found


def test_what_is_above_the_limit_is_left_out_and_counted_the_smallest_first() -> None:
    whole = of(arenas(3)).rows
    for rows_max in (len(whole), len(whole) - 1, 1):
        found = of(arenas(3), rows_max=rows_max)
        assert len(found.rows) == rows_max
        left = found.cut.to_dicts()
        if rows_max == len(whole):
            assert not left
            continue
        ((told),) = left
        assert told["rows"] == len(whole) - rows_max
        for name in SIZES:
            assert found.rows[name].sum() + told[name] == whole[name].sum()
        kept = whole.sort("committed_bytes", "reserved_bytes", descending=True, maintain_order=True)
        assert found.rows.to_dicts() == kept.head(rows_max).sort("start").to_dicts()


def test_processes_of_a_dump_in_the_order_asked_for_by_pid_and_start() -> None:
    one, two = (sorted_maps(LIBC, BRK_HEAP, arenas(count)) for count in (1, 2))
    kept = dump([(7, 100, one), (8, 200, two)])
    found = labelled(kept, [(8, 200), (7, 100), (7, 999), (9, 1), (8, 200)], inflated_bytes=MIB)
    assert found.rows.filter(kind="heap_arena").select("pid", "start_ticks", "count").rows() == [
        (8, 200, 2),
        (7, 100, 1),
    ]
    alone = labelled(kept, [(7, 100)], inflated_bytes=MIB)
    assert alone.rows.to_dicts() == found.rows.filter(pid=7).to_dicts()


def test_nothing_is_asked_or_nothing_is_there() -> None:
    kept = dump([(7, 100, BRK_HEAP)])
    for asked in ([], [(8, 1)]):
        found = labelled(kept, asked, inflated_bytes=MIB)
        assert found.rows.schema == pl.Schema(SCHEMA)
        assert len(found.rows) == len(found.cut) == 0


def test_names_that_break_lines_are_escaped() -> None:
    for name in hostile.NAMES:
        text = f"7f0001000000-7f0001001000 r--p 00000000 fe:00 9 /{name.replace(chr(10), '')}\n"
        snapshot = read_maps(LIBC + text)
        rows = mappings(snapshot, classify(snapshot), why=True).rows
        assert all(value.isprintable() for column in ("name", "why") for value in rows[column])


def test_the_reason_is_that_of_the_first_block() -> None:
    (told,) = of(arenas(2), why=True).rows.filter(kind="heap_arena")["why"]
    assert told.endswith("[glibc.arena]")


def test_a_run_without_dumps_has_none_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    run = run_of(Runs(str(tmp_path)), *hostile.fleet()[:1])
    name = run.manifest.hosts[0].name
    assert labelled_of(run, name, [(1, 4200)]) is None
    run.write_dump(Dump(name, NONCE, b"no records", b""))
    with pytest.raises(OperatorError, match="not a dump"):
        labelled_of(run, name, [(1, 4200)])


def test_a_dump_that_is_too_large_for_a_page_is_named_and_not_labelled_in_part() -> None:
    kept = dump([(7, 100, BRK_HEAP), (8, 200, LIBC)])
    size_bytes = len(gzip.decompress(kept.memory_gz))
    assert len(labelled(kept, [(7, 100)], inflated_bytes=size_bytes).rows) == 1
    with pytest.raises(OperatorError, match=f"has more than {size_bytes - 1} bytes .mapsweep show web01/PID"):
        labelled(kept, [(7, 100)], inflated_bytes=size_bytes - 1)


@pytest.mark.parametrize("evidence", [Evidence.MAPS, Evidence.SMAPS])
def test_an_excerpt_has_the_labels_of_the_whole(evidence: Evidence) -> None:
    one, two = (sorted_maps(LIBC, BRK_HEAP, arenas(count)) for count in (1, 2))
    kept = dump([(7, 1, one), (8, 2, two), (9, 3, "")])
    whole = unpack(kept, MIB).snapshot
    parts = classify(whole, evidence)
    for rows in ([0], [1], [1, 0], [2], []):
        some = excerpt(whole, rows)
        assert some.processes.pid.tolist() == [(7, 8, 9)[row] for row in rows]
        told = classify(some, evidence)
        owner = whole.maps.process[parts.mapping]
        assert told.rule.tolist() == [rule for row in rows for rule in parts.rule[owner == row].tolist()]
