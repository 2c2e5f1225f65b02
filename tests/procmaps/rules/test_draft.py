"""Cutting and taking parts."""

import numpy as np
import pytest

from procmaps.rules.draft import FEW_CUTS_COUNT, Draft, Facts, is_multiple
from procmaps.rules.kernel_names import read_codes
from tests.procmaps.rules.labelled import anon, read


def draft(*lines: str) -> Draft:
    snapshot = read("".join(lines))
    one = np.array([-1], np.int64)
    no = np.zeros(1, np.bool_)
    facts = Facts(np.zeros(1, np.uint32), {}, no, no, one, one, one, no, no)
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


def test_a_range_without_parts_takes_nothing() -> None:
    one = draft(anon(0x10000, 0x10000))
    assert not one.take(np.array([0]), np.array([0x50000]), np.array([0x60000])).any()
    assert one.take_spans([]) is None


def test_what_is_known_of_a_process_is_spread_over_its_parts_as_they_are_cut() -> None:
    one = draft(anon(0x10000, 0x10000), anon(0x20000, 0x10000))
    one.cut(np.array([1]), np.array([0x28000]))
    assert one.spread(np.array([7])).tolist() == [7, 7, 7]
    assert one.owners(one.start == 0x28000).tolist() == [True]
    assert one.owners(one.start == 0x28001).tolist() == [False]


def test_multiples_of_a_power_of_two() -> None:
    assert is_multiple(np.array([0, 4096, 4097, 6144, 8192]), 4096).tolist() == [
        True,
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("cuts", [FEW_CUTS_COUNT, FEW_CUTS_COUNT + 1])
def test_few_cuts_and_many_do_the_same(cuts: int) -> None:
    one = draft(anon(0x10000, 0x100000), anon(0x110000, 0x10000), anon(0x120000, 0x100000))
    low, high = np.arange(1, cuts) * 0x1000 + 0x10000, np.array([0x121000])
    one.cut(np.array([0] * (cuts - 1) + [2]), np.concatenate((low, high)))
    assert one.start.tolist() == [0x10000, *low.tolist(), 0x110000, 0x120000, 0x121000]
    assert one.end.tolist() == [*low.tolist(), 0x110000, 0x120000, 0x121000, 0x220000]
    assert one.mapping.tolist() == [0] * cuts + [1, 2, 2]


def test_of_what_is_claimed_twice_the_first_claim_has_it() -> None:
    one = draft(anon(0x10000, 0x10000), anon(0x20000, 0x10000), anon(0x30000, 0x10000))
    claims = [(0x18000, 0x28000), (0x10000, 0x30000), (0x28000, 0x28000)]
    start, end = (np.array(column) for column in zip(*claims, strict=True))
    one.settle(np.zeros(3, np.int64), start, end, [(7, 1, True), (8, 2, True), (9, 3, True)])
    assert spans(one) == [
        (0x10000, 0x18000),
        (0x18000, 0x20000),
        (0x20000, 0x28000),
        (0x28000, 0x30000),
        (0x30000, 0x40000),
    ]
    assert one.rule.tolist() == [8, 7, 7, 8, 0]
    assert one.kind.tolist() == [2, 1, 1, 2, 255]
    assert one.free.tolist() == [False] * 4 + [True]
    # what is left of the second claim is one block as well
    first, second = one.block[1], one.block[0]
    assert one.block.tolist() == [second, first, first, second, -1]
    assert first != second


def test_claims_that_are_no_block_leave_each_part_its_own() -> None:
    one = draft(anon(0x10000, 0x10000), anon(0x20000, 0x10000))
    one.settle(np.array([0]), np.array([0x10000]), np.array([0x30000]), [(7, 1, False)])
    assert one.rule.tolist() == [7, 7]
    assert one.block.tolist() == [-1, -1]


def test_claims_of_what_is_labelled_and_of_no_memory_change_nothing() -> None:
    one = draft(anon(0x10000, 0x10000))
    for rule in (7, 8):
        one.settle(
            np.zeros(2, np.int64),
            np.array([0x10000, 0x50000]),
            np.array([0x20000, 0x60000]),
            [(rule, 1, True)] * 2,
        )
    assert one.rule.tolist() == [7]
