"""Cutting regions, and labelling what is claimed."""

import numpy as np
import pytest

from procmaps.rules.ledger import FEW_CUTS_COUNT, Labels, Ledger
from procmaps.rules.regions import is_multiple
from tests.procmaps.rules.labelled import anon, ledger

OPEN = 255


def claim(one: Ledger, *ranges: tuple[int, int], rule: int = 7, one_block: bool = True) -> None:
    """Claim ranges of the process: each by a rule and for a kind of its own, which are counted upward."""
    start, end = (np.array(column, np.int64) for column in zip(*ranges, strict=True))
    number = np.arange(len(ranges))
    labels = Labels(rule + number, 1 + number, np.full(len(ranges), one_block))
    one.label_ranges(np.zeros(len(ranges), np.int64), start, end, labels)


def spans(one: Ledger) -> list[tuple[int, int]]:
    return list(zip(one.regions.start.tolist(), one.regions.end.tolist(), strict=True))


def test_claims_keep_every_byte_and_cut_at_their_ends() -> None:
    one = ledger(anon(0x10000, 0x10000), anon(0x20000, 0x10000))
    claim(one, (0x12000, 0x14000), (0x14000, 0x28000))
    assert spans(one) == [
        (0x10000, 0x12000),
        (0x12000, 0x14000),
        (0x14000, 0x20000),
        (0x20000, 0x28000),
        (0x28000, 0x30000),
    ]
    assert one.regions.mapping.tolist() == [0, 0, 0, 1, 1]
    assert one.regions.size.tolist() == [0x2000, 0x2000, 0xC000, 0x8000, 0x8000]
    assert one.regions.touches_below.tolist() == [False, True, True, True, True]
    assert one.regions.kind.tolist() == [OPEN, 1, 2, 2, OPEN]
    assert one.regions.unclaimed.tolist() == [True, False, False, False, True]
    assert one.block[2] == one.block[3] >= 0


def test_a_claim_without_memory_changes_nothing() -> None:
    one = ledger(anon(0x10000, 0x10000))
    claim(one, (0x50000, 0x60000), (0x9000, 0x10000), (0x20000, 0x90000))
    assert spans(one) == [(0x10000, 0x20000)]
    assert one.regions.free.all()


def test_what_is_known_of_a_process_is_spread_over_its_regions_as_they_are_cut() -> None:
    one = ledger(anon(0x10000, 0x10000), anon(0x20000, 0x10000))
    claim(one, (0x28000, 0x30000))
    assert one.regions.spread(np.array([7])).tolist() == [7, 7, 7]
    assert one.regions.counts.tolist() == [3]
    assert one.regions.owners(one.regions.start == 0x28000).tolist() == [True]
    assert one.regions.owners(one.regions.start == 0x28001).tolist() == [False]


def test_nobody_but_the_ledger_writes() -> None:
    one = ledger(anon(0x10000, 0x10000), anon(0x20000, 0x10000))
    for moment in range(2):
        for column in (one.regions.kind, one.regions.end, one.regions.unclaimed):
            with pytest.raises(ValueError, match="read-only"):
                column[0] = 0
        claim(one, (0x18000, 0x20000), rule=moment)


def test_rows_that_have_a_kind_keep_it() -> None:
    one = ledger(anon(0x10000, 0x10000), anon(0x20000, 0x10000))
    claim(one, (0x10000, 0x20000))
    one.label_rows(np.ones(2, np.bool_), 9, 3)
    assert one.rule.tolist() == [7, 9]
    assert one.regions.kind.tolist() == [1, 3]


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
    one = ledger(anon(0x10000, 0x100000), anon(0x110000, 0x10000), anon(0x120000, 0x100000))
    low = (np.arange(1, cuts) * 0x1000 + 0x10000).tolist()
    claim(one, *((edge, edge) for edge in low), (0x121000, 0x121000))
    assert one.regions.start.tolist() == [0x10000, *low, 0x110000, 0x120000, 0x121000]
    assert one.regions.end.tolist() == [*low, 0x110000, 0x120000, 0x121000, 0x220000]
    assert one.regions.mapping.tolist() == [0] * cuts + [1, 2, 2]


def test_of_what_is_claimed_twice_the_first_claim_has_it() -> None:
    one = ledger(anon(0x10000, 0x10000), anon(0x20000, 0x10000), anon(0x30000, 0x10000))
    claim(one, (0x18000, 0x28000), (0x10000, 0x30000), (0x28000, 0x28000))
    assert spans(one) == [
        (0x10000, 0x18000),
        (0x18000, 0x20000),
        (0x20000, 0x28000),
        (0x28000, 0x30000),
        (0x30000, 0x40000),
    ]
    assert one.rule.tolist() == [8, 7, 7, 8, 0]
    assert one.regions.kind.tolist() == [2, 1, 1, 2, OPEN]
    # what is left of the second claim is one block as well
    first, second = one.block[1], one.block[0]
    assert one.block.tolist() == [second, first, first, second, -1]
    assert first != second


def test_claims_that_are_no_block_leave_each_region_its_own() -> None:
    one = ledger(anon(0x10000, 0x10000), anon(0x20000, 0x10000))
    claim(one, (0x10000, 0x30000), one_block=False)
    assert one.rule.tolist() == [7, 7]
    assert one.block.tolist() == [-1, -1]


def test_a_later_claim_does_not_change_an_earlier_one() -> None:
    one = ledger(anon(0x10000, 0x10000))
    claim(one, (0x10000, 0x20000))
    claim(one, (0x10000, 0x20000), rule=8)
    assert one.rule.tolist() == [7]
