"""One figure, many outputs: each of them adds up to the totals of the report."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any, Final

import duckdb
import polars as pl
import pytest

from mapsweep.terminal.summary import summary_lines
from mapsweep.terminal.terminal import Terminal
from procmaps.kinds import KIND_BY_LABEL, Family, Kind
from reports import report as reporting
from reports.formats import exports
from reports.mail import render_email
from reports.mail.delivery import MailSettings
from reports.page import page
from reports.report import Report
from reports.sentence import verdict
from reports.sentence.headline import headline
from reports.text.sizes import growth, number, size
from tests.reports.fleet import (
    GIB,
    MIB,
    Answered,
    Block,
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
from tests.reports.outputs import document_of, text_of
from tests.reports.page import decoder

HOSTS_A_PART = 3
SIZES = ("resident_max_bytes", "resident_bytes", "committed_bytes", "reserved_bytes")
OF_HOSTS: Final = (
    *(f"{measure}_{each}" for measure in ("native_heap", "stacks", "java_heap") for each in SIZES),
    *("stacks", "threads", "sent", "denied", "rss_bytes", "swap_bytes", "mem_total_bytes"),
    *("growth_bytes", "bloat_bytes", "doubtful", "guessed_bytes", "present_bytes"),
)
OF_PROCESSES: Final = tuple(
    name for name in OF_HOSTS if name not in ("sent", "denied", "mem_total_bytes", "bloat_bytes", "doubtful")
)
# a service has the processes whose memory was read: the threads of the others are in no service
OF_SERVICES: Final = tuple(
    name
    for name in OF_PROCESSES
    if not name.startswith("java_heap") and name not in ("rss_bytes", "swap_bytes", "threads")
)
FAMILIES: Final = {"native_heap": Family.NATIVE_HEAP.label, "stacks": Family.STACK.label}
MAIL = MailSettings("mapsweep@example.com", "127.0.0.1")


def _java(pid: int, megabytes: int) -> Process:
    blocks = (
        heap(megabytes * MIB),
        Block("heap_arena", 7 * MIB, count=3, block_bytes=64 * MIB, reserved_bytes=192 * MIB),
        Block("java_heap", 300 * MIB, reserved_bytes=GIB),
        stacks(40, 11 * MIB),
    )
    return Process(pid, blocks=blocks, guessed_heap_bytes=MIB, doubted_bytes=900 * MIB, threads=44)


def _mixed() -> tuple[Answered, ...]:
    """Hosts of which smaps was read, or maps, or nothing; a service with a bloated member."""
    exact = Process(
        7, "nginx", "nginx.service", (heap(3 * MIB, resident=True), stacks(2, MIB, resident_bytes=MIB))
    )
    denied = Process(9, "secret", "", evidence="denied", rss_anon_bytes=5 * MIB)
    even = peers((90 * MIB, 100 * MIB, 100 * MIB, 110 * MIB, GIB))
    java = [Answered(f"java{place}", (_java(place, 20 * place), exact)) for place in range(1, 4)]
    part = Answered("odd", (exact, denied), denied=1, findings=(finding(7),))
    return (*even, *java, part)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Of two nights, in several parts, with a failure."""
    runs, hosts = runs_in(tmp_path_factory.mktemp("runs")), _mixed()
    run_of(runs, *hosts, run_id="20261121T050000Z-prod-0001", started_at="2026-11-21T05:00:00Z")
    more = grown(hosts[0], 200 * MIB)
    (process,) = more.processes
    rss = (process.rss_anon_bytes or 0) + 200 * MIB
    now = (replace(more, processes=(replace(process, rss_anon_bytes=rss),)), *hosts[1:])
    return reporting.report(run_of(runs, *now, failures=(failure("db1"),), hosts_a_part=HOSTS_A_PART))


