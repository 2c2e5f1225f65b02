"""Times for records and for people."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from domain.moments import epoch_s, in_zone, is_readable, written


def test_a_time_is_written_in_utc() -> None:
    moment = datetime(2026, 11, 29, 2, 30, 15, 999, tzinfo=timezone(timedelta(hours=1)))
    assert written(moment) == "2026-11-29T01:30:15+00:00"


@pytest.mark.parametrize("text", ["", "no time", "2026-11-29T01:30:15", "2026-13-01T00:00:00+00:00"])
def test_a_text_that_is_no_time_with_its_zone_counts_as_none(text: str) -> None:
    assert not is_readable(text)
    assert epoch_s(text) == 0


def test_seconds_since_1970() -> None:
    assert epoch_s("1970-01-01T01:00:10+01:00") == 10


@pytest.mark.parametrize(
    ("hour", "zone", "shown"),
    [
        (1, "UTC", "Sun 2026-11-29 01:30 UTC"),
        (1, "Africa/Abidjan", "Sun 2026-11-29 01:30 GMT"),
        (1, "Europe/Berlin", "Sun 2026-11-29 02:30 CET (01:30 UTC)"),
        (23, "Europe/Berlin", "Mon 2026-11-30 00:30 CET (Sun 23:30 UTC)"),
    ],
)
def test_a_time_in_a_zone_and_in_utc_where_that_differs(hour: int, zone: str, shown: str) -> None:
    assert in_zone(datetime(2026, 11, 29, hour, 30, tzinfo=UTC), zone) == shown
