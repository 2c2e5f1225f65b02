"""All outputs say the same, whatever the names."""

import gzip
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from archive.tables import to_parquet
from reports import report as reporting
from reports.columns.column import names_of
from reports.columns.columns import TABLES
from reports.formats import render_json, render_text
from reports.formats.render_text import WIDTH
from reports.mail import mail_html, render_email
from reports.mail.delivery import MailSettings
from reports.page import page
from reports.report import Report
from reports.sentence import verdict
from reports.tables import settled
from reports.tables.settled import Settled
from tests.reports import hostile
from tests.reports.fleet import (
    MIB,
    Answered,
    Process,
    failure,
    heap,
    peers,
    run_of,
    runs_in,
)
from tests.reports.outputs import csv_of, csv_rows, rows_of, text_of
from tests.reports.page.decoder import of_page

SETTINGS = MailSettings("mapsweep <mapsweep@example.com>", "127.0.0.1")
TO = ("ops@example.com", "dev@example.com")


def test_all_outputs_have_the_declared_columns_in_order(nasty: Report) -> None:
    for table, columns in TABLES.items():
        heading = csv_of(nasty, table).splitlines()[0].decode().split(",")
        assert heading == names_of(columns)
        assert all(list(row) == names_of(columns) for row in rows_of(nasty, table))
        assert rows_of(nasty, table) or table == "changes"  # a first run has none


def test_a_failed_host_is_in_every_ranking_with_its_reason(usual: Report) -> None:
    (failed,) = [row for row in rows_of(usual, "hosts") if row["status"] == "failed"]
    assert (failed["name"], failed["reason"], failed["rank"]) == ("db1", "auth_rejected", None)
    assert failed["native_heap_resident_max_bytes"] is None
    (line,) = [row for row in csv_rows(csv_of(usual)) if row["name"] == "db1"]
    assert (line["status"], line["native_heap_resident_max_bytes"]) == ("failed", "")
    assert re.search(r"^ +- db1 +failed auth auth_rejected$", text_of(usual), re.MULTILINE)
    assert re.search(r'<tr class="gone".*db1.*auth_rejected', page.render(usual).decode())


def test_labels_are_where_hosts_are_told_one_by_one(usual: Report) -> None:
    expected = {"web6": "owner=payments zone=eu-1 & eu-2", "db1": "owner=payments", "web1": ""}
    document = {row["name"]: row["labels"] for row in rows_of(usual, "hosts")}
    table = {row["name"]: row["labels"] for row in csv_rows(csv_of(usual))}
    assert {name: document[name] for name in expected} == expected
    assert {name: table[name] for name in expected} == expected
    assert "<bdi>owner=payments zone=eu-1 &amp; eu-2</bdi>" in page.render(usual).decode()
    hosts = of_page(page.render(usual)).tables["hosts"]
    labels = dict(zip(hosts["name"], hosts["labels"], strict=True))
    assert {name: labels[name] for name in expected} == expected


def test_labels_of_any_text_do_no_harm(nasty: Report) -> None:
    """Those of a manifest that was not made of an inventory of ours."""
    labels = [row["labels"] for row in csv_rows(csv_of(nasty))]
    assert "'=cmd()==cmd()" in labels
    assert not [text for text in labels if re.match(r"\s*[=+\-@]", text)]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;=&lt;script&gt;" in page.render(nasty).decode()


def test_a_run_closed_before_a_column_was_declared_is_rendered_without_it(tmp_path: Path) -> None:
    run = run_of(runs_in(tmp_path), *peers((MIB, 2 * MIB)))
    for table, gone in ((settled.HOSTS, ("labels", "cores")), (settled.PROCESSES, ("unit", "swap_bytes"))):
        (part,) = tmp_path.rglob(f"{table}-*.parquet")
        content = Settled(run).table(table).drop(gone)
        part.unlink()
        run.write_settled(table, 0, to_parquet(content))
    made = reporting.report(run)
    assert [(row["labels"], row["cores"]) for row in csv_rows(csv_of(made))] == [("", "")] * 2
    told = rows_of(made, "hosts")
    assert [(row["labels"], row["cores"]) for row in told] == [("", None)] * 2
    processes = csv_rows(csv_of(made, "processes"))
    assert {(row["unit"], row["swap_bytes"]) for row in processes} == {("", "")}
    shown = of_page(page.render(made)).tables
    assert (shown["hosts"]["labels"], shown["hosts"]["cores"]) == (["", ""], [None, None])
    assert set(shown["processes"]["swap_bytes"]) == {None}


