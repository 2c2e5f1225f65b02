"""What the labels leave open, from processes to the fleet."""

import csv
import io
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive import tables
from domain.records import Scope
from procmaps.doubts import doubts
from procmaps.footprint import footprints
from procmaps.identity import identify
from procmaps.read import read
from reports import report as reporting
from reports.closing.settle import settle
from reports.mail import mail_html, render_email
from reports.mail.delivery import MailSettings
from reports.page import page
from reports.report import Report
from reports.rows import Range
from reports.sentence import doubts as words
from reports.tables import kinds, measures
from reports.tables.settled import FLEET, HOSTS, PROCESSES, SERVICES, Settled
from tests.procmaps.test_doubts import LABELS, STATUS, USED, in_use, parts_of, status_of
from tests.reports.fleet import CLOSED_AT, MIB, Answered, Block, Process, heap, run_of, runs_in
from tests.reports.outputs import csv_of, document_of, rows_of, text_of
from tests.reports.page.decoder import of_page
from tests.strategies import NONCE, Vma, closing, record, vmas

RANGE = ("native_heap_least_bytes", "native_heap_resident_max_bytes", "native_heap_most_bytes")
SURE = Process(1, blocks=(heap(100 * MIB),), rss_anon_bytes=400 * MIB)
OPEN = Process(
    2,
    blocks=(heap(60 * MIB), Block("java_gc", 50 * MIB)),
    rss_anon_bytes=400 * MIB,
    guessed_heap_bytes=30 * MIB,
    doubted_bytes=11 * MIB,
    largest_guess="heap_main or py_arena",
)


