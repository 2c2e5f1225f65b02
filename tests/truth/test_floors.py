"""Floors rise, and refuse to fall."""

from functools import cache
from pathlib import Path

import pytest

from domain.mistakes import OperatorError
from tests.truth import floors
from tests.truth.cases import FIELD, cases


@cache
def today() -> floors.Floors:
    """The floors that the figures of a set give now; not scored before a test asks for them."""
    return floors.today(FIELD, tuple(case.name for case in cases(FIELD)))


def with_floor(evidence: str, name: str, floor: float, known: floors.Floors | None = None) -> floors.Floors:
    known = known or today()
    of = {key: dict(value) for key, value in known.figures.items()}
    of[evidence][name] = floor
    return floors.Floors(known.names, of)


def test_the_file_says_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "floors.toml"
    path.write_text(floors.text_of({FIELD: today()}))
    assert floors.kept(path) == {FIELD: today()}
    assert today().figures.keys() == {"maps", "smaps", "swapped"}


def test_a_floor_below_todays_figure_is_raised() -> None:
    low = with_floor("maps", "family", 0.0001)
    assert not list(floors.fallen(FIELD, low))
    assert floors.raised(FIELD, low) == today()


@pytest.mark.parametrize("evidence", ["maps", "smaps", "swapped"])
def test_a_floor_above_todays_figure_is_refused_and_named(evidence: str) -> None:
    figure = today().figures[evidence]["mean"]
    high = with_floor(evidence, "mean", figure + 0.0001)
    with pytest.raises(OperatorError, match=rf"field, {evidence}: mean is {figure}, its floor "):
        floors.raised(FIELD, high)


def test_new_cases_may_lower_the_figures_of_a_set_but_not_those_of_the_cases_it_had() -> None:
    best = ("40-live-arena-head-split-0", "02-jdk11-g1-pytorch-in-jvm")
    before = floors.today(FIELD, best)
    assert before.names == tuple(sorted(best))
    assert before.figures["maps"]["worst"] > today().figures["maps"]["worst"]
    assert floors.raised(FIELD, before) == today()
    with pytest.raises(OperatorError, match="field, maps: worst is"):
        floors.raised(FIELD, with_floor("maps", "worst", 1.0, before))


def test_a_line_that_was_removed_gets_todays_figure() -> None:
    high = with_floor("maps", "mean", 0.9999)
    figures = {evidence: dict(of) for evidence, of in high.figures.items()}
    del figures["maps"]["mean"]
    assert floors.raised(FIELD, floors.Floors(high.names, figures)) == today()


def test_a_case_that_is_gone_is_named() -> None:
    with pytest.raises(OperatorError, match="field: the case lost is gone"):
        floors.raised(FIELD, floors.Floors((*today().names, "lost"), today().figures))


def test_the_command_writes_nothing_if_a_figure_fell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "floors.toml"
    text = floors.text_of({FIELD: with_floor("maps", "family", 0.9999)})
    path.write_text(text)
    assert floors.main(path) == 1
    assert path.read_text() == text
    told = capsys.readouterr().err
    assert "floors.toml: field, maps: family is" in told
    assert "mend the rule" in told


def test_the_command_adds_sets_and_then_has_nothing_to_raise(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "floors.toml"
    path.write_text(floors.text_of({FIELD: today()}))
    assert floors.main(path) == 0
    assert "field: 0 floors raised, 0 cases new" in capsys.readouterr().out
    assert floors.kept(path)[FIELD] == today()
    assert len(floors.kept(path)) > 1
    assert floors.main(path) == 0
    told = capsys.readouterr().out.splitlines()
    assert all(line.endswith(": 0 floors raised, 0 cases new") for line in told)


@pytest.mark.parametrize("text", ["[cases", "[cases]\n", "cases = 1\n", "[cases]\nnames = 7\n"])
def test_a_file_that_is_none_of_floors_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "floors.toml"
    path.write_text(text)
    with pytest.raises(OperatorError, match=r"floors\.toml: cannot be read: .*git has the last good one"):
        floors.kept(path)


@pytest.mark.parametrize(
    ("figure", "floor"), [(0.99999, 0.9999), (0.2857, 0.2857), (1.0, 1.0), (0.00004, 0.0), (0.7, 0.7)]
)
def test_rounded_down_in_the_4th_decimal(figure: float, floor: float) -> None:
    assert floors.rounded_down(figure) == floor
