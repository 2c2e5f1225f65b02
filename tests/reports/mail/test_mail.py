"""The mail: its headers by the RFCs, the news in its subject, HTML that fits every screen, owners' parts."""

import re
from dataclasses import replace
from email import message_from_bytes
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import SMTP
from html import unescape
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.records import MailWhen, Scope
from reports import report as reporting
from reports.changes.rows import Change, ChangeCount, Subject
from reports.findings.rows import Standing
from reports.mail import mail_headers, mail_html, render_email
from reports.mail.delivery import MailSettings
from reports.mail.mail_headers import SUBJECT_LENGTH_MAX
from reports.mail.mail_html import HTML_BYTES_MAX, About
from reports.mail.owned import owned
from reports.report import FailureGroup, Report
from reports.sentence.news import why_not
from tests.browser import chromium, visit
from tests.changes_made import changes_of, compared, grew, group, row
from tests.mapsweep.reports_made import MIB, fleet, host
from tests.reports.fleet import Answered, Process, failure, heap, peers, run_of, runs_in

SETTINGS = MailSettings("mapsweep <mapsweep@example.com>", "127.0.0.1")
TO = ("ops@example.com", "dev@example.com")
ABOUT = About(
    "", "https://reports.example.org/run/report/index.html", "hosts.csv.gz, attached", "You get it."
)
LEAK = grew("app-03", "checkout.service", 720 * MIB, peers=5, peers_changed=0, owner="payments")
GONE = row(Change.WENT, Subject.HOST, "edge-01", before_bytes=3 * MIB)
NEW = row(Change.APPEARED, Subject.HOST, "app-06")
RESTARTED = row(Change.RESTARTED, Subject.SERVICE, "app-02", "checkout.service")
FAILS = row(Change.FAILED, Subject.HOST, "db-01", stage="auth", reason="auth_rejected", owner="data")
REFUSED = FailureGroup("failed", "auth", "auth_rejected", "check the user", "refused", ("db-01",), 1)
LONG = "postgresql@15-main.service-" + "x" * 200
FOUND = (
    group(Standing.NEW, title="checkout.service grew 720 MiB in a day", advice="Trim it"),
    group(Standing.WORSE, title="search has more arenas", service=LONG, owner="search"),
    group(Standing.RESOLVED, title="redis was swapped", advice="Raise it"),
    group(Standing.SAME, title="postgres has many threads"),
    group(Standing.NEW, title="nobody sees this", mute_reason="known"),
)


def story() -> Report:
    """A night on which much changed: 805 against 84 MiB, long names, a failure."""
    hosts = [host("app-03", 805 * MIB, 720 * MIB, rank=1), host("app-04", 84 * MIB, 0, rank=2)]
    hosts += [host(f"{'payments-' * 6}{n:02}.example.net", (80 - n) * MIB, rank=n) for n in range(3, 20)]
    made = compared(
        fleet([*hosts, host("db-01", None)], (REFUSED,)), changes_of(LEAK, GONE, NEW, RESTARTED, FAILS)
    )
    return replace(made, findings=FOUND)


def html_of(report: Report, about: About = ABOUT) -> str:
    return mail_html.render(report, "subject", about)


def words_of(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html.partition("<main")[2].partition(">")[2])).split())


def parsed(mail: EmailMessage) -> EmailMessage:
    """The message as a strict program reads it; any defect is an error."""
    read = message_from_bytes(mail.as_bytes(), policy=SMTP.clone(raise_on_defect=True))
    assert isinstance(read, EmailMessage)
    return read


def header_lines(mail: EmailMessage) -> list[bytes]:
    return mail.as_bytes().partition(b"\r\n\r\n")[0].split(b"\r\n")


# headers

SHORT = st.text(st.characters(codec="utf-8"), max_size=60)


