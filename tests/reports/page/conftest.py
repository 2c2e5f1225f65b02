"""Pages that the tests in a browser look at, each made once a session."""

import subprocess
import sys
from pathlib import Path

import pytest

from archive.run import Run
from archive.runs import Runs
from reports import report as reporting
from reports.page import page
from tests.reports import hostile
from tests.synthetic.closed_run import Fleet, closed_run
from tests.synthetic.news import tell

SOME_FAILED = 3  # exit status of the demo, two hosts of which fail by design
_DEMO = """
from mapsweep import cli
from mapsweep.commands import demo
demo.PATTERN = "all:!localhost"
cli.main()
"""


def written(run: Run, file: Path) -> Path:
    """The page of a run, in this file."""
    file.write_bytes(page.render(reporting.report(run)))
    return file


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 11 hosts of the demo, with dumps, without this machine, which is never the same."""
    runs = tmp_path_factory.mktemp("demo")
    command = [sys.executable, "-c", _DEMO, "demo", "--runs", str(runs)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == SOME_FAILED, done.stderr
    archive = Runs(str(runs))
    return written(archive.open(archive.ids()[-1]), runs / "page.html")


@pytest.fixture(scope="session")
def page_500(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 500 hosts of 12 processes, with changes and the last 15 runs."""
    folder = tmp_path_factory.mktemp("500")
    return written(tell(closed_run(Runs(str(folder / "runs")), Fleet(500))), folder / "page.html")


@pytest.fixture(scope="session")
def page_5000(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 5,000 hosts of 12 processes."""
    folder = tmp_path_factory.mktemp("5000")
    run = closed_run(Runs(str(folder / "runs")), Fleet(5000, earlier=0))
    return written(run, folder / "page.html")


@pytest.fixture(scope="session")
def hostile_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of hosts whose names, processes, services, findings and changes try to break it."""
    folder = tmp_path_factory.mktemp("hostile")
    return written(tell(hostile.run(folder / "runs")), folder / "page.html")