def ranges(table: pl.DataFrame) -> list[tuple[int | None, ...]]:
    return [
        tuple(None if size is None else size // MIB for size in row) for row in table.select(RANGE).rows()
    ]


def test_a_service_and_a_host_have_the_sums_of_their_processes(tmp_path: Path) -> None:
    settled = Settled(run_of(runs_in(tmp_path), Answered("a", (SURE, OPEN)), Answered("b", (OPEN,))))
    assert ranges(settled.table(PROCESSES)) == [(100, 100, 100), (30, 60, 71), (30, 60, 71)]
    assert settled.table(PROCESSES)["doubtful"].to_list() == ["no", "yes", "yes"]
    assert ranges(settled.table(HOSTS)) == [(130, 160, 171), (30, 60, 71)]
    assert settled.table(HOSTS)["doubtful"].to_list() == [1, 1]
    assert ranges(settled.table(SERVICES)) == [(160, 220, 242)]
    assert settled.table(SERVICES).select("doubtful", "guessed_bytes", "present_bytes").rows() == [
        (2, 82 * MIB, 1200 * MIB)
    ]


@pytest.mark.parametrize(("guessed_bytes", "doubtful"), [(40 * MIB, "no"), (40 * MIB + 1, "yes")])
def test_more_than_a_tenth_of_what_is_present_is_doubtful(
    tmp_path: Path, guessed_bytes: int, doubtful: str
) -> None:
    one = replace(OPEN, guessed_heap_bytes=guessed_bytes, doubted_bytes=0)
    assert Settled(run_of(runs_in(tmp_path), Answered("a", (one,)))).table(PROCESSES)[
        "doubtful"
    ].to_list() == [doubtful]


def test_no_more_than_rss_anon_can_be_native_heap(tmp_path: Path) -> None:
    one = replace(OPEN, rss_anon_bytes=65 * MIB)
    assert ranges(Settled(run_of(runs_in(tmp_path), Answered("a", (one,)))).table(PROCESSES)) == [
        (30, 60, 65)
    ]


def test_a_process_that_was_not_read_is_not_doubtful_and_has_no_range(tmp_path: Path) -> None:
    settled = Settled(run_of(runs_in(tmp_path), Answered("a", (OPEN, Process(3, evidence="denied")))))
    assert ranges(settled.table(PROCESSES)) == [(30, 60, 71), (None, None, None)]
    assert settled.table(PROCESSES)["doubtful"].to_list() == ["yes", ""]
    assert ranges(settled.table(HOSTS)) == [(30, 60, 71)]


def made(folder: Path, *answered: Answered) -> Report:
    return reporting.report(run_of(runs_in(folder), *answered))


def test_the_fleet_has_the_sums_of_its_hosts(tmp_path: Path) -> None:
    totals = made(tmp_path, Answered("a", (SURE, OPEN)), Answered("b", (OPEN,)), Answered("c")).totals
    assert totals.native_range == Range(160 * MIB, 242 * MIB, is_bound=True)
    assert totals.doubtful == 2


def test_results_of_an_older_version_leave_the_range_open_and_not_wrong(tmp_path: Path) -> None:
    """A host whose result does not tell: a sum over the others alone would be below the native heap."""
    runs = runs_in(tmp_path)
    run = run_of(runs, Answered("a", (SURE, OPEN)), Answered("b", (OPEN,)), close=False)
    older = run.read_result("b")
    frame = tables.from_ipc(older.sections["processes"], "b")
    told = tables.PROCESS_SCHEMA.keys() - {
        *("native_sure_bytes", "native_doubt_bytes", "guessed_bytes", "present_bytes", "largest_guess")
    }
    cut = tables.to_ipc(frame.select(name for name in frame.columns if name in told))
    (written,) = tmp_path.rglob("b.result")
    written.unlink()
    run.write_result(replace(older, sections={**older.sections, "processes": cut}))
    run.close(settle(run, runs, CLOSED_AT))
    settled = Settled(run)
    assert ranges(settled.table(PROCESSES)) == [(100, 100, 100), (30, 60, 71), (None, 60, None)]
    assert settled.table(PROCESSES)["doubtful"].to_list() == ["no", "yes", ""]
    assert ranges(settled.table(HOSTS)) == [(130, 160, 171), (None, 60, None)]
    assert settled.table(HOSTS)["doubtful"].to_list() == [1, None]
    assert ranges(settled.table(SERVICES)) == [(None, 220, None)]
    assert reporting.report(run).totals.native_range == Range(None, None, is_bound=True)


@given(st.lists(st.tuples(vmas(most=6), st.booleans(), STATUS), max_size=4), st.data())
def test_whatever_a_host_sends_the_native_heap_lies_in_its_range(
    processes: list[tuple[list[Vma], bool, tuple[int, int, int] | None]], data: st.DataObject
) -> None:
    memory = b""
    for pid, (table, walked, status) in enumerate(processes, 1):
        used = [data.draw(USED) if walked else None for _ in table]
        text = b"".join(
            vma.line() + (in_use(*one) if one else b"") for vma, one in zip(table, used, strict=True)
        )
        if status is not None:
            memory += record("status", pid, status_of(status[0] + status[1], status[1], status[2]))
        memory += record("smaps" if walked else "maps", pid, text)
    snapshot = read(memory + closing(len(processes)), b"", NONCE)
    size = len(snapshot.maps)
    parts = parts_of(snapshot, data.draw(st.lists(LABELS, min_size=size, max_size=size)))
    sums, unsure = footprints(snapshot, parts), doubts(snapshot, parts)
    host = pl.lit("web1").alias("host")
    sent = tables.processes_frame(snapshot, identify(snapshot), unsure).select(host, pl.all())
    measured = measures.measured(
        sent, kinds.numbered(tables.footprints_frame(snapshot, sums).select(host, pl.all()))
    )
    assert measured.select(RANGE).rows() == [
        unsure.native_range(snapshot, sums, process) for process in range(len(snapshot.processes))
    ]
    assert [text == "yes" for text in measured["doubtful"].to_list()] == [
        unsure.is_doubtful(process) for process in range(len(snapshot.processes))
    ]
    totals = measures.host_sums(with_no_past(measured)).select(RANGE).rows()
    assert all(least <= native <= most for least, native, most in totals)
    assert np.all(unsure.guessed_bytes <= unsure.present_bytes)


def with_no_past(measured: pl.DataFrame) -> pl.DataFrame:
    return measured.with_columns(pl.lit(None, pl.Int64).alias("peer_excess_bytes"))


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        (Range(100 * MIB, 200 * MIB), "100 MiB to 200 MiB"),
        (Range(100 * MIB, 200 * MIB, is_bound=True), "<= 100 MiB to 200 MiB"),
        (Range(0, 200 * MIB, is_bound=True), "0 to <= 200 MiB"),
        (Range(190 * MIB, 200 * MIB), ""),
        (Range(190 * MIB - 1, 200 * MIB), "190 MiB to 200 MiB"),
        (Range(0, 0), ""),
        (Range(), ""),
    ],
)
def test_a_range_is_told_where_it_is_wide(sizes: Range, text: str) -> None:
    assert words.span(sizes, plain=True) == text


SETTINGS = MailSettings("mapsweep@example.com", "127.0.0.1")
LINE = (
    "Doubtful labels: 2 processes on 2 hosts (a: java (2), b: java (2)). By its labels the native heap is "
    "{}160 MiB to 242 MiB. Sweep again with --evidence smaps, which decides some of them: "
    "see docs/doubtful-labels.md."
)


