"""The queries of docs/queries.md, over several runs: they find what the reports say."""

import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest

from reports import report as reporting
from reports.report import Report
from tests.reports.fleet import (
    GIB,
    MIB,
    Answered,
    Process,
    failure,
    grown,
    heap,
    peers,
    run_of,
    runs_in,
    stacks,
)
from tests.reports.outputs import document_of, rows_of

DOCS: Final = Path(__file__).parents[3] / "docs" / "queries.md"
NIGHTS: Final = 9
NATIVE: Final = "native_heap_resident_max_bytes"
TITLES: Final = (
    "The native heap of a service",
    "The hosts that grew most between two runs",
    "The processes of a service on a host",
    "The kinds of memory of the fleet",
    "The most bloat of the last seven runs",
)


def blocks() -> dict[str, list[str]]:
    """The SQL under each heading."""
    sections = re.split(r"^## (.*)$", DOCS.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return {
        title: re.findall(r"^```sql\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        for title, text in zip(sections[::2], sections[1::2], strict=True)
    }


@dataclass(frozen=True, slots=True)
class Nights:
    """The reports of some nights, and a connection that is prepared as the page says."""

    reports: tuple[Report, ...]
    duck: duckdb.DuckDBPyConnection

    def asked(self, title: str) -> list[dict[str, Any]]:
        """What the query under a heading finds."""
        (query,) = blocks()[title]
        found = self.duck.execute(query)
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def night(number: int) -> tuple[Answered, ...]:
    """Nine hosts; web1 grows each night, web2 is bloated in the first night alone, web5 in the last."""
    even = list(peers((100 * MIB,) * 8))
    even[0] = grown(even[0], number * 10 * MIB)
    for bloated, when in ((1, number == 0), (4, number == NIGHTS - 1)):
        if when:
            even[bloated] = replace(even[bloated], processes=(Process(100, blocks=(heap(GIB),)),))
    restarted = Process(7 if number < 5 else 8, start_ticks=70 + (number >= 5), blocks=(stacks(9, 9 * MIB),))
    return (*even, Answered("odd", (restarted,)))


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    folder = tmp_path_factory.mktemp("queries") / "runs"
    folder.mkdir()
    runs, reports = runs_in(folder), []
    for number in range(NIGHTS):
        run = run_of(
            runs,
            *night(number),
            run_id=f"202611{11 + number}T050000Z-prod-0001",
            started_at=f"2026-11-{11 + number}T05:00:00Z",
            failures=(failure("db1"),) if number % 2 else (),
            hosts_a_part=4,
        )
        reports.append(reporting.report(run))
    run_of(runs, *night(0), run_id="20261120T050000Z-open-0001", close=False)
    (kept,) = (folder / reports[-1].run.run_id / "settled").iterdir()
    shutil.copytree(kept, kept.with_name("of-other-rules"))  # as a stopped reclassification leaves it
    duck = duckdb.connect()
    prepare, variables = blocks()["Before a query"]
    duck.execute(prepare.replace("= 'runs';", f"= '{folder}';"))
    duck.execute(variables)
    for name, value in {
        "scope": "prod",
        "service": "api.service",
        "host": "odd",
        "earlier": reports[2].run.run_id,
        "later": reports[-1].run.run_id,
    }.items():
        duck.execute(f"set variable {name} = '{value}'")
    return Nights(tuple(reports), duck)


def test_the_page_has_five_queries_of_one_statement_each() -> None:
    found = blocks()
    assert tuple(found) == ("Before a query", *TITLES)
    for title in TITLES:
        (query,) = found[title]
        assert query.count(";") == 1


def test_the_native_heap_of_a_service(nights: Nights) -> None:
    rows = nights.asked(TITLES[0])
    expected = [
        next(row for row in rows_of(report, "services") if row["service"] == "api.service")
        for report in nights.reports
    ]
    assert [row[NATIVE] for row in rows] == [row[NATIVE] for row in expected]
    assert [row["peer_excess_bytes"] for row in rows] == [row["peer_excess_bytes"] for row in expected]
    totals = [document_of(report)["totals"][NATIVE] for report in nights.reports]
    assert [row[NATIVE] for row in rows] == totals
    assert {row["members"] for row in rows} == {9}


def test_the_hosts_that_grew_most(nights: Nights) -> None:
    rows = nights.asked(TITLES[1])
    then, now = ({row.name: row for row in nights.reports[at].hosts} for at in (2, -1))
    growth = {
        name: (row.native_heap_resident_max_bytes or 0) - (then[name].native_heap_resident_max_bytes or 0)
        for name, row in now.items()
        if name in then and row.answered
    }
    assert {row["name"]: row["grown_bytes"] for row in rows} == growth
    assert [row["name"] for row in rows][:2] == ["web5", "web1"]
    assert rows[1]["grown_bytes"] == 60 * MIB
    assert rows[1]["largest"] == "java (100)"


def test_the_processes_of_a_service_on_a_host(nights: Nights) -> None:
    rows = nights.asked(TITLES[2])
    assert [row["pid"] for row in rows] == [7] * 5 + [8] * (NIGHTS - 5)
    assert [row["is_new"] for row in rows] == [True] + [False] * 4 + [True] + [False] * (NIGHTS - 6)
    for row, report in zip(rows, nights.reports, strict=True):
        (process,) = [each for each in rows_of(report, "processes") if each["host"] == "odd"]
        names = ("pid", NATIVE, "stacks_resident_max_bytes", "rss_bytes", "threads")
        assert [row[name] for name in names] == [process[name] for name in names]


def test_the_kinds_of_the_fleet(nights: Nights) -> None:
    rows = nights.asked(TITLES[3])
    found: dict[Any, dict[str, tuple[int, int, int]]] = {}
    for row in rows:
        sums = (row["blocks"], row["committed_bytes"], row["resident_max_bytes"])
        found.setdefault(row["started_at"], {})[row["kind"]] = sums
    expected = [
        {
            kind["kind"]: (kind["count"], kind["committed_bytes"], kind["resident_max_bytes"])
            for kind in document_of(report)["totals"]["kinds"]
        }
        for report in nights.reports
    ]
    assert [found[moment] for moment in sorted(found)] == expected


def test_the_most_bloat_of_the_last_runs(nights: Nights) -> None:
    rows = nights.asked(TITLES[4])
    last = nights.reports[-7:]
    most: dict[str, int] = {}
    for report in last:
        for host in report.hosts:
            most[host.name] = max(most.get(host.name, 0), host.bloat_bytes or 0)
    assert {row["name"]: row["bloat_bytes"] for row in rows} == {
        name: most_bytes for name, most_bytes in most.items() if most_bytes > 0
    }
    assert rows[0]["name"] == "web5"
    assert rows[0]["worst_run"] == nights.reports[-1].run.run_id
    assert "web2" not in {row["name"] for row in rows if row["bloat_bytes"] > 500 * MIB}


def test_tables_of_other_rules_and_runs_that_are_open_are_not_counted(nights: Nights) -> None:
    found = nights.duck.execute("select run, count(*) from settled('hosts') group by run order by run")
    assert found.fetchall() == [(report.run.run_id, len(report.hosts)) for report in nights.reports]
