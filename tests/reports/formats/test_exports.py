"""All rows of a table: the same in every format, part by part, and whatever the names."""

import io
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.run import Run
from domain.mistakes import OperatorError
from reports.columns.column import names_of, schema_of
from reports.columns.columns import HOSTS as HOST_COLUMNS
from reports.columns.columns import TABLES
from reports.formats import exports, json_text, render_csv
from reports.formats.exports import CSV, FORMATS, JSON, NDJSON, PARQUET
from reports.tables.settled import Settled
from tests.reports import hostile
from tests.reports.fleet import MIB, Answered, Block, Process, failure, finding, heap, run_of, runs_in, stacks
from tests.reports.outputs import csv_rows

HOSTS = 7
HOSTS_A_PART = 2


def content(tables: Settled, table: str, form: str) -> bytes:
    return b"".join(exports.rows(tables, table, form))


def read(tables: Settled, table: str, form: str) -> list[dict[str, Any]]:
    """The rows of any format but CSV."""
    written = content(tables, table, form)
    if form == PARQUET:
        return pl.read_parquet(io.BytesIO(written)).drop("run", "scope").to_dicts()
    rows: list[dict[str, Any]] = (
        json.loads(written) if form == JSON else [json.loads(line) for line in written.splitlines()]
    )
    return rows


