"""report.json is small, described by its schema, and says what it leaves out."""

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reports import report as reporting
from reports.changes.rows import Change, Subject
from reports.columns.columns import TABLES
from reports.findings.rows import Standing
from reports.formats import exports, json_schema, render_json
from reports.formats.render_json import CHANGES_MAX, GROUPS_MAX, SCHEMA_VERSION
from reports.report import HOSTS_A_FAILURE_MAX, Report
from reports.sentence import verdict
from reports.sentence.headline import headline
from reports.views.top import ROWS_MAX
from tests.changes_made import changes_of, compared, grew, group
from tests.changes_made import row as change_row
from tests.reports import hostile
from tests.reports.fleet import (
    MIB,
    Answered,
    Process,
    failure,
    finding,
    heap,
    run_of,
    runs_in,
)
from tests.reports.outputs import document_of, rows_of

PUBLISHED = Path(__file__).parents[3] / "docs" / "report.schema.json"
BYTES_MAX = 1_000_000  # of report.json, whatever the fleet


def valid(document: Any) -> Iterator[str]:
    """What is wrong with a document."""
    checker = jsonschema.Draft202012Validator(json_schema.schema())
    for error in checker.iter_errors(document):
        yield f"{error.json_path}: {error.message}"


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """More of everything than is listed."""
    hosts = [
        Answered(
            f"web{number:03}",
            tuple(
                Process(
                    pid, service=f"s{number % (ROWS_MAX + 1)}.service", blocks=(heap(pid * number * MIB),)
                )
                for pid in (1, 2)
            ),
            findings=(finding(1), finding(1, text=f"of {number:03}")),
        )
        for number in range(1, GROUPS_MAX + 2)
    ]
    failures = tuple(failure(f"db{number:03}") for number in range(HOSTS_A_FAILURE_MAX + 1))
    return reporting.report(run_of(runs_in(tmp_path_factory.mktemp("crowd")), *hosts, failures=failures))


# the schema


def test_the_published_schema_is_the_one_of_the_code_and_is_one() -> None:
    assert PUBLISHED.read_text("ascii") == json_schema.page(), (
        "python -m reports.formats.json_schema > docs/report.schema.json"
    )
    jsonschema.Draft202012Validator.check_schema(json_schema.schema())


@pytest.mark.parametrize("which", ["usual", "nasty", "crowd"])
def test_reports_are_as_the_schema_says(which: str, request: pytest.FixtureRequest) -> None:
    report = request.getfixturevalue(which)
    assert list(valid(document_of(report))) == []


@pytest.mark.parametrize("close", [True, False])
def test_so_is_the_report_of_a_run_that_nobody_answered(tmp_path: Path, close: bool) -> None:
    made = reporting.report(run_of(runs_in(tmp_path), failures=(failure("a"),) if close else ()))
    assert list(valid(document_of(made))) == []


@pytest.mark.parametrize("table", TABLES)
def test_rows_of_exports_are_as_the_schema_says(usual: Report, nasty: Report, table: str) -> None:
    row = jsonschema.Draft202012Validator({**json_schema.schema()["$defs"][table]})
    for report in (usual, nasty):
        for each in rows_of(report, table):
            assert list(row.iter_errors(each)) == []


