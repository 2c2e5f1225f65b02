"""The figures of the classifier on known processes, and what keeps them from falling."""

import pytest

from procmaps.kinds import Confidence
from procmaps.read import read_process
from procmaps.tables import Evidence
from tests.truth.cases import CASES, EVIDENCES, LIVE, SETS, TABLED, cases, edges
from tests.truth.figures import figures
from tests.truth.floors import Floors, fallen, kept
from tests.truth.scorer import Score, by_family, precision_recall, set_score, share

FLOORS = kept()
SCORED = (CASES, LIVE)  # the other sets were chosen because they are hard


@pytest.mark.parametrize("set_name", SETS)
def test_no_figure_is_below_its_floor(set_name: str) -> None:
    floors = FLOORS.get(set_name, Floors((), {}))
    assert not list(fallen(set_name, floors)), "mend the rule, or say in the commit why a floor is removed"
    new = {case.name for case in cases(set_name)} - set(floors.names)
    assert not new, "run `make floors`"


def test_every_figure_of_every_set_has_a_floor() -> None:
    assert set(FLOORS) == set(SETS), "run `make floors`"
    for set_name, floors in FLOORS.items():
        known = {evidence: figures(set_score(set_name, evidence)).keys() for evidence in shown(set_name)}
        kept_ones = {evidence: of.keys() for evidence, of in floors.figures.items()}
        assert kept_ones == known, f"{set_name}: run `make floors`"


def shown(set_name: str) -> list[str]:
    """The evidences that a case of the set shows."""
    return [evidence for evidence in EVIDENCES if set_score(set_name, evidence).by_case]


@pytest.mark.parametrize("set_name", SCORED)
def test_confidence_means_what_it_says(set_name: str) -> None:
    evidences = [evidence for evidence in shown(set_name) if evidence in TABLED]
    assert evidences == list(TABLED if set_name == CASES else TABLED[:2])
    for evidence in evidences:
        check_confidence(set_name, evidence)


def check_confidence(set_name: str, evidence: str) -> None:
    result = set_score(set_name, evidence)
    # the live ones were chosen because they are hard
    enough = 0.8 if set_name == CASES else 0.7
    if (set_name, evidence) == (LIVE, "maps"):
        enough = 0.69  # what a loaded jemalloc maps looks like what the program maps itself
    assert result.labelled(Confidence.CERTAIN) >= enough
    assert result.right(Confidence.CERTAIN) >= (0.999 if evidence != "decorated" else 0.997)
    if evidence != "decorated":
        assert result.labelled(Confidence.GUESS) <= 0.05
        assert result.right(Confidence.LIKELY) >= (0.97 if set_name == CASES else 0.96)


def test_the_sets_hold_what_the_scores_rest_on() -> None:
    counts = [len(cases(set_name)) for set_name in SETS[:4]]
    assert all(count >= at_least for count, at_least in zip(counts, (42, 65, 36, 17), strict=True))
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


def test_which_figures_there_are_depends_on_the_truth_alone() -> None:
    result = Score(by_case={"a": 0.5})
    result.accessible.update({("java_heap", "thread_stack"): 30, ("java_heap", "java_heap"): 30})
    assert figures(result) == {"family": 0.5, "exact": 0.5, "mean": 0.5, "worst": 0.5}
