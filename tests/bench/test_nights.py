"""Nights of a small made fleet: what is planted is told as new once, and the healthy part is quiet."""

import pytest

from bench.nights import FALSE_NEWS_MAX, Outcome, figures, told_by

pytestmark = pytest.mark.slow

HOSTS, PROCESSES, NIGHTS, SEED = 40, 10, 5, 1


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return told_by(HOSTS, PROCESSES, SEED, NIGHTS, str(tmp_path_factory.mktemp("runs")))


def test_what_is_planted_is_told_as_new_once(outcome: Outcome) -> None:
    assert len(outcome.plants) >= 3
    told = {plant.service: outcome.of_plant(plant) for plant in outcome.plants}
    assert told == {plant.service: [plant.night] for plant in outcome.plants}


def test_the_healthy_part_is_quiet(outcome: Outcome) -> None:
    assert [(one.night, one.group.title) for one in outcome.false_news] == []


def test_releases_restarts_and_reboots_change_no_fingerprint(outcome: Outcome) -> None:
    assert outcome.first_night > 0
    assert outcome.changed_since == 0


def test_the_figures_are_held_to_their_bounds(outcome: Outcome) -> None:
    found = {figure.name: figure for figure in figures(outcome)}
    assert found["nights_planted"].value == len(outcome.plants)
    assert found["nights_not_told_once"].value == 0
    assert found["nights_false_news"].at_most == FALSE_NEWS_MAX
