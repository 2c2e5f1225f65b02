from datetime import UTC, datetime, timedelta

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from workers.life.crontab import Crontab, parse

INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"])
TEXTS = st.sampled_from(
    ["* * * * *", "30 2 * * *", "*/20 1-3 * * *", "0 0 1 * *", "15 4 13 * fri", "59 23 29 2 *", "0 3 * * 1-5"]
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def starts(crontab: Crontab, after: str, count: int) -> list[str]:
    found, instant = [], at(after)
    for _ in range(count):
        instant = crontab.next_after(instant)
        found.append(instant.astimezone(crontab.zone).strftime("%m-%d %H:%M%z"))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("58 4 * * *", ["11-23 04:58+0000", "11-24 04:58+0000"]),
        ("*/25 5 * * *", ["11-23 05:00+0000", "11-23 05:25+0000"]),
        ("10-50/20 0 * * *", ["11-24 00:10+0000", "11-24 00:30+0000"]),
        ("0 6 * * mon-wed,5", ["11-23 06:00+0000", "11-24 06:00+0000"]),
        ("0 6 * * 7", ["11-29 06:00+0000", "12-06 06:00+0000"]),
        ("0 6 * * SUN", ["11-29 06:00+0000", "12-06 06:00+0000"]),
        ("0 6 1 jan,dec *", ["12-01 06:00+0000", "01-01 06:00+0000"]),
        ("0 6 25 * thu", ["11-25 06:00+0000", "11-26 06:00+0000"]),  # as cron: the 25th, and Thursdays
        ("0 6 */2 * thu", ["12-03 06:00+0000", "12-17 06:00+0000"]),  # as cron: Thursdays with an odd date
        ("0 6 29 2 *", ["02-29 06:00+0000", "02-29 06:00+0000"]),
    ],
)
def test_a_crontab_is_due_as_in_cron(text: str, expected: list[str]) -> None:
    assert starts(parse(text), "2026-11-23T04:30:00+00:00", 2) == expected


def test_a_time_that_the_clock_skips_comes_as_much_later() -> None:
    nightly = parse("30 2 * * *", "Europe/Berlin")  # on 29 March 2026 it goes from 2:00 to 3:00
    expected = ["03-28 02:30+0100", "03-29 03:30+0200", "03-30 02:30+0200"]
    assert starts(nightly, "2026-03-27T12:00:00+00:00", 3) == expected


def test_a_time_that_comes_twice_counts_once() -> None:
    nightly = parse("30 2 * * *", "Europe/Berlin")  # on 25 October 2026 it goes from 3:00 back to 2:00
    expected = ["10-25 02:30+0200", "10-26 02:30+0100"]
    assert starts(nightly, "2026-10-24T12:00:00+00:00", 2) == expected


@given(TEXTS, ZONES, INSTANTS)
def test_next_and_last_meet(text: str, zone: str, instant: datetime) -> None:
    crontab = parse(text, zone)
    following = crontab.next_after(instant)
    assert following > instant
    assert crontab.last_until(following) == following
    last = crontab.last_until(following - timedelta(microseconds=1))
    assert last <= instant
    assert crontab.next_after(last) == following


def fields(first: int, last: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    """What a field of a crontab can be, in the notation that all crons share."""
    numbers = st.integers(first, last)
    # the other one reads A-A/N as A/N
    pairs = st.lists(numbers, min_size=2, max_size=2, unique=True).map(sorted)
    spans = pairs.map(lambda ends: f"{ends[0]}-{ends[1]}")
    steps = st.tuples(st.just("*") | spans, st.integers(1, last)).map(lambda parts: f"{parts[0]}/{parts[1]}")
    singles = numbers.map(str) | (st.sampled_from(names) if names else st.nothing())
    return st.just("*") | steps | st.lists(singles | spans, min_size=1, max_size=3).map(",".join)


CRONTABS = st.tuples(
    fields(0, 59),
    fields(0, 23),
    fields(1, 28),
    fields(1, 12, ("jan", "Sep", "DEC")),
    fields(0, 7, ("sun", "Wed", "SAT")),
).map(" ".join)


@given(CRONTABS, INSTANTS)
def test_where_no_clock_changes_it_is_due_as_another_cron_is(text: str, instant: datetime) -> None:
    crontab, instant = parse(text), instant.replace(microsecond=0)
    assert crontab.next_after(instant) == next(CronSim(text, instant))
    assert crontab.last_until(instant - timedelta(microseconds=1)) == next(
        CronSim(text, instant, reverse=True)
    )


def test_a_29_february_on_one_weekday_can_be_40_years_away() -> None:
    crontab = parse("0 6 29 2 */7")  # the star makes it: on Sundays that are a 29 February
    assert crontab.next_after(at("2088-03-01T00:00:00+00:00")).year == 2128
    assert crontab.last_until(at("2128-02-29T05:00:00+00:00")).year == 2088


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "five fields"),
        ("@daily", "five fields"),
        ("* * * * * *", "five fields"),
        ("60 * * * *", "minute: '60' is not from 0 to 59"),
        ("* 24 * * *", "hour: '24'"),
        ("* * 0 * *", "day of the month: '0'"),
        ("* * * 13 *", "month: '13'"),
        ("* * * * 8", "weekday: '8'"),
        ("* * * * tues", "weekday: 'tues'"),
        ("5-1 * * * *", "minute: the range 5-1 runs backwards"),
        ("*/0 * * * *", "minute: the step '0'"),
        ("*/60 * * * *", "minute: the step '60'"),
        ("5/10 * * * *", "minute: a step needs a range"),
        ("-1 * * * *", "minute: ''"),
        ("1,,2 * * * *", "minute: ''"),
        ("\u0661 * * * *", "minute"),
        ("9" * 5000 + " * * * *", "minute"),
        ("0 0 31 2 *", "no day matches"),
    ],
)
def test_what_is_no_crontab_says_why(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=r"^") as raised:
        parse(text)
    assert said in str(raised.value)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "Europe"])
def test_what_is_no_time_zone_says_so(zone: str) -> None:
    with pytest.raises(ValueError, match="IANA"):
        parse("* * * * *", zone)


@given(st.text(max_size=30))
def test_any_text_is_a_crontab_or_a_value_error(text: str) -> None:
    try:
        crontab = parse(text)
    except ValueError:
        return
    assert crontab.times
