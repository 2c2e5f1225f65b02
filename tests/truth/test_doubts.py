"""The range of the native heap on all known processes, whatever is shown of them."""

import pytest

from procmaps.doubts import doubts
from procmaps.footprint import footprints
from tests.truth.cases import EVIDENCES, SETS, cases
from tests.truth.scorer import predict


@pytest.mark.parametrize("evidence", EVIDENCES)
@pytest.mark.parametrize("set_name", SETS)
def test_the_native_heap_lies_in_its_range(set_name: str, evidence: str) -> None:
    wrong = []
    for case in cases(set_name):
        if case.shown_by(evidence) is None:
            continue
        snapshot, parts = predict(case, evidence)
        found = doubts(snapshot, parts)
        least, native, most = found.native_range(snapshot, footprints(snapshot, parts), 0)
        if not 0 <= least <= native <= most or not 0 <= found.guessed_bytes[0] <= found.present_bytes[0]:
            wrong.append((case.name, least, native, most))
    assert wrong == []


def test_smaps_decides_about_a_third_of_the_doubtful_processes() -> None:
    """What docs/doubtful-labels.md says of --evidence smaps, and the remedies in general words."""
    open_by_maps = still_open = 0
    for case in (case for set_name in SETS for case in cases(set_name)):
        if case.shown_by("smaps") is None or not doubts(*predict(case, "maps")).is_doubtful(0):
            continue
        open_by_maps += 1
        still_open += doubts(*predict(case, "smaps")).is_doubtful(0)
    assert 1 / 2 < still_open / open_by_maps < 4 / 5, f"{still_open} of {open_by_maps}"