@settings(max_examples=60, deadline=None)
@given(
    prefix=SHORT,
    name=SHORT,
    words=st.sampled_from(["OK", "PARTIAL, CHANGED"]),
    news=SHORT.filter(bool),
    date=st.just("29 Nov"),
)
def test_any_subject_is_read_back_as_it_was(prefix: str, name: str, words: str, news: str, date: str) -> None:
    mail = mail_headers.begun(TO, SETTINGS, "id", None)
    mail["Subject"] = said = mail_headers.subject(prefix, name, words, news, date)
    mail.set_content("text")
    assert len(said) <= SUBJECT_LENGTH_MAX
    assert parsed(mail)["Subject"].split() == said.split()
    for line in header_lines(mail):
        assert line.isascii()
        assert all(len(word) <= 75 for word in re.findall(rb"=\?[^ ]*\?=", line)), line
        assert re.match(rb"[A-Za-z-]+: |[ \t]", line), line


BOTH = "app-03 native heap +720 MiB, db-01 newly fails"


@pytest.mark.parametrize(
    ("name", "words", "news", "told"),
    [
        ("prod", "CHANGED", "app-03 +720 MiB", "[mapsweep prod] CHANGED: app-03 +720 MiB (29 Nov)"),
        ("prod", "OK, CHANGED", BOTH, f"[mapsweep prod] OK, CHANGED: {BOTH}"),
        ("prod", "PARTIAL, CHANGED", BOTH, f"[prod] PARTIAL, CHANGED: {BOTH}"),
        (
            *("production", "PARTIAL, CHANGED", f"{BOTH}, edge"),
            "[mapsweep production] PARTIAL, CHANGED: app-03 native heap +720 MiB",
        ),
        (
            "x" * 60,
            "PARTIAL, CHANGED",
            BOTH,
            f"[{'x' * 13}...{'x' * 13}] PARTIAL, CHANGED: app-03 native heap +720 MiB",
        ),
        ("production", "PARTIAL, CHANGED", "a" * 60, f"[production] {'a' * 60}"),
    ],
)
def test_the_date_goes_before_the_prefix_and_the_news_last(
    name: str, words: str, news: str, told: str
) -> None:
    assert mail_headers.subject("mapsweep", name, words, news, "29 Nov") == told


def test_names_that_are_not_ascii_are_encoded_words() -> None:
    flotte = replace(SETTINGS, sender="Größenüberwachung <m@example.com>", subject_prefix="Flotte")
    report = replace(story(), run=replace(story().run, scope="Größe"))
    mail = mail_headers.begun(("Ünï <ops@example.com>", "dev@example.com"), flotte, "id", None)
    mail["Subject"] = render_email.subject(report, flotte)
    mail.set_content("text")
    read = parsed(mail)
    assert isinstance(read["From"], AddressHeader)
    assert [str(each) for each in read["From"].addresses] == ["Größenüberwachung <m@example.com>"]
    assert [each.display_name for each in read["To"].addresses] == ["Ünï", ""]
    assert read["Subject"] == "[Größe] PARTIAL, CHANGED: app-03 native heap +720 MiB, db-01 newly fails"
    assert b"From: =?utf-8?q?Gr=C3=B6=C3=9Fen" in mail.as_bytes()


@pytest.mark.parametrize(
    "evil", ["a\r\nBcc: v@example.com", "a\nBcc: v@example.com", "a\x00b\u202e", "=?utf-8?q?x?="]
)
def test_nothing_is_injected(evil: str, tmp_path: Path) -> None:
    run = run_of(runs_in(tmp_path), *peers((MIB,)), scope=Scope(evil, "*"))
    mail = render_email.message(reporting.report(run), TO, SETTINGS)
    read = parsed(mail)
    assert read["Bcc"] is None
    assert not [line for line in header_lines(mail) if line.lower().startswith(b"bcc")]
    assert not re.search(r"[\x00-\x1f\u202e]", read["Subject"])


def test_a_subject_in_ascii_is_one_line() -> None:
    mail = mail_headers.begun(TO, SETTINGS, "id", None)
    mail["Subject"] = mail_headers.subject("mapsweep", "a", "PARTIAL, CHANGED", "x y " * 8, "29 Nov")
    assert [line for line in header_lines(mail) if line.startswith(b"Subject: [mapsweep a] PARTIAL")]
    assert not [line for line in header_lines(mail) if line.startswith(b" ")]


