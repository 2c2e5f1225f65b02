"""Cutting and taking parts."""

import numpy as np
import pytest

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import Draft, Facts
from procmaps.rules.names import read_codes
from tests.procmaps.rules.labelled import anon, read


def draft(*lines: str) -> Draft:
    snapshot = read("".join(lines))
    one = np.array([-1], np.int64)
    no = np.zeros(1, np.bool_)
    facts = Facts(np.zeros(1, np.uint32), no, no, one, one, one, no)
    return Draft(snapshot, facts, read_codes(snapshot.maps), np.arange(len(snapshot.maps)))


def spans(one: Draft) -> list[tuple[int, int]]:
    return [(int(low), int(high)) for low, high in zip(one.start, one.end, strict=True)]


def test_cuts_keep_every_byte() -> None:
    one = draft(anon(0x10000, 0x10000), anon(0x20000, 0x10000))
    one.cut(np.array([0, 0, 1, 1, 0]), np.array([0x14000, 0x12000, 0x20000, 0x28000, 0x14000]))
    assert spans(one) == [
        (0x10000, 0x12000),
        (0x12000, 0x14000),
        (0x14000, 0x20000),
        (0x20000, 0x28000),
        (0x28000, 0x30000),
    ]
    assert one.mapping.tolist() == [0, 0, 0, 1, 1]
    assert one.touches_below.tolist() == [False, True, True, True, True]


def test_a_cut_outside_its_part_splits_nothing() -> None:
    one = draft(anon(0x10000, 0x10000))
    one.cut(np.array([0, 0, 0]), np.array([0x10000, 0x20000, 0x90000]))
    assert spans(one) == [(0x10000, 0x20000)]


def test_taking_a_range_cuts_at_both_ends_and_makes_a_block() -> None:
    one = draft(anon(0x10000, 0x10000), anon(0x20000, 0x10000))
    mask = one.take(np.array([0]), np.array([0x18000]), np.array([0x24000]))
    assert [span for span, taken in zip(spans(one), mask, strict=True) if taken] == [
        (0x18000, 0x20000),
        (0x20000, 0x24000),
    ]
    assert len(set(one.block[mask].tolist())) == 1


@pytest.mark.parametrize(
    ("runner_up", "second"),
    [
        (Kind.HEAP_MMAP, [Kind.HEAP_MMAP, Kind.RESERVED]),
        (Kind.RESERVED, [Kind.ANONYMOUS, Kind.RESERVED]),
        (Kind.HEAP_ARENA, [Kind.HEAP_ARENA, Kind.HEAP_ARENA]),  # nothing came second
    ],
)
def test_what_came_second_is_closed_only_where_the_part_is(runner_up: Kind, second: list[Kind]) -> None:
    one = draft(anon(0x10000, 0x10000), anon(0x20000, 0x10000, "---p"))
    one.label(np.ones(2, np.bool_), 0, Kind.HEAP_ARENA, Confidence.CERTAIN, runner_up)
    assert one.runner_up.tolist() == second


def test_a_range_without_parts_takes_nothing() -> None:
    one = draft(anon(0x10000, 0x10000))
    assert not one.take(np.array([0]), np.array([0x50000]), np.array([0x60000])).any()
    assert one.take_spans([]) is None
