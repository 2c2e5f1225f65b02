import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from io import BytesIO

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import dump_file, results, tables
from archive.host_results import host_record, host_result
from domain.mistakes import OperatorError
from procmaps.classify import classify
from procmaps.doubts import doubts
from procmaps.findings import Finding, Severity, find
from procmaps.footprint import footprints
from procmaps.identity import identify
from procmaps.read import read
from procmaps.tables import UNKNOWN, FootprintTable, Snapshot
from tests.archive.examples import NONCE, dump


def snapshot() -> Snapshot:
    one = dump("a")
    memory, identity = (dump_file.inflate(part, 1 << 30).text for part in (one.memory_gz, one.identity_gz))
    return read(memory, identity, NONCE.encode())


def parquet() -> tuple[bytes, bytes]:
    one = snapshot()
    processes = tables.processes_frame(one, identify(one), doubts(one, classify(one)))
    return (
        tables.to_parquet(processes),
        tables.to_parquet(tables.footprints_frame(one, footprints(one, classify(one)))),
    )


def digest() -> str:
    one = snapshot()
    parts = classify(one)
    sums = footprints(one, parts)
    record = host_record(dump("a"), one, "", "1")
    made = host_result(
        record, one, identify(one), sums, unsure=doubts(one, parts), found=find(one, parts, sums)
    )
    return hashlib.sha256(results.encode(made)).hexdigest()


def test_a_process_is_a_row_with_what_is_known_of_it() -> None:
    one = snapshot()
    frame = tables.processes_frame(one, identify(one), doubts(one, classify(one)))
    assert frame.schema == pl.Schema(tables.PROCESS_SCHEMA)
    first = frame.row(0, named=True)
    assert first["pid"] == 1
    assert first["comm"] == "example"
    assert first["exe"] == "/usr/bin/example"
    assert first["evidence"] == "maps"
    assert first["trouble"] is None
    assert first["started_at_s"] == 1795000000 + 10 / one.facts.clock_ticks
    assert first["rss_anon_bytes"] == 8000 * 1024
    assert first["unit"] is None


def test_footprints_say_unknown_as_null_and_sum_to_the_mappings() -> None:
    one = snapshot()
    frame = tables.footprints_frame(one, footprints(one, classify(one)))
    assert frame.schema == pl.Schema(tables.FOOTPRINT_SCHEMA)
    assert frame["resident_bytes"].is_null().all()
    assert frame["reserved_bytes"].sum() == int((one.maps.end - one.maps.start).sum())
    assert set(frame["kind"]) >= {"heap_main", "heap_arena", "main_stack", "file_code"}


def test_the_same_dump_gives_the_same_bytes_in_any_process_and_with_any_number_of_threads() -> None:
    code = "from tests.archive.test_tables import digest; print(digest())"
    for threads in ("1", "3"):
        environment = {**os.environ, "POLARS_MAX_THREADS": threads, "PYTHONHASHSEED": threads}
        printed = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
        assert printed.strip() == digest()


SIZES = st.integers(min_value=UNKNOWN, max_value=2**63 - 1)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 29), SIZES, SIZES), max_size=20))
def test_a_footprint_table_comes_back_from_parquet(rows: list[tuple[int, int, int, int]]) -> None:
    column = [np.array([row[index] for row in rows], dtype=np.int64) for index in range(4)]
    process, kind, size, other = column
    table = FootprintTable(
        process.astype(np.int32), kind.astype(np.uint8), size, other, size, other, size, other, size, other
    )
    one = snapshot()
    frame = tables.footprints_frame(one, table)
    back = tables.from_parquet(tables.to_parquet(frame), "x")
    assert back.equals(frame, null_equal=True)
    assert tables.from_ipc(tables.to_ipc(frame), "x").equals(frame, null_equal=True)
    assert back["reserved_bytes"].fill_null(UNKNOWN).to_list() == size.tolist()
    assert back["pid"].to_list() == [one.processes.pid[row[0]] for row in rows]


def test_a_finding_says_of_which_kind_it_is_and_an_unknown_size_is_null() -> None:
    one = snapshot()
    known = Finding("c", Severity.INFO, 0, "s", "e", "a", "t", "n", "heap_arena", 4096)
    frame = tables.findings_frame(one, [known, replace(known, kind="", concerns_bytes=None)])
    assert frame.schema == pl.Schema(tables.FINDING_SCHEMA)
    assert frame.select("kind", "concerns_bytes").rows() == [("heap_arena", 4096), (None, None)]


def test_a_long_command_line_is_cut_at_the_limit() -> None:
    one = snapshot()
    arguments = (b"a" * (tables.ARGUMENTS_LENGTH_MAX - 1), b"bc", b"\xff" * 10_000)
    for index, argv in enumerate(((arguments[0],), arguments, (arguments[2],))):
        changed = replace(one.processes, argv=(argv, argv, argv))
        again = Snapshot(one.facts, one.counts, changed, one.maps, one.notes)
        shown = tables.arguments_frame(again)["arguments"][0]
        assert len(shown) == tables.ARGUMENTS_LENGTH_MAX - (index == 0)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"x" * 1000])
def test_what_is_no_parquet_names_itself(content: bytes) -> None:
    with pytest.raises(OperatorError, match=r"^runs/x: is not a whole Parquet file"):
        tables.from_parquet(content, "runs/x")


def test_a_parquet_file_cut_anywhere_names_itself() -> None:
    content = parquet()[1]
    for end in range(0, len(content) - 1, 97):
        with pytest.raises(OperatorError):
            tables.from_parquet(content[:end], "x")


@pytest.mark.parametrize("content", [b"", b"ARROW1", b"x" * 1000])
def test_what_is_no_arrow_stream_names_itself(content: bytes) -> None:
    with pytest.raises(OperatorError, match=r"^runs/x: is not a whole Arrow stream"):
        tables.from_ipc(content, "runs/x")


def buffers_bytes(frame: pl.DataFrame) -> int:
    """What a table takes in memory: as it lies there, which no estimate of Polars tells."""
    target = BytesIO()
    frame.write_ipc_stream(target, compat_level=pl.CompatLevel.newest())
    return len(target.getvalue())


def test_equal_texts_are_once_in_memory() -> None:
    """Those of rows taken out of a table, without the texts of the others."""
    count, text = 1_000, "a sentence that many rows share " * 8
    table = pl.DataFrame(
        {
            "number": range(2 * count),
            "same": [text, "x" * 400] * count,
            "none": pl.Series([None] * 2 * count, dtype=pl.String),
            "other": [f"{number} {text}" if number % 3 else None for number in range(2 * count)],
        }
    )
    few = table.gather_every(2)
    own = tables.with_own_texts(few)
    assert own.equals(few)
    assert buffers_bytes(own.select("same")) < buffers_bytes(few.select("same")) / 4
    assert buffers_bytes(own.select("other")) < buffers_bytes(table.select("other"))
    assert tables.with_own_texts(table.clear()).equals(table.clear())