def test_other_scopes_are_other_lists() -> None:
    labels = [mail_headers.list_label(each) for each in ("prod", "größe", "grüße", "PROD", "x" * 300, "")]
    assert labels[0] == "prod"
    assert len(set(labels) | {"prod"}) == 6
    assert all(re.fullmatch(r"[a-z0-9-]{1,60}", label) for label in labels)


# what the HTML says, in which order, and how it looks


def test_the_html_tells_the_news_first() -> None:
    told = words_of(html_of(story()))
    order = (
        *("app-03, checkout.service: native heap +720 MiB in a day", "To do: checkout.service", "Trim it"),
        *("Also to do: db-01", "Check the user.", "PARTIAL, CHANGED", "What changed"),
        *(
            "5 peers did not grow",
            "edge-01 : is no longer in the inventory",
            "3.0 MiB",
            "New findings (1)",
            "checkout.service grew 720 MiB",
        ),
        *("Trim it", "Findings that got worse (1)", "owner search", "Resolved (1)", "redis was swapped"),
        *(
            "Still there (1)",
            "1 muted: in the report.",
            "Missing",
            "db-01",
            "Hosts by native heap",
            "1. app-03",
        ),
    )
    place = 0
    for each in order:
        assert each in told[place:], each
        place = told.index(each, place)
    assert "nobody sees this" not in told
    assert "Raise it" not in told  # of what is resolved


def test_findings_of_a_first_run_are_no_news_and_remarks_are_counted() -> None:
    found = (FOUND[0], group(Standing.SAME, title="only a remark", severity="info"))
    first = replace(fleet([host("a", 900 * MIB, rank=1)]), findings=found)
    told = words_of(html_of(first))
    assert "Findings, no earlier run to compare with (1)" in told
    assert "New findings" not in told
    assert "only a remark" not in told
    assert "1 only worth knowing: in the report." in told


def test_a_quiet_night_says_so() -> None:
    told = words_of(html_of(compared(fleet([host("a", 900 * MIB, rank=1)]), changes_of())))
    assert told.startswith("Nothing changed since Sun 22 Nov 05:00 UTC")
    assert "What changed" not in told


@pytest.mark.slow
@pytest.mark.journey
def test_it_fits_every_width_in_scale_and_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "mail.html"
    file.write_text(html_of(story()))
    with chromium() as browser:
        for width in (600, 390, 320):
            for scheme in ("light", "dark"):
                with visit(browser, file, width=width, scheme=scheme) as seen:
                    page = seen.page
                    assert page.evaluate("document.documentElement.scrollWidth") == width
                    if width >= 390:  # what changed, where, why and what to do, without scrolling
                        ends = page.evaluate("document.querySelector('ul').getBoundingClientRect().bottom")
                        assert ends <= 600
                    bars = page.evaluate(
                        "[...document.querySelectorAll('.bar')].map(bar => bar.getBoundingClientRect().width)"
                    )
                    assert bars[1] / bars[0] == pytest.approx(84 / 805, abs=0.005)
                    found = Axe().run(page).response["violations"]
                    assert [each["id"] for each in found] == [], (width, scheme)
                    assert (seen.messages, seen.requests) == ([], [])


@pytest.mark.parametrize("letter", ["x", "<", "ä"])
def test_it_stays_small_however_much_there_is(letter: str) -> None:
    long = letter * 3000
    hosts = [host(f"{long}{n}", MIB, rank=n) for n in range(1, 400)]
    changes = [replace(LEAK, host=f"{long}{n}", service=long, comm=long, owner=long) for n in range(200)]
    groups = [
        group(each, title=long, advice=long, service=long, owner=long)
        for each in (Standing.NEW, Standing.WORSE, Standing.SAME, Standing.RESOLVED)
        for _ in range(100)
    ]
    failures = tuple(replace(REFUSED, hosts=(long,) * 50, remedy=long, reason=f"{n}") for n in range(60))
    report = replace(compared(fleet(hosts, failures), changes_of(*changes)), findings=tuple(groups))
    html = html_of(report, replace(ABOUT, owner=long))
    assert len(html.encode()) <= HTML_BYTES_MAX
    assert "more in the report" in html
    assert "native heap +720 MiB" in words_of(html)


