"""How many rows a number of bytes holds, and the limits of what is read for a page."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from reports import report as reporting
from reports.page import budget, page, worst
from reports.page.container import pack
from reports.page.first_screen import STACKS_MAX
from reports.page.news import CHANGES_MAX, GONE_MAX, GROUPS_MAX, RUNS_MAX
from reports.page.room import Room, below, first, most
from reports.page.rows import ARGUMENTS_LENGTH_MAX, FINDING_ROWS_MAX, PROCESS_ROWS_MAX, read
from reports.tables.settled import Settled
from reports.tables.severities import FINDINGS_A_HOST_MAX
from tests.reports.fleet import MIB, Answered, Process, finding, heap, peers, run_of, runs_in
from tests.reports.page.decoder import of_page

ROWS = 100_000  # more than a sample


@pytest.fixture(scope="module")
def noise() -> pl.DataFrame:
    """Rows that do not compress: 4 bytes each."""
    drawn = np.random.default_rng(1).integers(0, 2**32, ROWS)
    return pl.DataFrame({"number": np.arange(ROWS), "value": drawn})


@pytest.mark.parametrize("free", [1_000, 100_000, 300_000])
def test_as_many_rows_as_there_is_room_for(noise: pl.DataFrame, free: int) -> None:
    room = Room(2 * free)
    count, packed = room.fit(0.5, ROWS, first(noise, "number", ("value",)))
    assert packed.rows == count
    assert packed.bytes <= free
    assert pack(noise.head(int(count * 1.1) + 40).select("value")).bytes > free
    assert room.left_bytes == 2 * free - packed.bytes


def test_all_rows_if_there_is_room(noise: pl.DataFrame) -> None:
    whole = pack(noise.select("value")).bytes
    assert Room(whole).fit(1.0, ROWS, first(noise, "number", ("value",)))[0] == ROWS
    assert Room(whole - 1).fit(1.0, ROWS, first(noise, "number", ("value",)))[0] < ROWS
    exact, short = Room(whole), Room(whole - 1)
    assert exact.whole(1.0, noise.select("value"), {}) is not None
    assert short.whole(1.0, noise.select("value"), {}) is None
    assert (exact.left_bytes, short.left_bytes) == (0, whole - 1)


@pytest.mark.parametrize("free", [0, -1000])
def test_no_rows_if_there_is_no_room(noise: pl.DataFrame, free: int) -> None:
    count, packed = Room(free).fit(1.0, ROWS, first(noise, "number", ("value",)))
    assert (count, packed.rows) == (0, 0)


def test_all_rows_are_no_copy(noise: pl.DataFrame) -> None:
    assert below(noise, "number", ROWS) is noise
    assert below(noise, "number", ROWS - 1).equals(noise.head(ROWS - 1))


def test_the_largest_of_no_numbers_is_0() -> None:
    assert most(pl.Series([], dtype=pl.Int64)) == 0
    assert most(pl.Series([3, 7, 5])) == 7


@pytest.mark.parametrize("more", [0, 1])
def test_so_many_findings_of_a_host(tmp_path: Path, more: int) -> None:
    found = tuple(finding(1, text=f"f{place}") for place in range(FINDINGS_A_HOST_MAX + more))
    run = run_of(runs_in(tmp_path), Answered("a", (Process(1),), findings=found))
    shown = of_page(page.render(reporting.report(run)))
    assert shown.rows["findings"] == FINDINGS_A_HOST_MAX
    said = [text for text in shown.facts["left_out"] if "findings" in text]
    assert len(said) == more


@pytest.mark.parametrize("more", [0, 1])
def test_so_many_services(tmp_path: Path, more: int) -> None:
    many = tuple(Process(pid, service=f"s{pid}.service") for pid in range(1, budget.SERVICES_MAX + more + 1))
    shown = of_page(page.render(reporting.report(run_of(runs_in(tmp_path), Answered("a", many)))))
    assert shown.rows["services"] <= budget.SERVICES_MAX
    assert shown.facts["detail"]["services"]["of"] == budget.SERVICES_MAX + more
    assert shown.rows["services"] == min(budget.SERVICES_MAX, shown.facts["detail"]["services"]["of"])


@pytest.mark.parametrize(("rows_max", "a_host"), [(0, 1), (5, 2), (6, 3), (100, 4)])
def test_so_many_findings_of_each_host_are_read(tmp_path: Path, rows_max: int, a_host: int) -> None:
    found = (*(finding(1, "info", f"f{place}") for place in range(3)), finding(2, "alarm", "worst"))
    hosts = [Answered(name, (Process(1), Process(2)), findings=found) for name in "ab"]
    shown = read(Settled(run_of(runs_in(tmp_path), *hosts)), finding_rows_max=rows_max)
    assert shown.findings.group_by("host").len()["len"].to_list() == [a_host, a_host]
    assert shown.findings.filter(_place=0)["evidence"].to_list() == ["worst arenas", "worst arenas"]
    assert shown.hosts["_findings"].to_list() == [4, 4]
    urgent = shown.processes.sort("_host", "_turn")["pid"].to_list()
    assert urgent == [2, 1, 2, 1]


@pytest.mark.parametrize(("rows_max", "a_host"), [(0, 1), (7, 3), (8, 4), (100, 4)])
def test_so_many_processes_of_each_host_are_read(tmp_path: Path, rows_max: int, a_host: int) -> None:
    many = tuple(Process(pid, blocks=(heap(pid * MIB),)) for pid in range(1, 5))
    run = run_of(runs_in(tmp_path), Answered("a", many), Answered("b", many))
    rows = read(Settled(run), rows_max)
    assert rows.processes["pid"].to_list() == [*range(4, 4 - a_host, -1)] * 2
    assert rows.hosts["_count"].to_list() == [4, 4]


def test_hosts_that_do_not_fit_are_said(tmp_path: Path) -> None:
    report = reporting.report(
        run_of(runs_in(tmp_path), *peers(tuple(MIB * place for place in range(1, 301))))
    )
    fixed = len(page.render(report, page_bytes_max=1))
    shown = of_page(page.render(report, page_bytes_max=fixed + 1_000))
    part = shown.facts["detail"]["hosts"]
    assert 0 < part["shown"] < part["of"] == 300
    assert shown.tables["hosts"]["rank"] == list(range(1, part["shown"] + 1))
    assert [said for said in shown.facts["left_out"] if "--table hosts" in said]


def test_the_docs_name_the_limits_as_they_are() -> None:
    said = " ".join((Path(__file__).parents[3] / "docs" / "page.md").read_text("utf-8").split())
    for text in (
        f"{budget.bytes_max(6000) // 1000} kB for up to 6,000 processes",
        f"at most {page.PAGE_BYTES_MAX // 10**6} MB",
        f"services, at most {budget.SERVICES_MAX:,}",
        f"changes, at most {CHANGES_MAX:,}",
        f"findings of services, at most {GROUPS_MAX:,}",
        f"the last {RUNS_MAX} runs of hosts and services",
        f"and of {GONE_MAX:,} that are gone",
        f"the first {STACKS_MAX} hosts by thread stacks",
        f"findings of processes, at most {FINDINGS_A_HOST_MAX} per host",
        f"at most {FINDING_ROWS_MAX:,} in all",
        f"at most {PROCESS_ROWS_MAX:,} are considered",
        f"at most {worst.PROCESSES_MAX} processes on {worst.HOSTS_MAX} hosts, ",
        f"{worst.ROWS_A_PROCESS_MAX} rows each",
        f"cut at {ARGUMENTS_LENGTH_MAX} characters",
    ):
        assert text in said
