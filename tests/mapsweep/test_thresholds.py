"""Which thresholds a report meets."""

from dataclasses import replace

import pytest

from domain.mistakes import OperatorError
from mapsweep.thresholds import NEWS, Threshold, met, thresholds
from reports.changes.changes import Changes
from reports.changes.rows import Change, Subject
from reports.findings.rows import FindingGroup, Standing
from tests.changes_made import changes_of, compared, grew, group, row
from tests.mapsweep.reports_made import GIB, MIB, fleet, host

FLEET = fleet([host("app-01", 2 * GIB, rank=1), host("app-02", GIB, rank=2)])
LEAK = grew("app-03", "checkout.service", 720 * MIB)
BACK = row(Change.RECOVERED, Subject.HOST, "db-01")


def test_sizes_and_news_are_read_and_written_alike() -> None:
    typed = ("native-heap=1073741824", "stacks=0", *NEWS)
    assert tuple(each.typed for each in thresholds(typed)) == typed
    assert thresholds(("growth=1G",)) == (Threshold("growth", GIB),)


@pytest.mark.parametrize("typed", ["native-heap", "heap=1G", "changed=1G", "news", "", "=", "growth=-1"])
def test_what_is_neither_is_an_error_with_its_place(typed: str) -> None:
    with pytest.raises(OperatorError, match="--fail-on"):
        thresholds((typed,))


def test_a_size_names_the_largest_host() -> None:
    assert list(met(thresholds(("native-heap=1G", "native-heap=3G", "growth=0")), FLEET)) == [
        "native-heap of 1.0 GiB is met by 2 of 2 hosts; the largest: app-01, 2.0 GiB"
    ]


@pytest.mark.parametrize(
    ("changes", "findings", "is_met"),
    [
        (changes_of(), (), ()),
        (changes_of(LEAK), (), ("changed", "regressed")),
        (changes_of(BACK), (), ("changed",)),
        (changes_of(LEAK), (group(Standing.NEW, "grew"),), ("changed", "regressed", "new-finding")),
        (changes_of(), (group(Standing.NEW),), ("changed", "regressed", "new-finding")),
        (changes_of(), (group(Standing.NEW, severity="info"),), ()),
        (changes_of(), (group(Standing.NEW, mute_reason="known"),), ()),
        (changes_of(), (group(Standing.WORSE),), ("changed", "regressed")),
        (changes_of(), (group(Standing.RESOLVED),), ("changed",)),
        (changes_of(), (group(Standing.SAME),), ()),
    ],
)
def test_news(changes: Changes, findings: tuple[FindingGroup, ...], is_met: tuple[str, ...]) -> None:
    report = compared(FLEET, changes, findings)
    told = list(met(thresholds(tuple(NEWS)), report))
    assert tuple(sentence.partition(":")[0] for sentence in told) == is_met


def test_a_first_run_has_no_news() -> None:
    first = replace(FLEET, findings=(group(Standing.NEW),))
    assert list(met(thresholds(tuple(NEWS)), first)) == []