# which runs are mailed

QUIET = compared(fleet([host("a", 900 * MIB, rank=1)]), changes_of())
BETTER = compared(fleet([host("a", 900 * MIB, rank=1)]), changes_of(row(Change.RECOVERED, Subject.HOST, "a")))
WORSE = compared(fleet([host("a", 900 * MIB, rank=1)]), changes_of(LEAK))
FIRST = fleet([host("a", 900 * MIB, rank=1)])
ONE_FAILS = compared(fleet([host("a", 900 * MIB, rank=1), host("db-01", None)], (REFUSED,)), changes_of())


@pytest.mark.parametrize(
    ("report", "changed", "regressed"),
    [
        (QUIET, False, False),
        (BETTER, True, False),
        (WORSE, True, True),
        (FIRST, True, True),
        (ONE_FAILS, True, True),
        (replace(QUIET, findings=FOUND[2:3]), True, False),
        (replace(QUIET, findings=FOUND[3:4]), False, False),
        (replace(QUIET, findings=FOUND[4:]), False, False),
        (replace(QUIET, findings=FOUND[:1]), True, True),
    ],
)
def test_who_wants_news_only_gets_news_only(report: Report, changed: bool, regressed: bool) -> None:
    assert why_not(report, MailWhen.ALWAYS) == ""
    for when, is_mailed in ((MailWhen.CHANGED, changed), (MailWhen.REGRESSED, regressed)):
        said = why_not(report, when)
        assert (said == "") is is_mailed
        assert is_mailed or said.endswith("since Sun 22 Nov 05:00 UTC")


# owners


@pytest.fixture
def of_owners(tmp_path: Path) -> Report:
    runs = runs_in(tmp_path)
    payments = [
        Answered(f"pay-{n}", (Process(1, blocks=(heap(n * MIB),)),), labels=(("owner", "payments"),))
        for n in (1, 2)
    ]
    run = run_of(
        runs,
        *payments,
        Answered("strange-host", (Process(1, blocks=(heap(9 * MIB),)),)),
        failures=(failure("db1"),),
    )
    made = compared(reporting.report(run), changes_of(LEAK, GONE, replace(LEAK, host="pay-2"), FAILS))
    return replace(made, findings=FOUND)


def test_an_owner_s_part_has_nothing_of_others(of_owners: Report) -> None:
    mine = owned(of_owners, "payments")
    assert {each.name for each in mine.hosts} == {"pay-1", "pay-2", "db1"}
    assert (mine.run.asked, mine.run.ok, mine.run.failed) == (3, 2, 1)
    assert mine.totals.native_heap.resident_max_bytes == 3 * MIB
    assert mine.changes.counts == (ChangeCount("grew", "process", 2, 1440 * MIB),)
    assert {each.owner for each in mine.findings} == {"payments"}
    mail = render_email.message(mine, TO, SETTINGS, "https://x.example", owner="payments")
    raw = mail.as_string() + words_of(str(mail.get_body(("html",)).get_content()))  # type: ignore[union-attr]
    assert "strange-host" not in raw
    assert "edge-01" not in raw  # it is gone, and nobody says whose it was
    assert list(mail.iter_attachments()) == []
    assert mail["Subject"].startswith("[prod payments] PARTIAL, CHANGED: app-03 native heap +720 MiB")
    assert "mail.owners names you for the hosts of payments" in " ".join(raw.split())


def test_an_owner_s_mail_is_another_message(of_owners: Report) -> None:
    whole = render_email.message(of_owners, TO, SETTINGS)
    part = render_email.message(owned(of_owners, "payments"), TO, SETTINGS, owner="payments")
    assert whole["Message-ID"] != part["Message-ID"]