def objects(document: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in a document, one of each place."""
    if isinstance(document, dict):
        yield path, document
        for name, value in document.items():
            yield from objects(value, f"{path}.{name}")
    elif isinstance(document, list):
        yield from objects(document[0] if document else None, f"{path}[0]")


def test_no_key_is_undeclared_and_none_may_be_missing(usual: Report) -> None:
    document = document_of(usual)
    places = [path for path, _ in objects(document)]
    assert len(places) > 15
    for place, path in enumerate(places):
        more, less = deepcopy(document), deepcopy(document)
        list(objects(more))[place][1]["undeclared"] = 1
        assert list(valid(more)), f"{path} may have more keys than are declared"
        list(objects(less))[place][1].popitem()
        assert list(valid(less)), f"{path} may lack a key"


def test_a_size_is_an_integer_and_never_negative_unless_it_is_a_change(usual: Report) -> None:
    for value, is_valid in ((-1, False), (1.5, False), ("1", False), (0, True), (None, True)):
        document = document_of(usual)
        document["totals"]["native_heap_resident_max_bytes"] = value
        assert (list(valid(document)) == []) == is_valid, value
    document = document_of(usual)
    document["totals"]["growth_bytes"] = -1
    assert list(valid(document)) == []


# what it says


def test_it_begins_with_what_the_run_was(usual: Report) -> None:
    document = document_of(usual)
    assert document["schema_version"] == SCHEMA_VERSION == 3
    assert document["verdict"] == "PARTIAL"
    assert document["run"]["compared_with"] == "20261121T050000Z-prod-0001"
    assert document["run"]["due_at"] is None
    assert document["failures"]["of"] == 2
    assert [(group["reason"], group["hosts"]) for group in document["failures"]["rows"]] == [
        ("auth_rejected", ["db1"]),
        ("denied", ["web6"]),
    ]
    (arenas,) = [each for each in document["findings"]["rows"] if each["code"] == "many_arenas"]
    assert (arenas["members"], arenas["first"][0]["host"]) == (1, "web6")


def test_its_summary_is_the_sentence(usual: Report) -> None:
    summary, said = document_of(usual)["summary"], headline(usual)
    assert (summary["sentence"], summary["short"]) == (said.sentence, said.short)
    assert summary["changed"] == verdict.news(usual)
    assert summary["regressed"] is verdict.regressed(usual)


def test_it_has_the_changes(usual: Report) -> None:
    rows = [
        grew("app-03", "checkout.service", 720 * MIB),
        change_row(Change.WENT, Subject.HOST, "=cmd()\x1b"),
        *(grew(f"app-{place}", "x", 100 * MIB) for place in range(CHANGES_MAX)),
    ]
    report = compared(usual, changes_of(*rows), (group(Standing.NEW), group(Standing.RESOLVED)))
    document = document_of(report)
    assert list(valid(document)) == []
    changes = document["changes"]
    assert (changes["is_known"], changes["of"], len(changes["rows"])) == (True, len(rows), CHANGES_MAX)
    assert changes["rows"][0]["change_bytes"] == 720 * MIB
    assert changes["rows"][1]["host"] == "=cmd()\x1b"
    assert {(each["change"], each["subject"]): each["count"] for each in changes["counts"]} == {
        ("grew", "process"): len(rows) - 1,
        ("went", "host"): 1,
    }
    assert [each["standing"] for each in document["findings"]["rows"]] == ["new", "resolved"]
    assert document["summary"]["changed"] == "CHANGED"


def test_its_rankings_are_the_first_rows_of_the_tables(usual: Report) -> None:
    top = document_of(usual)["top"]
    hosts = {row["name"]: row for row in rows_of(usual, "hosts")}
    assert [row["name"] for row in top["hosts"]["native_heap"]["rows"]] == [
        name for name, row in hosts.items() if row["rank"] is not None
    ]
    assert [row["name"] for row in top["hosts"]["stacks"]["rows"]] == ["web6"]
    assert [row["name"] for row in top["hosts"]["growth"]["rows"]] == ["web1"]
    assert [row["name"] for row in top["hosts"]["bloat"]["rows"]][:2] == ["web5", "web1"]
    for ranking in top["hosts"].values():
        assert all(row == hosts[row["name"]] for row in ranking["rows"])
    services = rows_of(usual, "services")
    assert top["services"]["native_heap"] == {"of": len(services), "rows": services}
    processes = {(row["host"], row["pid"]): {**row, "arguments": ""} for row in rows_of(usual, "processes")}
    for ranking in top["processes"].values():
        for row in ranking["rows"]:
            assert {**row, "arguments": ""} == processes[row["host"], row["pid"]]


def test_what_there_is_too_much_of_is_counted_and_cut(crowd: Report) -> None:
    document = document_of(crowd)
    hosts, failed = GROUPS_MAX + 1, HOSTS_A_FAILURE_MAX + 1
    (failures,) = document["failures"]["rows"]
    assert (failures["count"], len(failures["hosts"])) == (failed, HOSTS_A_FAILURE_MAX)
    findings = document["findings"]
    assert (findings["of"], len(findings["rows"])) == (len(crowd.findings), len(crowd.findings))
    more = replace(crowd, findings=(group(Standing.SAME),) * (GROUPS_MAX + 1))
    findings = document_of(more)["findings"]
    assert (findings["of"], len(findings["rows"])) == (GROUPS_MAX + 1, GROUPS_MAX)
    top = document["top"]
    assert (top["hosts"]["native_heap"]["of"], len(top["hosts"]["native_heap"]["rows"])) == (hosts, ROWS_MAX)
    assert (top["services"]["native_heap"]["of"], len(top["services"]["native_heap"]["rows"])) == (
        ROWS_MAX + 1,
        ROWS_MAX,
    )
    processes = top["processes"]["native_heap"]
    assert processes["of"] == 2 * hosts
    known = sorted(
        rows_of(crowd, "processes"), key=lambda row: (-row["native_heap_resident_max_bytes"], row["host"])
    )
    assert [(row["host"], row["pid"]) for row in processes["rows"]] == [
        (row["host"], row["pid"]) for row in known[:ROWS_MAX]
    ]


def test_what_is_left_out_is_named_with_the_command_that_prints_it(crowd: Report) -> None:
    rows = [change_row(Change.WENT, Subject.HOST, f"web-{place}") for place in range(CHANGES_MAX + 1)]
    more = compared(crowd, changes_of(*rows), (group(Standing.SAME),) * (GROUPS_MAX + 1))
    left_out = {each["table"]: each for each in document_of(more)["left_out"]}
    assert list(left_out) == list(TABLES)
    assert (left_out["changes"]["shown"], left_out["changes"]["of"]) == (CHANGES_MAX, CHANGES_MAX + 1)
    assert left_out["finding_groups"]["shown"] == GROUPS_MAX
    hosts = left_out["hosts"]
    assert (hosts["shown"], hosts["of"]) == (ROWS_MAX, GROUPS_MAX + 1 + HOSTS_A_FAILURE_MAX + 1)
    assert hosts["command"] == f"mapsweep report {crowd.run.run_id} --format ndjson --table hosts"
    assert (left_out["footprints"]["shown"], left_out["footprints"]["of"]) == (0, None)


def test_nothing_is_said_to_be_left_out_of_a_table_that_is_there_as_a_whole(usual: Report) -> None:
    assert [each["table"] for each in document_of(usual)["left_out"]] == [
        "hosts",  # db1 has no place in a ranking
        "footprints",
        "findings",
        "kinds",
    ]


def test_equal_reports_give_equal_bytes_in_printable_ascii(nasty: Report, crowd: Report) -> None:
    for report in (nasty, crowd):
        content = b"".join(render_json.render(report))
        assert content == b"".join(render_json.render(report))
        assert re.fullmatch(rb"[\x20-\x7e\n]*", content)
        assert len(content) < BYTES_MAX
    names = {row["name"] for row in document_of(nasty)["top"]["hosts"]["native_heap"]["rows"]}
    assert names == set(hostile.NAMES)


def test_its_size_does_not_grow_with_the_fleet(tmp_path: Path, crowd: Report) -> None:
    """Twice the hosts, the same limits: a few digits more."""
    twice = [
        Answered(f"web{number:03}", (Process(1, blocks=(heap(number * MIB),)), Process(2)))
        for number in range(1, 2 * GROUPS_MAX)
    ]
    sizes = [
        len(b"".join(render_json.render(reporting.report(run_of(runs_in(tmp_path / name), *hosts)))))
        for name, hosts in (("one", twice[:GROUPS_MAX]), ("two", twice))
    ]
    assert sizes[1] < 1.05 * sizes[0]


def test_the_tables_that_are_exported_are_those_of_the_command() -> None:
    from mapsweep.commands import report as command  # noqa: PLC0415 - of the layer above

    assert set(command.TABLES) == set(TABLES)
    assert set(command.OF_TABLES) == set(exports.FORMATS)


def test_the_same_report_with_another_clock_differs_in_that_alone(usual: Report) -> None:
    later = replace(usual, run=replace(usual.run, closed_at="2026-11-22T06:00:00Z"))
    one, other = document_of(usual), document_of(later)
    other["run"]["closed_at"] = one["run"]["closed_at"]
    assert json.dumps(one) == json.dumps(other)