def test_outputs_are_functions_of_the_report(usual: Report) -> None:
    for render in (render_json.render, page.render, render_text.render):
        assert list(render(usual)) == list(render(usual))
    assert message(usual) == message(usual)


def message(report: Report) -> bytes:
    return render_email.message(report, TO, SETTINGS).as_bytes()


def html_part(report: Report) -> str:
    body = render_email.message(report, TO, SETTINGS).get_body(("html",))
    assert body is not None
    content = body.get_content()
    assert isinstance(content, str)
    return content


# names that mean harm


def test_no_name_becomes_markup(nasty: Report) -> None:
    for text in (page.render(nasty).decode(), html_part(nasty)):
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "<base" not in text
        assert "49}" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", text)


def test_the_page_allows_no_style_attribute_and_no_handler(nasty: Report) -> None:
    text = page.render(nasty).decode()
    tags = re.findall(r"<[a-zA-Z][^<>]*>", text.partition("<script>")[0])
    assert not [
        tag
        for tag in tags
        if re.search(r"\s(style|on\w+|src|srcset|background)\s*=", re.sub(r'"[^"]*"', '""', tag))
    ]
    assert {tag for tag in re.findall(r'href="([^"]*)"', text) if not tag.startswith("#")} == set()


def test_no_csv_cell_is_a_formula_or_more_than_a_line(nasty: Report) -> None:
    for content in (csv_of(nasty, table) for table in TABLES):
        cells = [cell for row in csv_rows(content) for cell in row.values()]
        assert not [cell for cell in cells if re.match(r"\s*[=+@\t\r]|\s*-(?!\d+$)", cell)]
        assert not [cell for cell in cells if re.search(r"[\x00-\x1f\x7f-\x9f]", cell)]
    names = [row["name"] for row in csv_rows(csv_of(nasty))]
    assert {"'=cmd()", "'+1+1", "'-2", "'@SUM(A1)", "'\\x09TAB", "'\\x0dCR", "'=failed()"} <= set(names)
    assert '"><img src=http://127.0.0.1:1/x onerror=alert(1)>' in names


def test_a_negative_number_stays_a_number(tmp_path: Path) -> None:
    runs = runs_in(tmp_path)
    shrunk = [Answered("a", (Process(1, blocks=(heap(size * MIB),)),)) for size in (9, 4)]
    run_of(runs, shrunk[0], run_id="20261121T050000Z-prod-0001", started_at="2026-11-21T05:00:00Z")
    made = reporting.report(run_of(runs, shrunk[1]))
    assert csv_rows(csv_of(made))[0]["growth_bytes"] == str(-5 * MIB)


def test_text_fits_80_columns_and_prints(nasty: Report, usual: Report) -> None:
    for report in (nasty, usual):
        lines = text_of(report).splitlines()
        assert max(map(len, lines)) <= WIDTH
        assert not [line for line in lines if not line.isprintable()]


# mail


def test_the_mail_has_its_parts_and_headers(usual: Report) -> None:
    mail = render_email.message(usual, TO, SETTINGS)
    assert mail.get_content_type() == "multipart/mixed"
    alternative, attachment = mail.iter_parts()
    assert [part.get_content_type() for part in alternative.iter_parts()] == ["text/plain", "text/html"]
    assert (attachment.get_content_type(), attachment.get_filename()) == ("application/gzip", "hosts.csv.gz")
    assert gzip.decompress(attachment.get_content()) == csv_of(usual)
    assert re.fullmatch(r"\[(mapsweep )?prod\] PARTIAL, CHANGED: .*", mail["Subject"])
    assert re.fullmatch(r"<20261122T050000Z-prod-0001\.[0-9a-f]{16}@example\.com>", mail["Message-ID"])
    assert mail["Date"] == "Sun, 22 Nov 2026 05:03:10 +0000"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["List-Id"] == "<prod.mapsweep.example.com>"
    assert mail["To"] == ", ".join(TO)


def test_the_text_part_has_the_whole_ranking(usual: Report) -> None:
    body = render_email.message(usual, TO, SETTINGS).get_body(("plain",))
    assert body is not None
    text = body.get_content().partition("Hosts by native heap")[2]
    places = [text.index(f" {row.name} ") for row in usual.hosts]
    assert places == sorted(places)


