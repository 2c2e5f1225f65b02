from datetime import timedelta

import pytest

from mapsweep.durations import parse, short


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("26h", 93_600),
        ("90m", 5400),
        (" 1D ", 86_400),
        ("1h30m", 5400),
        ("1w2d3h4m5s", 788_645),
        ("45s", 45),
        ("2w", 1_209_600),
        ("3650d", 315_360_000),
    ],
)
def test_times_as_they_are_typed(text: str, seconds: int) -> None:
    assert parse(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "26", "h", "-1h", "0h", "1e3h", "26 hours", "1.5d", "30m1h", "3651d", "9999999999h", "\u0661h"],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration|must be more than 0"):
        parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "?"),
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (3599, "59m"),
        (3600, "1h"),
        (172_799, "47h"),
        (172_800, "2d"),
        (86_400_000 - 1, "999d"),
        (86_400_000, "2y"),
    ],
)
def test_an_age_in_four_characters(seconds: int, text: str) -> None:
    assert short(timedelta(seconds=seconds)) == text
