"""The known processes as other kernels and settings would show them are labelled as well as they are."""

from collections.abc import Callable

import pytest

from tests.truth.cases import CASES, FIELD, FRESH, LIVE, Case, cases
from tests.truth.scorer import score
from tests.truth.transformed import QEMU, TRANSFORMATIONS, translated

SHARE: float = 0.99  # of the mean over all cases; what cannot be told any more is below it


def _all() -> list[Case]:
    return [case for set_name in (CASES, LIVE, FRESH, FIELD) for case in cases(set_name)]


@pytest.fixture(scope="module")
def untransformed() -> float:
    return score(_all(), "maps").mean_of_cases


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
def test_they_are_labelled_as_well(transformation: Callable[[Case], Case], untransformed: float) -> None:
    changed = [transformation(case) for case in _all()]
    assert score(changed, "maps").mean_of_cases >= SHARE * untransformed


@pytest.mark.parametrize("transformation", TRANSFORMATIONS)
def test_they_are_changed(transformation: Callable[[Case], Case]) -> None:
    """So that a transformation which does nothing is found out."""
    changed = sum(transformation(case).shown_by("maps") != case.shown_by("maps") for case in _all())
    assert changed * 2 > len(_all())


def test_what_is_translated_has_no_code_but_qemu_s() -> None:
    java = next(case for case in cases() if case.name.startswith("jvm"))
    maps = translated(java).files["maps"].splitlines()
    assert {line.split()[-1] for line in maps if b"x" in line.split()[1]} == {QEMU}