@pytest.fixture(scope="module")
def parted(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """A run whose tables are in several parts."""
    hosts = [
        Answered(
            f"web{number}",
            (
                Process(1, blocks=(heap(number * MIB, resident=True), stacks(2, MIB))),
                Process(2, "sshd", "ssh.service", (heap(MIB), Block("anonymous", MIB)), threads=1),
                Process(3, evidence="denied", rss_anon_bytes=None),
            ),
            findings=(finding(1), finding(2, "info")),
        )
        for number in range(HOSTS)
    ]
    runs = runs_in(tmp_path_factory.mktemp("parted"))
    tables = Settled(run_of(runs, *hosts, failures=(failure("db1"),), hosts_a_part=HOSTS_A_PART))
    assert tables.closed.parts == 4
    return tables


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    return Settled(run_of(runs_in(tmp_path_factory.mktemp("nasty")), *hostile.fleet()))


@pytest.mark.parametrize("table", TABLES)
def test_every_format_has_the_same_rows(parted: Settled, table: str) -> None:
    rows = read(parted, table, NDJSON)
    assert rows == read(parted, table, JSON) == read(parted, table, PARQUET)
    cells = csv_rows(content(parted, table, CSV))
    for row, line in zip(rows, cells, strict=True):
        assert list(row) == list(line) == names_of(TABLES[table])
        for name, value in row.items():
            if isinstance(value, float):
                assert float(line[name]) == value
            else:
                assert line[name] == ("" if value is None else str(value)), name


def test_there_is_a_row_for_each(parted: Settled) -> None:
    counts = {table: len(read(parted, table, NDJSON)) for table in TABLES}
    assert counts == {
        "hosts": HOSTS + 1,
        "services": 2,
        "processes": 3 * HOSTS,
        "footprints": 4 * HOSTS,
        "findings": 2 * HOSTS,
        "kinds": 3 * HOSTS,
        "changes": 0,  # there is no earlier run
        "finding_groups": 2,
    }
    assert [row["name"] for row in read(parted, "hosts", NDJSON)] == [
        *(f"web{number}" for number in reversed(range(HOSTS))),
        "db1",
    ]
    hosts = [row["host"] for row in read(parted, "processes", NDJSON)]
    assert hosts == sorted(hosts)


@pytest.mark.parametrize("table", TABLES)
def test_parquet_says_of_which_run_and_scope_a_row_is(parted: Settled, table: str) -> None:
    frame = pl.read_parquet(io.BytesIO(content(parted, table, PARQUET)))
    assert dict(frame.schema) == {"run": pl.String, "scope": pl.String, **schema_of(TABLES[table])}
    none = table == "changes"  # of a first run
    assert set(frame["run"]) == (set() if none else {parted.closed.run_id})
    assert set(frame["scope"]) == (set() if none else {"prod"})


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("table", TABLES)
def test_equal_runs_give_equal_bytes(parted: Settled, table: str, form: str) -> None:
    assert content(parted, table, form) == content(parted, table, form)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("table", TABLES)
def test_a_table_without_rows_is_valid(tmp_path: Path, table: str, form: str) -> None:
    tables = Settled(run_of(runs_in(tmp_path)))
    if form == CSV:
        assert content(tables, table, form).decode().strip().split(",") == names_of(TABLES[table])
    else:
        assert read(tables, table, form) == []


@pytest.mark.parametrize("rows_at_once", [1, 2, 3, 1000])
@pytest.mark.parametrize("form", [CSV, NDJSON, JSON])
def test_the_pieces_do_not_show(
    parted: Settled, form: str, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = content(parted, "footprints", form)
    monkeypatch.setattr("reports.formats.json_text.ROWS_AT_ONCE", rows_at_once)
    monkeypatch.setattr("reports.formats.render_csv.ROWS_AT_ONCE", rows_at_once)
    assert content(parted, "footprints", form) == whole


class Counted(Settled):
    """Tables of which it is counted how many parts were asked for."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.asked = 0

    def parts(self, *asked: Any) -> Any:  # as Settled has it
        for part in super().parts(*asked):
            self.asked += 1
            yield part


@pytest.mark.parametrize("form", [CSV, NDJSON, JSON])
def test_no_part_is_read_before_the_one_before_is_written(parted: Settled, form: str) -> None:
    tables = Counted(parted._run)
    written = exports.rows(tables, "processes", form)
    for pieces in range(1, tables.closed.parts + 1):
        next(written)
        assert tables.asked == pieces


@pytest.mark.parametrize("form", FORMATS)
def test_a_part_that_is_gone_is_told_in_every_format(tmp_path: Path, form: str) -> None:
    run = run_of(runs_in(tmp_path), Answered("a", (Process(1),)))
    (part,) = tmp_path.rglob("processes-0000.parquet")
    part.unlink()
    with pytest.raises(OperatorError, match=r"processes, part 0.*is gone"):
        content(Settled(run), "processes", form)


# names that mean harm


@pytest.mark.parametrize("form", [NDJSON, JSON])
@pytest.mark.parametrize("table", TABLES)
def test_json_is_printable_ascii_and_keeps_the_names(nasty: Settled, table: str, form: str) -> None:
    written = content(nasty, table, form)
    assert re.fullmatch(rb"[\x20-\x7e\n]*", written)
    rows = read(nasty, table, form)
    column = {"hosts": "name", "services": "service", "finding_groups": "service"}.get(table, "host")
    # the findings are all of one service, and a first run has no changes
    names = {"finding_groups": {hostile.NAMES[0]}, "changes": set()}.get(table, set(hostile.NAMES))
    assert {row[column] for row in rows} == names


@pytest.mark.parametrize("table", TABLES)
def test_parquet_keeps_the_names(nasty: Settled, table: str) -> None:
    assert read(nasty, table, PARQUET) == read(nasty, table, NDJSON)


@pytest.mark.parametrize("table", TABLES)
def test_no_cell_of_csv_is_a_formula_or_more_than_a_line(nasty: Settled, table: str) -> None:
    cells = [cell for row in csv_rows(content(nasty, table, CSV)) for cell in row.values()]
    assert not [cell for cell in cells if re.match(r"\s*[=+@\t\r]|\s*-(?!\d+$)", cell)]
    assert not [cell for cell in cells if re.search(r"[\x00-\x1f\x7f-\x9f]", cell)]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("\uff1d1+1", "'\uff1d1+1"),
        (" \uff20SUM", "' \uff20SUM"),
        ("\uff0b1", "'\uff0b1"),
        ("\uff0d1", "'\uff0d1"),
        ("a;=1+1", "a;'=1+1"),
        ("a; \uff1dcmd;b;-2", "a;' \uff1dcmd;b;'-2"),
        (";\t=1", ";'\\x09=1"),
        ("a;b=1", "a;b=1"),
        ("it's; fine", "it's; fine"),
    ],
)
def test_a_formula_for_spreadsheets_of_other_countries(text: str, cell: str) -> None:
    """They begin a cell at a semicolon, or take full-width signs for signs."""
    (column,) = (each for each in HOST_COLUMNS if each.name == "name")
    (row,) = csv_rows(b"".join(render_csv.rendered([pl.DataFrame({"name": [text]})], (column,))))
    assert row == {"name": cell}


@given(st.lists(st.text(), min_size=1), st.integers(-(2**63), 2**63 - 1))
def test_any_text_comes_back_from_its_line(texts: list[str], number: int) -> None:
    table = pl.DataFrame(
        {"text": texts, "number": [number] * len(texts)}, schema={"text": pl.String, "number": pl.Int64}
    )
    written = b"".join(json_text.lines(table))
    assert re.fullmatch(rb"[\x20-\x7e\n]*", written)
    assert written.count(b"\n") == len(texts)
    assert [json.loads(line) for line in written.splitlines()] == table.to_dicts()
    assert [json.loads(line) for line in json_text.objects(table)] == table.to_dicts()
