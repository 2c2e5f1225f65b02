import pytest

from reports.findings.forecast import DAY_S, DAYS_MOST, RUNS_LEAST, Forecast, forecast, when_full

GIB = 2**30


def of(*sizes: float, room: int | None = 60 * GIB) -> float | None:
    """Days, of sizes in GiB on nights one after the other."""
    return told(*sizes, room=room).days


def told(*sizes: float, room: int | None = 60 * GIB) -> Forecast:
    return forecast([night * DAY_S for night in range(len(sizes))], [int(size * GIB) for size in sizes], room)


def test_a_line_gives_the_days_until_the_host_is_full() -> None:
    assert of(1, 2, 3, 4) == pytest.approx(60)
    assert of(1, 2, 3, 4, room=GIB) == pytest.approx(1)
    assert of(1, 2, 3, 4, room=0) == pytest.approx(0)
    assert of(10, 11.9, 14, 16.1, 18) == pytest.approx(30, rel=0.1)


def test_fewer_runs_say_how_many_are_needed() -> None:
    assert told(1, 2).why_not == "needs 2 more runs without a restart"
    assert told(1, 2, 3).why_not == "needs 1 more run without a restart"
    assert told(*range(1, RUNS_LEAST + 1)).days is not None


@pytest.mark.parametrize(
    "sizes",
    [
        (1, 5, 2, 6, 3, 7),  # a sawtooth
        (1, 9, 9, 9, 9, 9),  # a step
        (1, 1, 1, 1, 1, 9),  # the same, later
        (4, 3, 2, 1),
        (2, 2, 2, 2),
        (1, 2, 3, 4, 4, 4, 4),  # it has stopped
    ],
)
def test_what_is_no_line_cannot_be_told(sizes: tuple[float, ...]) -> None:
    found = told(*sizes)
    assert found.days is None
    assert "no line" in found.why_not


def test_a_small_dip_is_none() -> None:
    assert of(1, 2, 3, 2.9, 4, 5, 6) is not None


def test_unknown_room_and_far_days_are_not_told() -> None:
    assert told(1, 2, 3, 4, room=None).days is None
    assert of(1, 2, 3, 4, room=(DAYS_MOST - 1) * GIB) is not None
    assert told(1, 2, 3, 4, room=(DAYS_MOST + 1) * GIB).why_not == "at this rate not within a year"


def test_two_runs_at_the_same_time_are_no_line() -> None:
    assert forecast([0.0] * 4, [1, 2, 3, 4], GIB).days is None


def test_days_are_rounded() -> None:
    told = {
        (0.2, None): "within a day",
        (1.4, None): "in about 1 day",
        (5.6, None): "in about 6 days",
        (5.6, 2.7): "in about 3 to 6 days",
        (5.6, 5.5): "in about 6 days",
        (5.6, 0.4): "within 6 days",
        (1.2, 0.4): "within 1 day",
        (0.4, 0.0): "within a day",
    }
    assert {each: when_full(Forecast(each[0], earliest_days=each[1])) for each in told} == told
