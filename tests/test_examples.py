"""Examples that Hypothesis draws: the same in each run of the tests, however slow the machine is."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def test_a_property_gets_the_same_examples_each_time() -> None:
    if not settings().derandomize:
        pytest.skip("other examples each time are asked for")
    drawn: list[int] = []

    @given(st.integers())
    def prop(number: int) -> None:
        drawn.append(number)

    prop()
    half = len(drawn)
    prop()
    assert drawn[:half] == drawn[half:]
    assert len(set(drawn)) > half / 4


def slowly(number: int) -> int:
    time.sleep(0.15)
    return number


@pytest.mark.slow
def test_examples_that_take_long_to_draw_are_no_failure() -> None:
    @settings(max_examples=12)
    @given(st.integers().map(slowly))
    def prop(_number: int) -> None:
        """Holds for all."""

    prop()
