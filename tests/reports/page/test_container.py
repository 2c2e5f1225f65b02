"""What goes into the page's data comes out of it, whatever it is."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.page.container import in_base64, pack, put_together
from tests.reports.page.decoder import Value, decode

EXACT_MAX = 2**53  # the largest number up to which JavaScript has all integers
INTEGERS = st.one_of(st.none(), st.integers(-EXACT_MAX, EXACT_MAX), st.integers(-300, 300))
SIZES = st.one_of(
    st.none(),
    st.integers(0, 2**41).map(lambda pages: 4096 * pages),
    st.integers(0, 5).map(lambda kib: kib << 10),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def through(table: pl.DataFrame, bases: dict[str, tuple[str, ...]] | None = None) -> dict[str, list[Value]]:
    return decode(put_together({}, {}, {"t": pack(table, bases or {})})).tables["t"]


@given(st.lists(INTEGERS), st.lists(SIZES), st.lists(TEXTS))
def test_integers_and_texts_come_out_as_they_went_in(
    integers: list[int | None], sizes: list[int | None], texts: list[str]
) -> None:
    for values, kind in ((integers, pl.Int64), (sizes, pl.Int64), (texts, pl.String)):
        assert through(pl.DataFrame({"a": pl.Series(values, dtype=kind)}))["a"] == values


@given(st.lists(st.tuples(INTEGERS, INTEGERS, INTEGERS)))
def test_a_column_is_kept_as_what_exceeds_others(
    rows: list[tuple[int | None, int | None, int | None]],
) -> None:
    table = pl.DataFrame(rows, schema=dict.fromkeys("abc", pl.Int64), orient="row")
    assert through(table, {"b": ("a",), "c": ("a", "b")}) == table.to_dict(as_series=False)


@given(st.lists(st.integers(0, 2**64 - 4096).map(lambda at: at // 4096 * 4096)))
def test_addresses_up_to_the_end_of_the_address_space(starts: list[int]) -> None:
    table = pl.DataFrame({"start": pl.Series(starts, dtype=pl.UInt64)})
    assert through(table.with_columns(end=pl.col("start")), {"end": ("start",)})["end"] == starts


@pytest.mark.parametrize("words", [1, 2, 256, 257, 65537])
def test_texts_of_many_words(words: int) -> None:
    texts = [f"w{number}" for number in range(words)] * 2
    assert through(pl.DataFrame({"a": texts}))["a"] == texts


def test_unknown_text_is_empty_and_unknown_integers_are_null() -> None:
    table = pl.DataFrame({"a": [None, None], "b": [None, "x"]}, schema={"a": pl.Int64, "b": pl.String})
    assert through(table) == {"a": [None, None], "b": ["", "x"]}


def test_pages_are_counted_in_their_own_unit() -> None:
    sizes = [4096 * number for number in range(200)]
    assert pack(pl.DataFrame({"a": sizes})).columns["a"]["width"] == 1


def test_tables_stand_beside_each_other_and_one_after_the_other() -> None:
    first = pack(pl.DataFrame({"a": [1, 2]})).beside(pack(pl.DataFrame({"b": ["x", "y"]})))
    second = pack(pl.DataFrame({"c": [7, 8, 9]}))
    found = decode(put_together({"said": 1}, {"t": []}, {"one": first, "two": second}))
    assert found.tables == {"one": {"a": [1, 2], "b": ["x", "y"]}, "two": {"c": [7, 8, 9]}}
    assert (found.facts, found.declared, found.rows) == ({"said": 1}, {"t": []}, {"one": 2, "two": 3})
    with pytest.raises(ValueError, match="2 rows cannot stand beside 3"):
        first.beside(second)


def test_what_it_takes_is_known_before_it_is_put_together() -> None:
    table = pl.DataFrame({"a": [number * 7919 % 10007 for number in range(5000)]})
    packed = pack(table)
    whole = len(put_together({}, {}, {"t": packed}))
    assert abs(whole - packed.bytes) < in_base64(300)


def test_other_types_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="a: Float64 is neither"):
        pack(pl.DataFrame({"a": [1.5]}))


def test_the_same_tables_give_the_same_bytes() -> None:
    table = pl.DataFrame({"a": [3, 1, 2], "b": ["z", "x", "z"]})
    assert put_together({}, {}, {"t": pack(table)}) == put_together({}, {}, {"t": pack(table)})


def test_the_least_number_of_64_bits_is_refused() -> None:
    assert through(pl.DataFrame({"a": [1 - 2**63, 2**63 - 1]}))["a"] == [1 - 2**63, 2**63 - 1]
    with pytest.raises(OverflowError, match="a: -9223372036854775808 does not fit"):
        pack(pl.DataFrame({"a": [-(2**63), 1]}))