def bodies(report: Report) -> tuple[str, str]:
    """The text and the HTML of the mail, each in one line."""
    mail = render_email.message(report, ("ops@example.com",), SETTINGS)
    parts = [mail.get_body((kind,)) for kind in ("plain", "html")]
    plain, html = (" ".join(part.get_content().split()) for part in parts if part is not None)
    return plain, unescape(html)


def rendered(report: Report) -> str:
    return page.render(report).decode()


def seen(report: Report) -> str:
    """The page above its glossary."""
    return rendered(report).split("<body>")[1].split("<footer>")[0]


def test_doubts_are_told_in_every_output(tmp_path: Path) -> None:
    report = made(tmp_path, Answered("a", (SURE, OPEN)), Answered("b", (OPEN,)))
    plain, html = bodies(report)
    assert LINE.format("<= ") in plain
    assert LINE.format("\u2264 ") in html
    assert "     1 process doubtful, by its labels <= 130 MiB to 171 MiB\n" in text_of(report)
    assert "  2 processes doubtful, by its labels <= 160 MiB to 242 MiB\n" in text_of(report)
    assert "1 process doubtful, by its labels \u2264 130 MiB to 171 MiB<" in html
    assert words.line(report) == LINE.format("<= ")
    html_page = " ".join(rendered(report).split())
    for told in (
        "<b>2 processes have doubtful labels</b>",
        'title="processes with doubtful labels">1 doubtful</span>',  # hosts
        'title="processes with doubtful labels">2 doubtful</span>',  # the service
        "\u2264 160 MiB to 242 MiB by its labels",
    ):
        assert told in html_page
    processes = of_page(page.render(report)).tables["processes"]
    assert processes["doubtful"] == ["no", "yes", "yes"]
    assert processes["largest_guess"][1:] == ["heap_main or py_arena"] * 2
    assert processes["guessed_bytes"][1:] == [41 * MIB] * 2
    document = document_of(report)
    assert (document["totals"]["native_heap_least_bytes"], document["totals"]["doubtful"]) == (160 * MIB, 2)
    hosts = {row["name"]: (row["doubtful"], row["most_guessed"]) for row in rows_of(report, "hosts")}
    assert hosts == {"a": (1, "java (2)"), "b": (1, "java (2)")}
    told_in_csv = csv_of(report).decode().splitlines()[1]
    assert ",java (2)," in told_in_csv


def test_without_doubts_nothing_is_told_and_nothing_is_added(tmp_path: Path) -> None:
    report = made(tmp_path, Answered("a", (SURE,)))
    assert words.line(report) == ""
    assert "<dt>Doubtful labels</dt><dd>0 processes</dd>" in rendered(report)
    for text in (
        *bodies(report),
        rendered(report).split('<main id="fleet">')[1].split('<section class="static"')[0],
    ):
        assert "doubtful" not in text.lower()
        assert "By labels" not in text


def test_the_mail_tells_of_listed_hosts_only(tmp_path: Path) -> None:
    large = [Answered(f"web{n}", (SURE,)) for n in range(mail_html.HOSTS_MAX)]
    plain, html = bodies(made(tmp_path, *large, Answered("small", (OPEN,))))
    assert "Doubtful labels: 1 process on 1 host (small: java (2))" in plain
    assert "Doubtful" not in html


def test_after_smaps_another_remedy_is_told(tmp_path: Path) -> None:
    run = run_of(runs_in(tmp_path), Answered("a", (OPEN,)), scope=Scope("prod", "prod-*", "smaps"))
    line = words.line(reporting.report(run))
    assert "mapsweep show HOST/PID --why" in line
    assert "--evidence" not in line


def test_a_run_closed_before_these_columns_is_rendered_without_them(tmp_path: Path) -> None:
    run = run_of(runs_in(tmp_path), Answered("a", (SURE, OPEN)))
    gone = ("doubtful", "guessed_bytes", "present_bytes", "native_heap_least_bytes", "native_heap_most_bytes")
    for name in (HOSTS, SERVICES, PROCESSES, FLEET):
        (part,) = tmp_path.rglob(f"{name}*.parquet")
        content = Settled(run).table(name).drop(*gone, "most_guessed", "largest_guess", strict=False)
        part.unlink()
        run.write_settled(name, 0, tables.to_parquet(content))
    report = reporting.report(run)
    (host,) = csv.DictReader(io.StringIO(csv_of(report).decode()))
    assert [host[name] for name in (*gone, "most_guessed")] == [""] * 6
    assert document_of(report)["totals"]["doubtful"] is None
    assert "not known: an older mapsweep closed this run" in rendered(report)
    for text in (*bodies(report), seen(report)):
        assert "doubtful" not in text.lower()
