"""Services from parts of the fleet are those of the fleet as a whole, whatever lies in which part."""

from itertools import pairwise

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from reports.closing import service_table
from reports.tables.measures import LEAST, MOST, NATIVE, RANKED

_SIZES = (
    *(*RANKED, "growth_bytes", "anon_growth_bytes", "rss_anon_bytes", "swap_bytes"),
    *("native_heap_resident_bytes", "stacks_resident_bytes", LEAST, MOST),
)
_SUMS = (*_SIZES, "guessed_bytes", "present_bytes")
_SCHEMA = {
    "host": pl.String,
    "service": pl.String,
    "doubtful": pl.String,
    **dict.fromkeys(_SUMS, pl.Int64),
}
_AMOUNT = st.one_of(st.none(), st.integers(0, 4), st.integers(2**20, 2**30))
_HOSTS = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.lists(
        st.fixed_dictionaries(
            {
                "service": st.sampled_from(("", "api", "db")),
                "doubtful": st.sampled_from(("", "no", "yes")),
                **dict.fromkeys(_SUMS, _AMOUNT),
            }
        ),
        max_size=5,
    ),
    max_size=8,
)


def table(parts: list[pl.DataFrame]) -> pl.DataFrame:
    medians = service_table.medians(service_table.amounts(part) for part in parts)
    return service_table.combined([service_table.of_part(part, medians) for part in parts], medians)


@given(_HOSTS, st.lists(st.integers(0, 8), max_size=3))
def test_parts_add_up_to_the_whole(
    hosts: dict[str, list[dict[str, int | str | None]]], cuts: list[int]
) -> None:
    names = sorted(hosts)
    bounds = [0, *sorted(cuts), len(names)]
    parts = [
        pl.DataFrame([{"host": name, **row} for name in names[begin:end] for row in hosts[name]], _SCHEMA)
        for begin, end in pairwise(bounds)
    ]
    assert_frame_equal(table(parts), table([pl.concat(parts)]))


def rows(native: list[int | None], host: str = "a") -> pl.DataFrame:
    return pl.DataFrame([{"host": host, "service": "api", NATIVE: amount} for amount in native], _SCHEMA)


def test_bloat_is_judged_by_the_median_of_the_fleet_and_not_of_a_part() -> None:
    mib = 2**20
    found = table([rows([100 * mib] * 9, "a"), rows([400 * mib, None], "b")]).row(0, named=True)
    assert (found["native_heap_median_bytes"], found["bloated"], found["members"]) == (100 * mib, 1, 10)
    assert (found["largest_host"], found["hosts"], found[NATIVE]) == ("b", 2, 1300 * mib)


def test_a_bound_in_one_part_makes_the_resident_sum_unknown_and_a_part_that_nobody_read_does_not() -> None:
    resident = "native_heap_resident_bytes"
    known = rows([7, 9]).with_columns(pl.col(NATIVE).alias(resident))
    unread = rows([None], "b")
    assert table([known, unread])[resident].to_list() == [16]
    assert table([known, unread, rows([1], "c")])[resident].to_list() == [None]
