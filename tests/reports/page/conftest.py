"""Pages that the tests in a browser look at, each made once a session."""

import subprocess
import sys
from pathlib import Path

import pytest

from archive.run import Run
from archive.runs import Runs
from reports import report as reporting
from reports.page import page
from tests.once import Once
from tests.reports import hostile
from tests.synthetic.closed_run import Fleet, closed_run
from tests.synthetic.news import tell

RUNS, PAGE = "runs", "page.html"
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
def demo_file(once: Once) -> Path:
    """The page of 11 hosts of the demo, with dumps, without this machine, which is never the same."""

    def make(folder: Path) -> None:
        runs = folder / RUNS
        command = [sys.executable, "-c", _DEMO, "demo", "--runs", str(runs)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
        assert done.returncode == SOME_FAILED, done.stderr
        written(_latest(folder), folder / PAGE)

    return once.folder("page-demo", make) / PAGE


@pytest.fixture(scope="session")
def folder_500(once: Once) -> Path:
    """A run of 500 hosts of 12 processes, with changes and the last 15 runs, in `runs`; and its page."""

    def make(folder: Path) -> None:
        written(tell(closed_run(Runs(str(folder / RUNS)), Fleet(500))), folder / PAGE)

    return once.folder("page-500", make)


@pytest.fixture(scope="session")
def run_500(folder_500: Path) -> Run:
    return _latest(folder_500)


@pytest.fixture(scope="session")
def page_500(folder_500: Path) -> Path:
    return folder_500 / PAGE


@pytest.fixture(scope="session")
def page_5000(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 5,000 hosts of 12 processes."""
    folder = tmp_path_factory.mktemp("5000")
    return written(closed_run(Runs(str(folder / RUNS)), Fleet(5000, earlier=0)), folder / PAGE)


@pytest.fixture(scope="session")
def hostile_file(once: Once) -> Path:
    """The page of hosts whose names, processes, services, findings and changes try to break it."""

    def make(folder: Path) -> None:
        written(tell(hostile.run(folder / RUNS)), folder / PAGE)

    return once.folder("page-hostile", make) / PAGE


def _latest(folder: Path) -> Run:
    archive = Runs(str(folder / RUNS))
    return archive.open(archive.ids()[-1])
