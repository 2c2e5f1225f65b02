"""A column says what one value says."""

import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st
from markupsafe import escape

from reports import plain, sizes
from reports.cells import by_labels
from reports.column_text import duration, escaped, extent, growth, number, size, span, whole
from reports.rows import Range

AMOUNTS = st.one_of(
    st.none(), st.integers(0, 2**50), st.integers(0, 5000), st.integers(0, 6).map(lambda p: 1024**p)
)


@given(st.lists(AMOUNTS, max_size=20))
@example([1023, 1024, 1047, 1048524, 1048525, 1048576, 102348, 102349, 102400, 1536, 1587, 1072693248])
def test_sizes(amounts: list[int | None]) -> None:
    table = pl.DataFrame({"x": amounts}, schema={"x": pl.Int64})
    assert table.select(size("x"))["x"].to_list() == [sizes.size(each) for each in amounts]
    assert table.select(number("x"))["x"].to_list() == [sizes.number(each) for each in amounts]


@given(st.lists(st.tuples(AMOUNTS, st.booleans()), max_size=20))
def test_bounds(rows: list[tuple[int | None, bool]]) -> None:
    table = pl.DataFrame(
        {
            "m_resident_max_bytes": [most for most, _ in rows],
            "m_resident_bytes": [1 if known else None for _, known in rows],
        },
        schema={"m_resident_max_bytes": pl.Int64, "m_resident_bytes": pl.Int64},
    )
    shown = table.select(extent("m").alias("x"))["x"].to_list()
    assert shown == [sizes.size(most, bound=not known) for most, known in rows]


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS, st.booleans()), max_size=20))
@example([(190, 200, True), (189, 200, True), (0, 200, True), (0, 200, False), (0, 0, True), (None, 5, True)])
def test_ranges(rows: list[tuple[int | None, int | None, bool]]) -> None:
    pairs = [(None, None) if None in {a, b} else sorted((a or 0, b or 0)) for a, b, _ in rows]
    table = pl.DataFrame(
        {
            "m_least_bytes": [least for least, _ in pairs],
            "m_most_bytes": [most for _, most in pairs],
            "m_resident_bytes": [1 if known else None for _, _, known in rows],
        },
        schema={"m_least_bytes": pl.Int64, "m_most_bytes": pl.Int64, "m_resident_bytes": pl.Int64},
    )
    shown = table.select(span("m").alias("x"))["x"].to_list()
    assert shown == [
        by_labels(Range(least, most, is_bound=not known))
        for (least, most), (_, _, known) in zip(pairs, rows, strict=True)
    ]


@given(st.lists(st.one_of(st.none(), st.integers(-(2**50), 2**50)), max_size=20))
def test_changes(changes: list[int | None]) -> None:
    table = pl.DataFrame({"x": changes}, schema={"x": pl.Int64})
    assert table.select(growth("x").alias("x"))["x"].to_list() == [sizes.growth(each) for each in changes]


@given(st.lists(st.integers(0, 10**8), max_size=20))
def test_durations(seconds: list[int]) -> None:
    table = pl.DataFrame({"x": seconds}, schema={"x": pl.Int64})
    shown = table.select(duration(pl.col("x")).alias("x"))["x"].to_list()
    assert shown == [sizes.duration(each) for each in seconds]


@given(
    st.lists(st.one_of(st.floats(-1e9, 1e9), st.integers(-99, 99).map(lambda half: half / 2)), max_size=20)
)
def test_whole_numbers(values: list[float]) -> None:
    table = pl.DataFrame({"x": values}, schema={"x": pl.Float64})
    assert table.select(whole(pl.col("x")))["x"].to_list() == [round(each) for each in values]


@given(st.lists(st.text(), max_size=8), st.one_of(st.none(), st.integers(1, 60)))
def test_texts(texts: list[str], width: int | None) -> None:
    shown = escaped(pl.Series("x", texts, dtype=pl.String), width).to_list()
    safe = [plain.printable(each) if width is None else plain.shortened(each, width) for each in texts]
    assert shown == [str(escape(each)) for each in safe]


def test_unknown_is_a_dash() -> None:
    table = pl.DataFrame({"x": [None]}, schema={"x": pl.Int64})
    for column in (size, number, growth):
        assert table.select(column("x").alias("x"))["x"].to_list() == [sizes.DASH]
