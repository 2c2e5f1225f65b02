from dataclasses import dataclass

import polars as pl
import pytest

from reports.row_table import RowTable


@dataclass(frozen=True)
class Row:
    name: str
    size: int | None


TABLE = RowTable(pl.DataFrame({"size": [3, None, 1], "name": ["a", "b", "c"]}), Row)
ROWS = [Row("a", 3), Row("b", None), Row("c", 1)]


def test_it_is_a_sequence_of_its_rows() -> None:
    assert list(TABLE) == ROWS
    assert len(TABLE) == 3
    assert [TABLE[0], TABLE[2], TABLE[-1]] == [ROWS[0], ROWS[2], ROWS[2]]
    assert list(reversed(TABLE)) == ROWS[::-1]
    assert ROWS[1] in TABLE
    assert not TABLE[3:]


@pytest.mark.parametrize("some", [slice(0, 2), slice(1, None), slice(-1, None), slice(5, 9), slice(None)])
def test_a_slice_is_one_as_well(some: slice) -> None:
    assert list(TABLE[some]) == ROWS[some]
    assert isinstance(TABLE[some], RowTable)


@pytest.mark.parametrize("at", [3, -4])
def test_beyond_its_end_there_is_no_row(at: int) -> None:
    with pytest.raises(IndexError):
        TABLE[at]


def test_in_another_order_it_has_the_same_rows() -> None:
    assert [row.name for row in TABLE.of(TABLE.table.sort("size"))] == ["b", "c", "a"]
