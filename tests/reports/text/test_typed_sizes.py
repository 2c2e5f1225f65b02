import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reports.text.sizes import parse

UNITS = {"B": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50, "E": 2**60}


@pytest.mark.parametrize(
    ("typed", "size_bytes"),
    [
        ("4096", 4096),
        ("500M", 500 * 2**20),
        ("1.5 GiB", 3 * 2**29),
        ("64kb", 65536),
        ("0", 0),
        (" 2T ", 2**41),
    ],
)
def test_parse(typed: str, size_bytes: int) -> None:
    assert parse(typed) == size_bytes


@pytest.mark.parametrize("typed", ["", "G", "-1", "1.M", "1,5G", "0x10", "1 GB MB", "1e9", "٣"])
def test_what_is_no_size_is_refused_with_the_way_to_write_one(typed: str) -> None:
    with pytest.raises(ValueError, match="write it as 500M"):
        parse(typed)


@example(2**53 + 1, "B")
@given(st.integers(0, 2**62), st.sampled_from(sorted(UNITS)))
def test_whole_numbers_with_a_unit_are_read_exactly(amount: int, unit: str) -> None:
    assert parse(f"{amount}{'' if unit == 'B' else unit}") == amount * UNITS[unit]
