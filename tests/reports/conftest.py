"""Runs that all outputs are looked at with: a usual one, and one of names that try to break them."""

from pathlib import Path

import pytest

from reports import report as reporting
from reports.report import Report
from tests.reports import hostile
from tests.reports.fleet import (
    GIB,
    MIB,
    Answered,
    Process,
    failure,
    finding,
    grown,
    heap,
    peers,
    run_of,
    runs_in,
    stacks,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs of `usual`."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def usual(folder: Path) -> Report:
    """Two runs of seven hosts, of which one grew, one was partly read and has a finding, one failed."""
    runs = runs_in(folder)
    hosts = peers((90 * MIB, 100 * MIB, 100 * MIB, 110 * MIB, GIB))
    part = Answered(
        "web6",
        (Process(100, blocks=(heap(5 * MIB, resident=True), stacks(4, MIB))),),
        denied=2,
        findings=(finding(100),),
        labels=(("zone", "eu-1 & eu-2"), ("owner", "payments")),
    )
    run_of(runs, *hosts, part, run_id="20261121T050000Z-prod-0001", started_at="2026-11-21T05:00:00Z")
    return reporting.report(
        run_of(runs, grown(hosts[0], 200 * MIB), *hosts[1:], part, failures=(failure("db1"),))
    )


@pytest.fixture(scope="module")
def nasty(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A run in which every name tries to break an output."""
    return reporting.report(hostile.run(tmp_path_factory.mktemp("nasty")))
