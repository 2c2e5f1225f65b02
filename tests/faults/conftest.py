"""The laboratory of each fault, and its row of the table."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults import page
from tests.faults.laboratory import PACE, Laboratory
from tests.faults.servers import Gate, gate

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

PAGE_VARIABLE = "MAPSWEEP_FAULT_PAGE"  # the file into which the table is written
TOLD_CHARACTERS = 4000
HAS_FAILED = pytest.StashKey[bool]()
ORDER = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `-m fault` only the short faults are injected."""
    for order, item in enumerate(items):
        item.stash[ORDER] = order
    if "fault" in str(config.option.markexpr):
        return
    long = [
        item for item in items if item.get_closest_marker("fault") and not item.get_closest_marker("short")
    ]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember whether a test failed, for its fixture."""
    report = yield
    if report.failed:
        item.stash[HAS_FAILED] = True
    return report


@pytest.fixture(scope="session")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """SSH hosts for all faults."""
    with gate(tmp_path_factory.mktemp("hosts")) as served:
        yield served


@pytest.fixture
def lab(request: pytest.FixtureRequest, tmp_path: Path, hosts: Gate) -> Iterator[Laboratory]:
    """A laboratory that ends with the test, and then says what it measured."""
    hosts.reset()
    laboratory = Laboratory(tmp_path, hosts)
    try:
        yield laboratory
    finally:
        laboratory.close()
        marker = request.node.get_closest_marker("fault")
        measured = laboratory.measured
        fault, learn = marker.args
        row = page.Row(fault, learn, PACE.name, measured.hosts, measured.mails, measured.recovery_s)
        request.node.user_properties.append(("fault", (request.node.stash[ORDER], row.as_json())))
        if request.node.stash.get(HAS_FAILED, False):
            for name, service in laboratory.services.items():
                print(f"--- {name}\n{service.said()[-TOLD_CHARACTERS:]}")


def pytest_terminal_summary(terminalreporter: "TerminalReporter") -> None:
    """Print the rows, and write the page where that was asked for."""
    stats = terminalreporter.stats
    failed = {report.nodeid for outcome in ("failed", "error") for report in stats.get(outcome, [])}
    found = [
        (*row, report.nodeid not in failed)
        for outcome in ("", "error")  # the reports of what came after the tests
        for report in stats.get(outcome, [])
        if getattr(report, "when", "") == "teardown"
        for name, row in report.user_properties
        if name == "fault"
    ]
    rows = [page.Row.from_json(row, has_held=has_held) for _, row, has_held in sorted(found)]
    for row in rows:
        terminalreporter.write_line(row.line())
    place = os.environ.get(PAGE_VARIABLE)
    if rows and place and not terminalreporter.config.option.keyword:  # a part of the table is no table
        Path(place).write_text(page.written(rows), encoding="utf-8")
