"""A process after some claims, as the next step of a labeller sees it."""

from procmaps.kinds import Confidence, Kind
from procmaps.rules.labeller import Claim, without
from procmaps.rules.regions import OPEN
from procmaps.rules.rule import Rule
from tests.procmaps.rules.labelled import anon, process

HEAP = Rule("test.heap", Kind.JAVA_HEAP, Confidence.CERTAIN, "maps", "test", "{size}")
CODE = Rule("test.code", Kind.JAVA_CODE, Confidence.CERTAIN, "maps", "test", "{size}")
LINES = (anon(0x10000, 0x10000), anon(0x20000, 0x10000, "---p"), anon(0x40000, 0x10000))


def test_nothing_claimed_changes_nothing() -> None:
    one = process(*LINES)
    assert without(one, []) is one


def test_claims_cut_at_both_ends_and_across_regions() -> None:
    left = without(process(*LINES), [Claim(0x18000, 0x24000, HEAP)])
    assert [(r.position, r.start, r.end, r.kind) for r in left.regions] == [
        (0, 0x10000, 0x18000, OPEN),
        (1, 0x18000, 0x20000, Kind.JAVA_HEAP),
        (2, 0x20000, 0x24000, Kind.JAVA_HEAP),
        (3, 0x24000, 0x30000, OPEN),
        (4, 0x40000, 0x50000, OPEN),
    ]
    assert [(r.touches_below, r.touches_above) for r in left.regions] == [
        (False, True),
        (True, True),
        (True, True),
        (True, False),
        (False, False),
    ]
    # as in the engine, where a cut made the neighbour, no mapping's name is beside a piece
    assert [(bool(r.below), bool(r.above)) for r in left.regions] == [
        (False, False),
        (False, True),
        (True, False),
        (False, False),
        (False, False),
    ]
    assert [r.mapping for r in left.regions] == [0, 0, 1, 1, 2]
    assert len(left.vm_flags) == len(left.resident_bytes) == 5
    assert [region.start for region in left.unclaimed] == [0x10000, 0x24000, 0x40000]


def test_the_first_claim_has_what_is_claimed_twice() -> None:
    twice = [Claim(0x10000, 0x20000, HEAP), Claim(0x10000, 0x30000, CODE)]
    left = without(process(*LINES), twice)
    assert [r.kind for r in left.regions] == [Kind.JAVA_HEAP, Kind.JAVA_CODE, OPEN]


def test_several_cuts_in_one_region_and_claims_of_nothing() -> None:
    claims = [Claim(at, at + 0x1000, HEAP) for at in (0x12000, 0x14000, 0x60000)]
    left = without(process(*LINES), claims)
    assert [(r.start, r.end) for r in left.regions if r.kind == Kind.JAVA_HEAP] == [
        (0x12000, 0x13000),
        (0x14000, 0x15000),
    ]
    assert sum(region.size for region in left.regions) == 0x30000
