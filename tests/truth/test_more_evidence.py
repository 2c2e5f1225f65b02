"""More evidence makes no label worse: smaps holds all that maps holds."""

from typing import Final

import pytest

from tests.truth.cases import SETS, cases
from tests.truth.scorer import set_score

WORSE_MAX: Final = 0.002  # share of a case's bytes; where nothing tells, either evidence may guess better
# what smaps may cost a case beyond that, and why: set/case -> (share, reason). Wanted: none
EXPLAINED: Final[dict[str, tuple[float, str]]] = {}

pytestmark = pytest.mark.slow


def worse(set_name: str) -> dict[str, float]:
    """By case, the share of its bytes that has the right family in maps and not in smaps."""
    maps, smaps = (set_score(set_name, evidence).by_case for evidence in ("maps", "smaps"))
    return {f"{set_name}/{name}": maps[name] - share for name, share in smaps.items()}


@pytest.mark.parametrize("set_name", SETS)
def test_smaps_is_not_worse_than_maps_on_any_known_case(set_name: str) -> None:
    lost = worse(set_name)
    assert len(lost) == sum(case.shown_by("smaps") is not None for case in cases(set_name)) > 0
    most = {name: EXPLAINED.get(name, (WORSE_MAX, ""))[0] for name in lost}
    too_much = {name: share for name, share in lost.items() if share > most[name]}
    assert not too_much, "; ".join(f"{name}: {share:.2%}" for name, share in too_much.items())


def test_what_is_explained_has_a_reason_and_is_needed() -> None:
    for name, (share, reason) in EXPLAINED.items():
        assert reason
        assert WORSE_MAX < worse(name.partition("/")[0])[name] <= share
