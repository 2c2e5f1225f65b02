"""Whether a command that is told next needs to be told where the runs are."""

from pathlib import Path

import pytest

from archive.runs import Runs
from mapsweep.places import place_flags
from tests.reports import hostile
from tests.reports.fleet import run_of


def test_the_folder_is_named_only_where_it_is_not_found_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "config/mapsweep/mapsweep.yaml"
    settings.parent.mkdir(parents=True)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    place = tmp_path / "state/mapsweep/runs"
    run = run_of(Runs(str(place)), hostile.fleet()[0])
    monkeypatch.setenv("MAPSWEEP_RUNS", str(place))
    assert place_flags(run) == ()
    monkeypatch.setenv("MAPSWEEP_RUNS", str(tmp_path / "elsewhere"))
    assert place_flags(run) == ("--runs", str(place))
    monkeypatch.delenv("MAPSWEEP_RUNS")
    settings.write_text(f"runs: {place}\n")
    assert place_flags(run) == ()
    settings.write_text("runs: [\n")
    assert place_flags(run) == ("--runs", str(place))
