"""The figures of the classifier on known processes, and what keeps them from falling."""

import pytest

from procmaps.kinds import Confidence
from procmaps.read import read_process
from procmaps.tables import Evidence
from tests.truth.cases import cases, edges
from tests.truth.scorer import Score, by_family, precision_recall, score, share

# evidence: family right by accessible and by resident bytes, exact kind, mean of cases, worst case,
# precision and recall of native_heap and of stack
FLOORS = {
    "maps": (0.998, 0.997, 0.998, 0.997, 0.965, 0.995, 0.999, 0.999, 0.9985),
    "smaps": (0.9985, 0.9975, 0.9985, 0.9975, 0.97, 0.996, 0.9995, 0.9995, 0.9995),
    "decorated": (0.9995, 0.0, 0.9995, 0.9995, 0.999, 0.999, 0.999, 0.999, 0.999),
}


@pytest.fixture(scope="module", params=FLOORS)
def scored(request: pytest.FixtureRequest) -> tuple[str, Score]:
    evidence = str(request.param)
    return evidence, score(cases(), evidence)


def test_shares_do_not_fall(scored: tuple[str, Score]) -> None:
    evidence, result = scored
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
    fallen = [
        (figure, floor) for figure, floor in zip(figures, FLOORS[evidence], strict=True) if figure < floor
    ]
    assert not fallen


def test_confidence_means_what_it_says(scored: tuple[str, Score]) -> None:
    evidence, result = scored
    assert result.labelled(Confidence.CERTAIN) >= 0.8
    assert result.right(Confidence.CERTAIN) >= (0.999 if evidence != "decorated" else 0.997)
    if evidence != "decorated":
        assert result.labelled(Confidence.GUESS) <= 0.05
        assert result.right(Confidence.LIKELY) >= 0.97


def test_the_archive_holds_what_the_scores_rest_on() -> None:
    assert len(cases()) == 42
    assert all(case.truth and "maps" in case.files and "smaps" in case.files for case in cases())
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
