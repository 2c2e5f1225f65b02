"""The cases that are left out of mean and worst: few, guessed, told in the docs, and still needed."""

import re
from functools import cache
from pathlib import Path

import pytest

from procmaps.kinds import Confidence
from tests.truth.cases import EVIDENCES, FIELD, FRESH, SETS, cases
from tests.truth.scorer import Score, set_score
from tests.truth.undecided import GUESSED_SHARE, is_undecided, undecided

PAGE = Path(__file__).parents[2] / "docs/undecided.md"
LIMIT_COUNTS = {FRESH: 4, FIELD: 2}  # of a set that was not chosen by us
RIGHT_SHARE = 0.99  # what is right in so much is decided


@cache
def sets() -> dict[str, str]:
    """The set of each case."""
    return {case.name: set_name for set_name in SETS for case in cases(set_name)}


@pytest.mark.parametrize("name", undecided())
def test_what_is_wrong_in_an_undecided_case_is_a_guess(name: str) -> None:
    for evidence in undecided()[name].evidence:
        assert evidence in EVIDENCES
        result = set_score(sets()[name], evidence)
        assert name in result.by_case
        assert name in result.undecided, f"less than {GUESSED_SHARE:.0%} of what is wrong is a guess"


@pytest.mark.parametrize("name", undecided())
def test_a_case_that_is_decided_is_listed_no_longer(name: str) -> None:
    for evidence in undecided()[name].evidence:
        assert set_score(sets()[name], evidence).by_case[name] < RIGHT_SHARE, evidence


def test_few_cases_of_a_set_are_undecided() -> None:
    for set_name in SETS:
        for evidence in EVIDENCES:
            found = set_score(set_name, evidence).undecided
            assert len(found) <= LIMIT_COUNTS.get(set_name, 0), f"{set_name}, {evidence}: {found}"


def test_the_docs_say_why_of_each() -> None:
    headings = re.findall(r"^## (.*)$", PAGE.read_text(), re.MULTILINE)
    assert {of.kind for of in undecided().values()} <= set(headings)


def test_a_case_counts_if_it_is_not_listed_or_wrong_without_a_doubt() -> None:
    name, of = next(iter(undecided().items()))
    assert is_undecided(name, of.evidence[0], 1000, 950)
    assert not is_undecided(name, of.evidence[0], 1000, 949)
    assert not is_undecided(name, "decorated", 1000, 1000)
    assert not is_undecided("another", of.evidence[0], 1000, 1000)


def test_undecided_cases_are_left_out_of_mean_and_worst_unless_there_is_no_other() -> None:
    score = Score(by_case={"a": 0.5, "b": 0.9, "c": 1.0}, undecided={"a"})
    assert (score.mean_of_cases, score.worst_case) == (0.95, 0.9)
    assert Score(by_case={"a": 0.5}, undecided={"a"}).worst_case == 0.5
    assert score.right(Confidence.GUESS) == 1.0
