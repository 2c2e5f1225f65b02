"""What other rules would have called a part, and why they lost."""

import re

import numpy as np
import pytest

from procmaps.classify import classify
from procmaps.kinds import Kind
from procmaps.losers import LOSERS_LIMIT_COUNT, REMAINDER, Loser, losers_by_block
from procmaps.reasons import bounds_of_block
from procmaps.rules.book import LABELLERS, RULES
from procmaps.rules.order import precedences
from procmaps.rules.withheld import Withheld
from procmaps.tables import Evidence, PartTable, Snapshot
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, read, sorted_maps
from tests.truth.cases import cases
from tests.truth.scorer import predict

MIB = 2**20
BASE = 0x7E0000000000
ARENA = sorted_maps(LIBC, BRK_HEAP, anon(BASE, MIB), anon(BASE + MIB, 63 * MIB, "---p"))
SMALL = [case for case in cases()[::6] if len(case.files["maps"]) < 16_000]
OWNER = {rule.name: labeller.name for labeller in LABELLERS for rule in labeller.gives}
EDGES = {(edge.first, edge.then): edge for edge in precedences(LABELLERS)}
DIRECT = {
    (winner, loser): EDGES[first, then]
    for winner, first in OWNER.items()
    for loser, then in OWNER.items()
    if (first, then) in EDGES
}
PLACE = {rule.name: place for place, labeller in enumerate(LABELLERS) for rule in labeller.gives}


def labelled(maps: str) -> tuple[Snapshot, PartTable]:
    snapshot = read(maps)
    return snapshot, classify(snapshot)


def losers(snapshot: Snapshot, parts: PartTable, row: int) -> tuple[Loser, ...]:
    return losers_by_block(snapshot, Evidence.MAPS, parts)[int(parts.block[row])]


def row_at(parts: PartTable, address: int) -> int:
    return int(np.flatnonzero(parts.start == np.uint64(address))[0])


def test_the_losers_of_an_arena_are_the_large_chunk_and_the_remainder() -> None:
    snapshot, parts = labelled(ARENA)
    found = losers(snapshot, parts, row_at(parts, BASE))
    assert RULES[int(parts.rule[row_at(parts, BASE)])].name == "glibc.arena"
    sizes = {(one.rule.name, one.size_bytes) for one in found}
    # 1 MiB that is accessible would be a large chunk, but for its round size; the rest would be a reserve
    assert ("rest.reserved", 63 * MIB) in sizes
    assert found[-1].rule.kind is Kind.ANONYMOUS
    assert all(0 < one.size_bytes <= 64 * MIB for one in found)


def test_the_answer_is_that_of_the_process_without_the_claim() -> None:
    for case in SMALL:
        snapshot, parts = predict(case, "maps")
        for row, found in list(losers_by_block(snapshot, Evidence.MAPS, parts).items())[::9]:
            if found:
                start, end = bounds_of_block(parts, row)
                kept = [Withheld(0, RULES[int(parts.rule[row])].name, start, end)]
                now = classify(snapshot, Evidence.MAPS, withheld=kept)
                at = int(now.start.searchsorted(np.uint64(start), "right")) - 1
                assert RULES[int(now.rule[at])] in {one.rule for one in found}


def test_the_remainder_says_what_it_is() -> None:
    snapshot, parts = labelled(sorted_maps(LIBC, BRK_HEAP, anon(BASE, 3 * MIB + 20 * 4096)))
    found = losers(snapshot, parts, row_at(parts, BASE))
    assert [(one.rule.name, one.reason) for one in found] == [("rest.anonymous", REMAINDER)]


def test_the_reason_is_that_of_the_edge_or_says_how_far_apart_the_two_are() -> None:
    used = 132 * 1024
    chunk = sorted_maps(LIBC, BRK_HEAP, anon(BASE, used), anon(BASE + used, 64 * MIB - used, "---p"))
    snapshot, parts = labelled(chunk)
    reasons = {one.rule.name: one.reason for one in losers(snapshot, parts, row_at(parts, BASE))}
    far = re.fullmatch(
        r"glibc\.mmapped comes after glibc\.arena, and \d+ others come between them", reasons["glibc.mmapped"]
    )
    assert far
    for case in SMALL:
        snapshot, parts = predict(case, "maps")
        for row, found in losers_by_block(snapshot, Evidence.MAPS, parts).items():
            winner = RULES[int(parts.rule[row])].name
            for one in found:
                edge = DIRECT.get((winner, one.rule.name))
                assert (
                    edge is None
                    or one.reason == f"{edge.then} comes after {edge.first}, because {edge.reason}"
                )


@pytest.mark.parametrize("address", [0x555500000000, 0x7F0000400000], ids=["heap", "file"])
def test_what_a_name_decides_has_no_losers(address: int) -> None:
    snapshot, parts = labelled(sorted_maps(LIBC, BRK_HEAP))
    assert losers(snapshot, parts, row_at(parts, address)) == ()


def test_the_remainder_has_no_losers() -> None:
    snapshot, parts = labelled(anon(BASE, 4096, "r--p"))
    assert RULES[int(parts.rule[0])].kind is Kind.ANONYMOUS
    assert losers(snapshot, parts, 0) == ()


def test_losers_of_known_processes_come_later_and_each_is_a_rule_of_its_own() -> None:
    for case in SMALL:
        snapshot, parts = predict(case, "maps")
        for row, found in losers_by_block(snapshot, Evidence.MAPS, parts).items():
            winner = RULES[int(parts.rule[row])].name
            names = [one.rule.name for one in found]
            assert winner not in names
            assert len(names) <= LOSERS_LIMIT_COUNT
            assert all(PLACE[name] >= PLACE[winner] for name in names)
            assert all(one.reason for one in found)


def test_the_largest_blocks_are_told_as_far_as_the_limit_allows() -> None:
    snapshot, parts = labelled(
        sorted_maps(LIBC, BRK_HEAP, *(anon(BASE + at * 64 * MIB, at * 3 * MIB + 4096) for at in range(1, 9)))
    )
    everything = losers_by_block(snapshot, Evidence.MAPS, parts)
    assert set(everything) == set(parts.block.tolist())
    chunks = {row_at(parts, BASE + at * 64 * MIB): at for at in range(1, 9)}
    each = LOSERS_LIMIT_COUNT * len(snapshot.maps)
    for limit, told in ((8 * each, 8), (8 * each - 1, 7), (each, 1), (0, 1)):
        some = losers_by_block(snapshot, Evidence.MAPS, parts, limit)
        assert sorted(chunks[row] for row in some if row in chunks) == [*range(9 - told, 9)]
        assert some.items() <= everything.items()
