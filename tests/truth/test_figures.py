"""The figures of the classifier on known processes, and what keeps them from falling."""

import pytest

from procmaps.kinds import Confidence
from procmaps.read import read_process
from procmaps.tables import Evidence
from tests.truth.cases import CASES, LIVE, cases, edges
from tests.truth.scorer import Score, by_family, precision_recall, score, share

# archive and evidence: family right by accessible and by resident bytes, exact kind, mean of cases, worst
# case, precision and recall of native_heap and of stack
FLOORS = {
    (CASES, "maps"): (0.9985, 0.998, 0.9985, 0.997, 0.975, 0.996, 0.999, 0.999, 0.999),
    (CASES, "smaps"): (0.999, 0.998, 0.999, 0.998, 0.98, 0.997, 0.9995, 0.9995, 0.9995),
    (CASES, "decorated"): (0.9995, 0.0, 0.9995, 0.9995, 0.999, 0.999, 0.999, 0.999, 0.999),
    (LIVE, "maps"): (0.991, 0.991, 0.9875, 0.992, 0.909, 0.97, 0.992, 0.9865, 0.959),
    (LIVE, "smaps"): (0.996, 0.993, 0.9925, 0.9955, 0.909, 0.9855, 0.9965, 0.996, 0.9995),
}


@pytest.fixture(scope="module", params=FLOORS, ids="-".join)
def scored(request: pytest.FixtureRequest) -> tuple[tuple[str, str], Score]:
    archive, evidence = request.param
    return (archive, evidence), score(cases(archive), evidence)


def test_shares_do_not_fall(scored: tuple[tuple[str, str], Score]) -> None:
    key, result = scored
    families = by_family(result.accessible)
    figures = (
        share(families),
        share(by_family(result.resident)),
        share(result.accessible),
        result.mean_of_cases,
        result.worst_case,
        *precision_recall(families, "native_heap"),
        *precision_recall(families, "stack"),
    )
    fallen = [(figure, floor) for figure, floor in zip(figures, FLOORS[key], strict=True) if figure < floor]
    assert not fallen


def test_confidence_means_what_it_says(scored: tuple[tuple[str, str], Score]) -> None:
    (archive, evidence), result = scored
    # the live ones were chosen because they are hard
    assert result.labelled(Confidence.CERTAIN) >= (0.8 if archive == CASES else 0.7)
    assert result.right(Confidence.CERTAIN) >= (0.999 if evidence != "decorated" else 0.997)
    if evidence != "decorated":
        assert result.labelled(Confidence.GUESS) <= 0.05
        assert result.right(Confidence.LIKELY) >= (0.97 if archive == CASES else 0.96)


def test_the_archive_holds_what_the_scores_rest_on() -> None:
    assert (len(cases()), len(cases(LIVE))) == (42, 65)
    every = (*cases(), *cases(LIVE))
    assert all(case.truth and "maps" in case.files and "smaps" in case.files for case in every)
    assert len(edges()) >= 12
    # the figures would say nothing if both grades read the same
    snapshot = read_process(cases()[0].sent(), 1)
    assert snapshot.processes.evidence[0] == Evidence.SMAPS


def test_a_wrong_label_is_seen() -> None:
    result = Score()
    result.accessible.update({("thread_stack", "java_heap"): 30, ("java_heap", "java_heap"): 70})
    assert share(result.accessible) == 0.7
    assert precision_recall(by_family(result.accessible), "stack") == (1.0, 0.0)
    assert precision_recall(by_family(result.accessible), "java") == (0.7, 1.0)
