"""Labellers get their turns, and see what they asked to see."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.engine import label
from procmaps.rules.labeller import Claim, ProcessLabeller
from procmaps.rules.ledger import Ledger
from procmaps.rules.marks import BIT
from procmaps.rules.process import Process
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags
from tests.procmaps.rules.labelled import anon, ledger

AT = 0x10000
PAGE = 4096
SMALL = Rule("test.small", Kind.THREAD_STACK, Confidence.CERTAIN, "maps", "test", "{size}")
# pages of 1, 2, 2, 1, 2 and 2, of which the first four touch
SIZES = (1, 2, 2, 1, 2, 2)
STARTS = (AT, AT + PAGE, AT + 3 * PAGE, AT + 5 * PAGE, AT + 16 * PAGE, AT + 18 * PAGE)


def host(*, in_detail: bool = True, **known: Any) -> Ledger:
    lines = (anon(start, size * PAGE) for start, size in zip(STARTS, SIZES, strict=True))
    return ledger(*lines, in_detail=np.array([in_detail]), **known)


def shown(one: Ledger, seen: list[bool], where: list[bool] | None = None) -> list[Process]:
    """What a labeller is shown that asks to see these regions."""
    given: list[Process] = []

    def find(process: Process) -> Iterator[Claim]:
        given.append(process)
        yield from (Claim(region.start, region.end, SMALL) for region in process.regions)

    def sees(_: Regions) -> Flags:
        return np.array(seen)

    chosen = None if where is None else lambda _: np.array(where)
    label(one, [ProcessLabeller("test", (SMALL,), find, where=chosen, sees=sees)], {"test.small": 3})
    return given


def test_a_labeller_sees_the_regions_that_it_asks_for() -> None:
    one = host()
    (process,) = shown(one, [True, True, False, True, False, True])
    assert [region.start for region in process.regions] == [STARTS[row] for row in (0, 1, 3, 5)]
    assert [region.position for region in process.regions] == [0, 1, 2, 3]
    assert len(process.vm_flags) == len(process.resident_bytes) == 4
    assert (one.rule == 3).tolist() == [True, True, False, True, False, True]


def test_regions_touch_only_if_both_are_seen() -> None:
    (process,) = shown(host(), [True, True, False, True, True, True])
    assert [region.touches_below for region in process.regions] == [False, True, False, False, True]
    assert [region.touches_above for region in process.regions] == [True, False, False, True, False]
    first, second, lone, *_ = process.regions
    assert process.above(first) == second
    assert process.below(second) == first
    assert process.above(second) is None
    assert process.below(lone) is None


def test_a_labeller_whose_marks_nobody_carries_is_not_asked() -> None:
    asked: list[Regions] = []

    def everywhere(regions: Regions) -> Flags:
        asked.append(regions)
        return np.ones(1, np.bool_)

    def find(process: Process) -> Iterator[Claim]:
        yield Claim(AT, AT + PAGE, SMALL)

    labeller = ProcessLabeller("test", (SMALL,), find, marks=("jvm", "v8"), where=everywhere)
    one = host()
    label(one, [labeller], {"test.small": 3})
    assert not asked
    assert not one.rule.any()
    marked = host(marks=np.array([BIT["v8"]]))
    label(marked, [labeller], {"test.small": 3})
    assert len(asked) == 1
    assert marked.rule.tolist() == [3, 0, 0, 0, 0, 0]


def test_a_process_of_which_nothing_is_seen_is_not_shown() -> None:
    assert not shown(host(), [False] * 6)
    assert not shown(host(), [True] * 6, where=[False])
    assert not shown(host(in_detail=False), [True] * 6)
