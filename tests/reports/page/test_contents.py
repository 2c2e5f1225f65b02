"""What of a run is in its page, by the room that there is, and what is said of the rest."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl
import pytest

from archive.run import Run
from procmaps.kinds import Kind
from reports import report as reporting
from reports.formats import render_json
from reports.page import budget, page
from reports.page.rows import ARGUMENTS_LENGTH_MAX, read
from reports.report import Report
from reports.tables import settled
from reports.tables.severities import SEVERITIES
from tests.reports import hostile
from tests.reports.fleet import (
    GIB,
    MIB,
    Answered,
    Process,
    failure,
    finding,
    heap,
    peers,
    run_of,
    runs_in,
    stacks,
)
from tests.reports.page.decoder import Decoded, of_page
from tests.synthetic.news import RUNS

KILOBYTE = 1000
BEGINNINGS = {
    "hosts": r"the first [\d,]+ of [\d,]+ hosts",
    "services": r"the first [\d,]+ of [\d,]+ services",
    "changes": r"the first [\d,]+ of [\d,]+ changes",
    "groups": r"the first [\d,]+ of [\d,]+ findings of services",
    "history": r"the last runs of the first [\d,]+ of [\d,]+ hosts",
    "findings": r"at most \d+ findings per host",
    "host_kinds": r"the kinds of the first",
    "processes": r"at most \d+ processes per host",
    "kinds": r"the kinds of [\d,]+ of",
    "arguments": "the arguments of",
    "mappings": "the mappings of",
}


@pytest.fixture(scope="module")
def large(run_500: Run) -> Report:
    return reporting.report(run_500)


@pytest.fixture(scope="module")
def whole(large: Report) -> bytes:
    return page.render(large)


def rows_of(shown: Decoded, table: str) -> list[dict[str, Any]]:
    columns = shown.tables[table]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def by_host(shown: Decoded, table: str, count: str) -> dict[Any, list[dict[str, Any]]]:
    """The rows of a table that belong to each host."""
    rows, start, found = rows_of(shown, table), 0, {}
    for host in rows_of(shown, "hosts"):
        found[host["name"]] = rows[start : start + host[count]]
        start += host[count]
    assert start == len(rows)
    return found


def test_500_hosts_with_6000_processes_are_600_kb_with_every_process(large: Report, whole: bytes) -> None:
    assert len(whole) <= 600 * KILOBYTE
    shown = of_page(whole)
    assert shown.rows["hosts"] == 500
    assert shown.rows["processes"] == large.totals.sent
    assert set(shown.tables["hosts"]["others"]) == {0}
    assert shown.facts["history"]["hosts"] == 500
    assert len(shown.facts["history"]["runs"]) == RUNS


def test_the_limit_follows_the_fleet_up_to_8_mb() -> None:
    assert budget.bytes_max(0) == budget.bytes_max(6000) == 600 * KILOBYTE
    assert budget.bytes_max(6001) > 600 * KILOBYTE
    assert budget.bytes_max(60_000) <= 5000 * KILOBYTE
    assert budget.bytes_max(10_000 * 117) == page.PAGE_BYTES_MAX == 8000 * KILOBYTE


def test_what_the_page_says_is_what_the_tables_of_the_run_say(large: Report, whole: bytes) -> None:
    shown = of_page(whole)
    hosts = large.tables.table(settled.HOSTS).sort("place")
    for name in ("name", "native_heap_resident_max_bytes", "growth_bytes", "labels", "stacks_reserved_bytes"):
        assert shown.tables["hosts"][name] == hosts[name].to_list()
    services = large.tables.table(settled.SERVICES)
    for name in ("service", "native_heap_least_bytes", "largest_host"):
        assert shown.tables["services"][name] == services[name].to_list()
    processes = large.tables.table(settled.PROCESSES)
    order = hosts.select(pl.col("name").alias("host"), "place")
    ordered = processes.join(order, on="host").sort("place", "host_place")
    for name in ("pid", "comm", "rss_bytes", "present_bytes", "native_heap_most_bytes", "bloat_bytes"):
        assert shown.tables["processes"][name] == ordered[name].to_list()


def test_totals_are_those_of_report_json(large: Report, whole: bytes) -> None:
    shown = of_page(whole)
    assert shown.facts["totals"] == render_json.totals_of(large.totals)
    assert shown.facts["run"] == render_json.run_of(large.run)
    heaps = [value for value in shown.tables["hosts"]["native_heap_resident_max_bytes"] if value is not None]
    assert sum(map(int, heaps)) == large.totals.native_heap.resident_max_bytes


def test_kinds_add_up_to_the_native_heap_of_their_process(large: Report, whole: bytes) -> None:
    shown = of_page(whole)
    kinds, start = rows_of(shown, "kinds"), 0
    added = 0
    for process in rows_of(shown, "processes"):
        own = kinds[start : start + process["kinds"]]
        start += process["kinds"]
        native = [row for row in own if row["kind"].startswith("heap_")]
        if own and process["evidence"] == "maps":
            assert sum(row["committed_bytes"] for row in native) == process["native_heap_committed_bytes"]
            added += 1
    assert start == len(kinds)
    assert added > 100


def test_what_does_not_fit_is_the_least_important(large: Report, whole: bytes) -> None:
    shown = of_page(page.render(large, page_bytes_max=450 * KILOBYTE))
    part = shown.facts["detail"]["processes"]
    a_host = shown.facts["detail"]["processes_a_host"]
    assert 0 < part["shown"] == shown.rows["processes"] < part["of"] == large.totals.sent
    first = read(large.tables).processes.filter(pl.col("_turn") < a_host)
    assert [row["pid"] for row in rows_of(shown, "processes")] == first["pid"].to_list()
    findings = large.tables.table(settled.FINDINGS).filter(pl.col("severity") != SEVERITIES[-1])
    lost = findings.join(first, on=["host", "pid"], how="anti")
    full = first.filter("_notable").group_by("host").len().filter(pl.col("len") == a_host)
    assert lost.join(full, on="host", how="anti").is_empty()
    for name in ("hosts", "services", "findings"):
        assert shown.rows[name] == of_page(whole).rows[name]


def test_others_are_those_that_are_not_shown(large: Report, whole: bytes) -> None:
    shown = of_page(page.render(large, page_bytes_max=450 * KILOBYTE))
    all_of, some = by_host(of_page(whole), "processes", "shown"), by_host(shown, "processes", "shown")
    for host in rows_of(shown, "hosts"):
        pids = {row["pid"] for row in some[host["name"]]}
        rest = [row for row in all_of[host["name"]] if row["pid"] not in pids]
        assert host["others"] == len(rest)
        for others, name in (
            ("others_native_heap_bytes", "native_heap_resident_max_bytes"),
            ("others_stacks_bytes", "stacks_resident_max_bytes"),
        ):
            known = [row[name] for row in rest if row[name] is not None]
            assert host[others] == (sum(known) if known else None)


@pytest.mark.parametrize("limit", [600 * KILOBYTE, 450 * KILOBYTE, 330 * KILOBYTE, 300 * KILOBYTE])
def test_a_page_keeps_its_limit_and_says_what_is_left_out(large: Report, limit: int) -> None:
    made = page.render(large, page_bytes_max=limit)
    assert len(made) <= limit
    shown = of_page(made)
    detail = shown.facts["detail"]
    for name, begin in BEGINNINGS.items():
        told = [said for said in shown.facts["left_out"] if re.match(f"This page has {begin}", said)]
        assert len(told) == (detail[name]["shown"] < detail[name]["of"]), name
    text = made.decode()
    for said in shown.facts["left_out"]:
        assert f"<li>{said}</li>" in text
    run_id = large.run.run_id
    for said in shown.facts["left_out"]:
        remedies = (f"mapsweep report {run_id} ", f"--run {run_id}", "kept none", "mapsweep history ")
        assert any(remedy in said for remedy in remedies)


def test_a_limit_below_the_first_screen_leaves_the_first_screen(large: Report) -> None:
    made = page.render(large, page_bytes_max=1)
    shown = of_page(made)
    assert set(shown.rows.values()) == {0}
    assert len(made) < 300 * KILOBYTE
    assert large.hosts[0].name in made.decode()


def test_the_same_report_is_the_same_page(run_500: Run, whole: bytes) -> None:
    assert page.render(reporting.report(run_500)) == whole


def test_processes_that_need_a_look_come_before_larger_ones(tmp_path: Path) -> None:
    many = tuple(Process(pid, f"p{pid}", blocks=(heap((50 - pid) * MIB),)) for pid in range(1, 41))
    run = run_of(runs_in(tmp_path), Answered("a", many, findings=(finding(40), finding(39, "info"))))
    rows = read(settled.Settled(run)).processes
    by_turn = rows.sort("_turn")["pid"].to_list()
    assert by_turn == [40, *range(1, 40)]
    assert rows["pid"].to_list() == list(range(1, 41))
    assert rows.sort("_weight")["pid"].to_list() == by_turn


def test_small_fleets_have_the_kinds_of_every_process(tmp_path: Path) -> None:
    many = tuple(Process(pid, blocks=(heap(pid * MIB), stacks(2, MIB))) for pid in range(1, 61))
    shown = of_page(page.render(reporting.report(run_of(runs_in(tmp_path), Answered("a", many)))))
    assert shown.tables["processes"]["kinds"] == [2] * 60
    assert shown.facts["detail"]["kinds"] == {"shown": 60, "of": 60}


@pytest.mark.parametrize("length", [ARGUMENTS_LENGTH_MAX, ARGUMENTS_LENGTH_MAX + 1])
def test_long_arguments_are_cut(tmp_path: Path, length: int) -> None:
    text = "a" * length
    run = run_of(runs_in(tmp_path), Answered("a", (Process(1, arguments=text),)))
    (told,) = of_page(page.render(reporting.report(run))).tables["processes"]["arguments"]
    assert isinstance(told, str)
    assert len(told) == ARGUMENTS_LENGTH_MAX
    assert (told == text) == (length == ARGUMENTS_LENGTH_MAX)


def test_a_run_without_an_answer_has_a_page(tmp_path: Path) -> None:
    made = page.render(reporting.report(run_of(runs_in(tmp_path), failures=(failure("x"),))))
    shown = of_page(made)
    assert (shown.rows["hosts"], shown.rows["processes"]) == (1, 0)
    assert shown.facts["word"] == "FAILED"


def test_every_kind_is_explained_once(whole: bytes) -> None:
    kinds = of_page(whole).facts["kinds"]
    assert list(kinds) == [kind.label for kind in Kind]
    assert all(said["meaning"] and said["when_large"] for said in kinds.values())


class Reader(HTMLParser):
    """The ids, links and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.names: list[str] = []
        self.heads: list[dict[str, str | None]] = []
        self.tables = self.captions = 0
        self._is_name = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.ids += [said["id"] or ""] if "id" in said else []
        self.links += [said["href"] or ""] if tag == "a" else []
        self.heads += [said] if tag == "th" else []
        self.tables += tag == "table"
        self.captions += tag == "caption"
        self._is_name = tag == "bdi"

    def handle_data(self, data: str) -> None:
        if self._is_name:
            self.names.append(data)
        self._is_name = False


@pytest.mark.parametrize("which", ["large", "nasty", "small"])
def test_links_lead_somewhere_and_tables_have_names(
    request: pytest.FixtureRequest, tmp_path: Path, which: str
) -> None:
    if which == "large":
        made = request.getfixturevalue("whole")
    elif which == "nasty":
        made = page.render(reporting.report(hostile.run(tmp_path)))
    else:
        made = page.render(reporting.report(run_of(runs_in(tmp_path), *peers((GIB, MIB)))))
    seen = Reader(made.decode())
    assert len(seen.ids) == len(set(seen.ids))
    assert [link for link in seen.links if not link.startswith("#") or link[1:] not in seen.ids] == []
    assert seen.captions == seen.tables > 3
    assert all("scope" in head for head in seen.heads)
    sorted_by = [head["aria-sort"] for head in seen.heads if "aria-sort" in head]
    assert set(sorted_by) == {"descending"}


def test_the_first_hosts_are_there_without_the_script(large: Report, whole: bytes) -> None:
    seen = Reader(whole.decode())
    for row in large.hosts[:50]:
        assert row.name in seen.names
        assert f"/host/{row.name}" in [unquote(one) for one in seen.ids]
    for service in large.services[:50]:
        assert service.service in seen.names