@pytest.fixture(scope="module")
def totals(report: Report) -> dict[str, Any]:
    found: dict[str, Any] = document_of(report)["totals"]
    assert found["growth_bytes"] == 200 * MIB
    assert all(found[name] for name in ("bloat_bytes", "doubtful", "java_heap_reserved_bytes", "denied"))
    return found


def _numbers(rows: Iterator[dict[str, str]]) -> list[dict[str, Any]]:
    return [
        {name: int(text) if text.lstrip("-").isdigit() else text or None for name, text in row.items()}
        for row in rows
    ]


READERS: Final[dict[str, Callable[[bytes], list[dict[str, Any]]]]] = {
    exports.CSV: lambda content: _numbers(csv.DictReader(io.StringIO(content.decode(), newline=""))),
    exports.NDJSON: lambda content: [json.loads(line) for line in content.splitlines()],
    exports.JSON: json.loads,
    exports.PARQUET: lambda content: pl.read_parquet(io.BytesIO(content)).to_dicts(),
}


def rows(report: Report, table: str, form: str) -> list[dict[str, Any]]:
    return READERS[form](b"".join(exports.rows(report.tables, table, form)))


def total(table: list[dict[str, Any]], name: str) -> int | None:
    """The sum of what is known; None of a resident size that is not known for every row that has some."""
    if name.endswith("_resident_bytes"):
        bound = name.replace("_resident_bytes", "_resident_max_bytes")
        known = [row[name] for row in table if row[bound] is not None]
        return None if None in known else sum(known)
    return sum(row[name] or 0 for row in table)


@pytest.mark.parametrize("form", exports.FORMATS)
@pytest.mark.parametrize(
    ("table", "names"),
    [("hosts", OF_HOSTS), ("processes", OF_PROCESSES), ("services", OF_SERVICES)],
)
def test_the_rows_of_every_table_and_format_add_up(
    report: Report, totals: dict[str, Any], form: str, table: str, names: tuple[str, ...]
) -> None:
    found = rows(report, table, form)
    assert {name: total(found, name) for name in names} == {name: totals[name] for name in names}


@pytest.mark.parametrize("form", exports.FORMATS)
def test_so_do_kinds_and_footprints(report: Report, totals: dict[str, Any], form: str) -> None:
    for table in ("kinds", "footprints"):
        found = rows(report, table, form)
        for measure, family in FAMILIES.items():
            kinds = {kind for kind, one in KIND_BY_LABEL.items() if one.family.label == family}
            if measure == "stacks":
                kinds = {Kind.THREAD_STACK.label}
            some = [row for row in found if row["kind"] in kinds]
            for name in ("committed_bytes", "reserved_bytes", "resident_max_bytes"):
                assert sum(row[name] for row in some) == totals[f"{measure}_{name}"], (table, measure, name)


def test_the_kinds_of_the_fleet_are_the_sums_of_the_kinds_of_hosts(
    report: Report, totals: dict[str, Any]
) -> None:
    found = rows(report, "kinds", exports.NDJSON)
    for kind in totals["kinds"]:
        some = [row for row in found if row["kind"] == kind["kind"]]
        for name in ("count", "committed_bytes", "reserved_bytes", "resident_max_bytes"):
            assert sum(row[name] for row in some) == kind[name]
    assert len({row["kind"] for row in found}) == len(totals["kinds"])


def test_counts_are_those_of_rows(report: Report, totals: dict[str, Any]) -> None:
    document = document_of(report)
    processes, hosts = (rows(report, table, exports.NDJSON) for table in ("processes", "hosts"))
    assert len(processes) == totals["sent"]
    assert len(hosts) == document["run"]["asked"]
    assert len([row for row in hosts if row["status"] == "failed"]) == document["run"]["failed"]
    assert len([row for row in processes if row["doubtful"] == "yes"]) == totals["doubtful"]
    found = rows(report, "findings", exports.NDJSON)
    told = [group for group in document["findings"]["rows"] if group["code"] not in ("grew", "bloated")]
    assert len(found) == sum(group["members"] for group in told)
    top = document["top"]
    assert top["processes"]["native_heap"]["of"] == sum(
        row["native_heap_resident_max_bytes"] is not None for row in processes
    )


