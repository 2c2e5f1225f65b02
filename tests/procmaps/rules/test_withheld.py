"""Memory that is withheld from a rule goes to the next labeller, whatever form the claim has."""

from collections.abc import Iterator

import numpy as np
import pytest

from procmaps.classify import classify
from procmaps.rules.book import RULES
from procmaps.rules.labeller import Claim, Labeller, ProcessLabeller, Ranges, RegionLabeller
from procmaps.rules.process import Process
from procmaps.rules.regions import Regions
from procmaps.rules.withheld import Withheld
from procmaps.tables import Flags
from tests.procmaps.rules.labelled import anon, read

BASE = 0x7E0000000000
PAGE = 4096
RULE = {rule.name: rule for rule in RULES}
CHUNK, REST = RULE["glibc.mmapped"], RULE["rest.anonymous"]


def claimed(process: Process) -> Iterator[Claim]:
    """From the second page to the last but one, as one block."""
    for region in process.unclaimed:
        yield Claim(region.start + PAGE, region.end - PAGE, CHUNK)


def ranges(regions: Regions) -> Ranges:
    return Ranges(regions.process, regions.start + PAGE, regions.end - PAGE)


def regions(regions: Regions) -> Flags:
    return regions.unclaimed


LAST = RegionLabeller("last", (REST,), regions)
BY_CLAIM = ProcessLabeller("claims", (CHUNK,), claimed)
BY_RANGES = RegionLabeller("ranges", (CHUNK,), ranges)
BY_FLAGS = RegionLabeller("flags", (CHUNK,), regions)


def labels(
    first: Labeller, *withheld: tuple[int, int], rule: str = CHUNK.name
) -> list[tuple[int, int, str, int]]:
    """Of a region of ten pages: first and last page of each part, its rule, and where its block begins."""
    snapshot = read(anon(BASE, 10 * PAGE))
    kept = [Withheld(0, rule, BASE + low * PAGE, BASE + high * PAGE) for low, high in withheld]
    parts = classify(snapshot, labellers=(first, LAST), withheld=kept)
    edges = np.stack((parts.start, parts.end, parts.start[parts.block])).astype(np.int64)
    starts, ends, blocks = ((edges - BASE) // PAGE).tolist()
    names = [RULES[rule].name for rule in parts.rule.tolist()]
    return list(zip(starts, ends, names, blocks, strict=True))


@pytest.mark.parametrize("first", [BY_CLAIM, BY_RANGES], ids=lambda labeller: labeller.name)
class TestARange:
    def test_is_whole_where_nothing_is_withheld(self, first: Labeller) -> None:
        assert labels(first) == [(0, 1, REST.name, 0), (1, 9, CHUNK.name, 1), (9, 10, REST.name, 9)]

    def test_is_not_even_cut_if_all_of_it_is_withheld(self, first: Labeller) -> None:
        assert labels(first, (1, 9)) == [(0, 10, REST.name, 0)]
        assert labels(first, (0, 10)) == [(0, 10, REST.name, 0)]

    def test_keeps_what_is_left_on_either_side(self, first: Labeller) -> None:
        assert [part[:3] for part in labels(first, (3, 4), (6, 7))] == [
            (0, 1, REST.name),
            (1, 3, CHUNK.name),
            (3, 4, REST.name),
            (4, 6, CHUNK.name),
            (6, 7, REST.name),
            (7, 9, CHUNK.name),
            (9, 10, REST.name),
        ]

    def test_is_whole_if_other_memory_or_another_rule_is_meant(self, first: Labeller) -> None:
        assert labels(first, (9, 10)) == labels(first)
        assert labels(first, (0, 1)) == labels(first)
        assert labels(first, (1, 9), rule="java.cds") == labels(first)


def test_a_region_is_withheld_if_it_begins_in_the_memory() -> None:
    assert labels(BY_FLAGS) == [(0, 10, CHUNK.name, 0)]
    assert labels(BY_FLAGS, (0, 10)) == [(0, 10, REST.name, 0)]
    assert labels(BY_FLAGS, (10, 11)) == labels(BY_FLAGS)


def test_the_same_memory_of_another_process_is_not_meant() -> None:
    snapshot = read(anon(BASE, 10 * PAGE))
    kept = [Withheld(1, CHUNK.name, BASE, BASE + 10 * PAGE)]
    parts = classify(snapshot, labellers=(BY_CLAIM, LAST), withheld=kept)
    assert [RULES[rule].name for rule in parts.rule.tolist()] == [REST.name, CHUNK.name, REST.name]
