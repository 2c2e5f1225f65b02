import pytest

from procmaps.amounts import KIB
from reports.text.sizes import DASH, MIB, duration, growth, number, size, when

GIB = 2**30


@pytest.mark.parametrize(
    ("amount_bytes", "text"),
    [
        (0, "0"),
        (1, "1 B"),
        (1023, "1023 B"),
        (KIB, "1.0 KiB"),
        (99 * MIB + 972 * KIB, "99.9 MiB"),
        (99 * MIB + 1023 * KIB, "100 MiB"),  # not 100.0
        (1023 * MIB + 512 * KIB, "1,024 MiB"),
        (1023 * MIB + 1000 * KIB, "1.0 GiB"),  # not 1,024 MiB
        (int(412.4 * GIB), "412 GiB"),
        (2**63 - 1, "8.0 EiB"),
    ],
)
def test_three_digits_and_a_unit(amount_bytes: int, text: str) -> None:
    assert size(amount_bytes) == text


def test_unknown_is_a_dash_and_never_zero() -> None:
    assert size(None) == number(None) == growth(None) == DASH
    assert size(None, plain=True) == number(None, plain=True) == growth(None, plain=True) == "-"


def test_a_bound_is_marked_and_nothing_at_most_is_nothing() -> None:
    assert size(3 * GIB, bound=True) == "≤ 3.0 GiB"
    assert size(3 * GIB, bound=True, plain=True) == "<= 3.0 GiB"
    assert size(0, bound=True) == "0"
    assert size(None, bound=True) == DASH


def test_growth_has_a_sign() -> None:
    assert [growth(amount) for amount in (GIB, -GIB, 0)] == ["+1.0 GiB", "-1.0 GiB", "0"]


def test_times() -> None:
    assert when("2026-11-22T05:00:00Z") == when("2026-11-22T06:00:00+01:00") == "22 Nov 2026 05:00 UTC"
    assert when("soon") == "soon"
    assert when("") == DASH
    assert [duration(s) for s in (0, 59.6, 3599, 86399, 90000)] == [
        "0 s",
        "1 min 0 s",
        "59 min 59 s",
        "23 h 59 min",
        "1 d 1 h",
    ]