def test_no_name_reaches_a_header(nasty: Report) -> None:
    mail = render_email.message(nasty, TO, SETTINGS)
    assert set(mail.keys()) == {
        *("From", "To", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress", "List-Id"),
        *("X-Mapsweep-Run", "X-Mapsweep-Status", "Subject", "MIME-Version", "Content-Type"),
    }
    assert len(mail["Subject"]) < 78
    assert mail["Subject"].isascii()
    assert re.search(rb"\r\nSubject: \[(mapsweep )?prod\] ", mail.as_bytes())


@pytest.mark.parametrize("scope", ["a\r\nBcc: victim@example.com", "Größe\u202e", "x" * 300, ""])
def test_a_scope_with_any_name_makes_a_subject(tmp_path: Path, scope: str) -> None:
    from domain.records import Scope  # noqa: PLC0415

    made = reporting.report(run_of(runs_in(tmp_path), *peers((MIB,)), scope=Scope(scope, "*")))
    mail = render_email.message(made, TO, SETTINGS)
    assert len(mail["Subject"]) < 78
    assert mail["Subject"].isascii() == scope.isascii()  # what is not is written as RFC 2047 says
    assert mail.as_bytes().partition(b"\r\n\r\n")[0].isascii()
    assert mail["Bcc"] is None
    assert b"\r\nBcc:" not in mail.as_bytes().partition(b"\r\n\r\n")[0]


def test_another_recipient_is_another_message(usual: Report) -> None:
    ids = {render_email.message(usual, to, SETTINGS)["Message-ID"] for to in (TO, TO[::-1], TO[:1])}
    assert len(ids) == 2


def test_the_mail_s_html_stays_small_and_loads_nothing(nasty: Report, tmp_path: Path) -> None:
    long = tuple(Answered(f"{place}-" + "<" * 250, hostile.fleet()[0].processes) for place in range(40))
    crowded = reporting.report(run_of(runs_in(tmp_path), *long))
    for report in (nasty, crowded):
        html = html_part(report)
        assert len(html.encode()) <= mail_html.HTML_BYTES_MAX
        assert not re.search(r"<(img|link|script|iframe|object)|url\(|@import", html)
    assert "30 more in the report" in html_part(crowded)


def test_an_attachment_that_is_too_large_is_left_out_and_said(usual: Report) -> None:
    mail = render_email.message(usual, TO, MailSettings("m@example.com", "h", attach_max_bytes=10))
    assert list(mail.iter_attachments()) == []
    body = mail.get_body(("plain",))
    assert body is not None
    assert "too large to attach" in body.get_content()


# limits


@pytest.mark.parametrize(
    ("hosts", "failures", "word"),
    [
        (peers((MIB,)), (), "OK"),
        (peers((MIB,)), (failure("x"),), "PARTIAL"),
        ((), (failure("x"),), "FAILED"),
    ],
)
def test_the_verdict_in_a_word(
    tmp_path: Path, hosts: tuple[Answered, ...], failures: tuple[object, ...], word: str
) -> None:
    made = reporting.report(run_of(runs_in(tmp_path), *hosts, failures=failures))  # type: ignore[arg-type]
    assert verdict.word(made).value == word
    assert text_of(made).startswith(f"{word}: ")


def test_a_late_start_is_told_everywhere(usual: Report) -> None:
    due = "2026-11-29T01:30:00+00:00"
    for started, told in (
        ("2026-11-29T02:10:00+00:00", "started 40 min 0 s late, it was due 29 Nov 2026 01:30 UTC"),
        ("2026-11-29T01:31:00+00:00", ""),
        ("2026-11-29T01:29:59+00:00", ""),
    ):
        report = replace(usual, run=replace(usual.run, due_at=due, started_at=started))
        assert verdict.late(report) == told
        for shown in (
            html_of(report),
            text_of(report),
            page.render(report).decode(),
        ):
            assert (told in shown) if told else ("late, it was due" not in shown)
    assert verdict.late(usual) == ""


def html_of(report: Report) -> str:
    """The HTML part of the mail."""
    body = render_email.message(report, TO, SETTINGS).get_body(("html",))
    assert body is not None
    return unescape(body.get_content())
