"""`make truth`, `make case` and `make floors`: what they run and print."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.truth.__main__ import main
from tests.truth.cases import FIELD, PLACE, SETS, cases

CLONE = Path(__file__).parents[2]
SMALL = PLACE / FIELD / "40-live-arena-head-split-0"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[list[str]]:
    """The rows of the table: set, evidence, number of cases, figures."""
    assert main(list(arguments)) == 0
    return [line.split() for line in capsys.readouterr().out.splitlines()[2:]]


def test_all_sets_are_in_one_table(capsys: pytest.CaptureFixture[str]) -> None:
    rows = printed(capsys)
    count = str(len(cases()))
    assert {row[0] for row in rows} == set(SETS)
    assert [row[1:3] for row in rows if row[0] == "cases"] == [
        ["maps", count],
        ["smaps", count],
        ["decorated", "3"],
    ]
    assert all(len(row) == 15 for row in rows)
    assert {row[1] for row in rows if row[0] == FIELD} == {"maps", "smaps"}


def test_swapped_is_of_maps_alone(capsys: pytest.CaptureFixture[str]) -> None:
    rows = printed(capsys, "--swapped")
    assert [row[:2] for row in rows] == [[name, "swapped"] for name in SETS]


def test_a_folder_is_scored_by_the_same_measure(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shutil.copytree(SMALL, tmp_path / "theirs/cases" / SMALL.name)
    theirs = printed(capsys, "--folder", str(tmp_path / "theirs"))
    ours = printed(capsys, "--set", FIELD, "--only", SMALL.name)
    assert [row[0] for row in theirs] == ["theirs", "theirs"]
    assert [row[1:] for row in theirs] == [row[1:] for row in ours]


def test_details_are_printed_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--set", FIELD, "--cases", "--wrong", "--confidence"]) == 0
    out = capsys.readouterr().out
    assert "field, maps: share of accessible bytes in the right family" in out
    assert "53-jemalloc-inside-c: " in out
    assert "field, smaps: certain " in out


def test_a_mistake_ends_with_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--folder", str(tmp_path)]) == 2
    assert "no case" in capsys.readouterr().err
    assert main(["--only", "nobody"]) == 2
    assert "no case" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("target", "run"),
    [
        (["truth"], "tests.truth"),
        (["truth", "TRUTH=/a/b"], "tests.truth --folder '/a/b'"),
        (["truth", "SWAPPED=1"], "tests.truth --swapped"),
        (["case", "CAPTURE=/a/b"], "tests.truth.new_case '/a/b'"),
        (
            ["case", "CAPTURE=/a/b", "SET=live", "NAME=c"],
            "tests.truth.new_case '/a/b' --set 'live' --name 'c'",
        ),
        (["floors"], "tests.truth.floors"),
    ],
)
def test_the_targets_run_these_commands(target: list[str], run: str) -> None:
    shown = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", "--assume-old=.venv/.installed", *target],
        cwd=CLONE,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert " ".join(shown.split()) == f".venv/bin/python -m {run}"