def test_the_page_carries_the_same(report: Report, totals: dict[str, Any]) -> None:
    decoded = decoder.of_page(page.render(report))
    assert decoded.facts["totals"] == totals
    assert decoded.facts["run"] == document_of(report)["run"]
    for table, names in (("hosts", OF_HOSTS), ("services", OF_SERVICES), ("processes", OF_PROCESSES)):
        columns = decoded.tables[table]
        shown = [name for name in names if name in columns and not name.endswith("_resident_bytes")]
        assert "native_heap_resident_max_bytes" in shown
        for name in shown:
            assert sum(int(value or 0) for value in columns[name]) == totals[name], (table, name)


def test_duckdb_finds_the_same_in_the_run_s_folder(report: Report, totals: dict[str, Any]) -> None:
    folder = Path(report.tables._run.url)
    for table, all_names in (("hosts", OF_HOSTS), ("services", OF_SERVICES), ("processes", OF_PROCESSES)):
        names = tuple(name for name in all_names if not name.endswith("_resident_bytes"))
        sums = ", ".join(f"sum({name})" for name in names)
        query = f"select {sums} from '{folder}/settled/*/{table}-*.parquet'"
        found = duckdb.connect().execute(query).fetchone()
        assert found is not None
        assert dict(zip(names, found, strict=True)) == {name: totals[name] for name in names}


def test_what_people_read_says_the_same(report: Report, totals: dict[str, Any]) -> None:
    """Terminal, text and both parts of the mail, with the same rounding."""
    mail = render_email.message(report, ("ops@example.com",), MAIL)
    plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    screen = Terminal(columns=160, is_tty=False, colour=False, unicode=True, redraws=False)
    texts = {
        "terminal": "\n".join(summary_lines(report, screen, (), ())),
        "text": text_of(report),
        "mail": plain.get_content(),
        "mail html": unescape(re.sub("</?span[^>]*>", "", html.get_content())),  # amounts stay on one line
    }
    for name, text in texts.items():
        is_plain = name != "mail html"
        said = " ".join(text.split())
        assert verdict.sums(report, plain=is_plain) in said, name
        for expected in (
            size(totals["native_heap_resident_max_bytes"], bound=True, plain=is_plain),
            size(totals["stacks_resident_max_bytes"], bound=True, plain=is_plain),
            growth(totals["growth_bytes"], plain=is_plain),
            f"{number(totals['stacks'], plain=is_plain)} thread stacks",
        ):
            assert expected in said, (name, expected)


def test_every_output_begins_with_the_same_sentence(report: Report) -> None:
    """With the same verdict of two parts; a subject has the beginning of the short form."""
    mail = render_email.message(report, ("ops@example.com",), MAIL)
    plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    screen = Terminal(columns=80, is_tty=False, colour=False, unicode=True, redraws=False)
    terminal = list(summary_lines(report, screen, (), ("mapsweep show",)))
    said, rich = headline(report), headline(report, plain=False)
    assert "web1" in said.sentence
    assert verdict.words(report) == "PARTIAL, CHANGED"
    first = f"PARTIAL, CHANGED: {said.sentence}"
    assert terminal[-1] == first
    for text in (text_of(report), plain.get_content()):
        assert " ".join(text.split()).startswith(first)
    for text in (html.get_content(), page.render(report).decode()):
        shown = " ".join(unescape(re.sub(r"<[^>]*>", "", text)).split())
        assert rich.sentence in shown
        assert "PARTIAL, CHANGED" in shown
    summary = document_of(report)["summary"]
    assert (summary["sentence"], summary["short"]) == (said.sentence, said.short)
    assert f"PARTIAL, CHANGED: {said.short.partition(',')[0]}" in str(mail["Subject"])
