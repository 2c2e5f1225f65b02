"""Three nights of the demo fleet that differ: every output tells what changed, and they agree."""

import html
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from archive.run import Run
from archive.run_ids import new_run_id
from archive.runs import Runs
from collector.session import Access, Sessions
from collector.ssh.keys import Credentials
from domain.moments import written
from domain.records import Limits, Scope
from mapsweep.conduct import Executor, conduct
from mapsweep.demo.demo_fleet import unpack
from mapsweep.demo.loopback import Behaviour, LoopbackFleet, LoopbackHost
from mapsweep.terminal.exits import Exit
from reports.findings.codes import CODES
from reports.mail.delivery import MailSettings, Security
from reports.webhook import webhook_schema
from reports.webhook.hook_settings import HookSettings
from tests.hooks import Receiver, hook_server
from tests.journeys.nights import MIB, grow_arenas, grow_go_heap, restart
from tests.reports.page.decoder import of_page
from tests.smtp import Mailbox, mail_server
from tests.sshd import PATIENT
from tests.tables import rows_of
from workers.here.embedded import execute
from workers.life.plan import Request, planned

pytestmark = pytest.mark.journey

TO: Final = "ops@example.org"
GROWN: Final = 700 * MIB
OWNERS: Final = {"app": "payments", "edge": "network", "batch": "finance", "db": "data", "web": "shop"}


@dataclass(frozen=True, slots=True)
class Night:
    """What one night told."""

    run: Run
    code: Exit
    terminal: str
    mail: EmailMessage
    posted: dict[str, Any] | None  # None: nothing was new

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run.store.read("report/report.json"))
        return found

    @property
    def page(self) -> str:
        return self.run.store.read("report/index.html").decode()

    @property
    def changes(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """The changes by what happened, to whom: host, or service, or both."""
        rows = self.report["changes"]["rows"]
        return {(row["change"], row["subject"], row["host"] or row["service"]): row for row in rows}

    def part(self, kind: str) -> str:
        """A part of the mail as text."""
        body = self.mail.get_body((kind,))
        assert body is not None
        text = str(body.get_content())
        return text if kind == "plain" else text_of(text)


class Nights:
    """Sweeps the hosts of each night over SSH, and takes what it tells."""

    def __init__(self, folder: Path, say: Callable[[], str], receiver: Receiver, mail: MailSettings) -> None:
        self.hosts = folder / "hosts"
        self._runs, self._keys = Runs(str(folder / "runs")), folder / "keys"
        self._keys.mkdir()
        self._say, self._receiver, self._mail = say, receiver, mail
        self.mailbox = Mailbox()
        unpack(self.hosts)

    def night(self, started: datetime, names: str, *failing: str) -> Night:
        """One night: these hosts are asked, and some refuse the key."""
        seen = len(self._receiver.requests), len(self.mailbox.received)
        members = [
            LoopbackHost(
                name,
                f"127.67.0.{place}",
                Behaviour.REFUSES_KEY if name in failing else Behaviour.ANSWERS,
                root=str(self.hosts / name),
            )
            for place, name in enumerate(names.split(), start=1)
        ]
        with LoopbackFleet(members, self._keys) as fleet:
            hosts = tuple(
                replace(host, labels=(("owner", OWNERS[host.name.partition("-")[0]]),))
                for host in fleet.hosts()
            )
            limits = Limits(**PATIENT, attempts=1)  # type: ignore[arg-type]  # PATIENT is of seconds
            request = Request(Scope("nightly", "all"), hosts, limits, 3600, mail_to=(TO,))
            manifest = replace(
                planned(request), run_id=new_run_id(started, "nightly"), started_at=written(started)
            )
            credentials = Credentials(use_agent=False, default_key_files=())
            sessions = Sessions(Access(credentials, (fleet.known_hosts_file,)))
            hook = HookSettings(self._receiver.url, timeout_s=60.0, attempts=1)
            run = self._runs.create(manifest)
            code = conduct(
                run,
                Executor(
                    lambda run, tell, stop: execute(
                        run, sessions.of(run.manifest), tell, stop, mail=self._mail, hook=hook, processes=2
                    )
                ),
            )
        posted = self._receiver.requests[seen[0] :]
        (mail,) = self.mailbox.received[seen[1] :]
        return Night(run, code, self._say(), mail.message, json.loads(posted[0].body) if posted else None)


@contextmanager
def nights(folder: Path, say: Callable[[], str]) -> Iterator[Nights]:
    mailbox = Mailbox()
    with hook_server() as receiver, mail_server(folder, "plain", mailbox=mailbox) as server:
        mail = MailSettings("mapsweep@example.org", server.host, server.port, Security.NONE, attempts=1)
        one = Nights(folder, say, receiver, mail)
        one.mailbox = mailbox
        yield one


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> tuple[Night, Night, Night]:
    """Three nights, a day apart; only the last two differ."""
    folder = tmp_path_factory.mktemp("nights")
    last = datetime.now(UTC).replace(microsecond=0)
    capture = pytest.MonkeyPatch()
    said = folder / "said"
    with said.open("w+") as terminal, nights(folder, lambda: _taken(terminal)) as each:
        capture.setattr("sys.stdout", terminal)
        try:
            first = each.night(
                last - timedelta(days=2), "app-02 app-03 app-04 app-05 batch-01 db-01 edge-01 web-01"
            )
            second = each.night(
                last - timedelta(days=1),
                "app-02 app-03 app-04 app-05 batch-01 db-01 edge-01 web-01",
                "batch-01",
            )
            grow_arenas(each.hosts / "app-03/proc/1315", GROWN)
            grow_go_heap(each.hosts / "edge-01/proc/1377", GROWN)
            restart(each.hosts / "app-05", 1389, 2389, 40_000)
            third = each.night(last, "app-01 app-02 app-03 app-04 app-05 batch-01 db-01 edge-01", "db-01")
        finally:
            capture.undo()
    return first, second, third


def _taken(stream: Any) -> str:
    """What was written since it was asked before."""
    stream.flush()
    stream.seek(0)
    text = str(stream.read())
    stream.seek(0)
    stream.truncate()
    return text


def test_the_first_night_has_nothing_to_compare_with(story: tuple[Night, Night, Night]) -> None:
    first, _, _ = story
    assert first.code == Exit.OK
    assert first.changes == {}
    assert first.report["summary"]["changed"] == "FIRST"
    assert "Nothing to compare with" in first.terminal
    assert "first run" in str(first.mail["Subject"])


def test_the_second_night_tells_the_failure_and_nothing_else(story: tuple[Night, Night, Night]) -> None:
    _, second, _ = story
    assert set(second.changes) == {("failed", "host", "batch-01")}
    assert second.report["summary"]["sentence"] == "batch-01 newly fails (auth_rejected)."
    standings = {row["code"]: row["standing"] for row in second.report["findings"]["rows"]}
    assert set(standings.values()) == {"same", "unseen"}  # what is on the host that fails is not resolved
    assert second.posted is not None
    assert [(each["ruleId"], each["properties"]["host"]) for each in results(second)] == [
        ("host_failed", "batch-01")
    ]


def test_the_third_night_tells_exactly_what_happened(story: tuple[Night, Night, Night]) -> None:
    _, _, third = story
    assert third.code == Exit.SOME_FAILED
    assert set(third.changes) == {
        ("grew", "process", "app-03"),
        ("grew", "service", "checkout.service"),
        ("grew", "host", "app-03"),
        ("grew", "process", "edge-01"),
        ("grew", "service", "edge-01"),
        ("grew", "host", "edge-01"),
        ("restarted", "service", "app-05"),
        ("went", "host", "web-01"),
        ("appeared", "host", "app-01"),
        ("failed", "host", "db-01"),
        ("recovered", "host", "batch-01"),
    }
    arenas, go = third.changes["grew", "process", "app-03"], third.changes["grew", "process", "edge-01"]
    for row, kind in ((arenas, "heap_arena"), (go, "go_heap")):
        assert (row["change_bytes"], row["kind"]) == (GROWN, kind)
        assert row["kind_now_bytes"] - row["kind_before_bytes"] == GROWN
        assert row["now_bytes"] - row["before_bytes"] == GROWN
        assert row["per_day_bytes"] == GROWN
    assert (arenas["service"], arenas["peers"], arenas["peers_changed"]) == ("checkout.service", 2, 0)
    assert (arenas["owner"], go["owner"]) == ("payments", "network")
    assert third.changes["failed", "host", "db-01"]["reason"] == "auth_rejected"
    assert third.changes["restarted", "service", "app-05"]["count"] == 1


def test_one_sentence_begins_every_output(story: tuple[Night, Night, Night]) -> None:
    _, _, third = story
    sentence = str(third.report["summary"]["sentence"])
    assert sentence == (
        "app-03, checkout.service: native heap +700 MiB in a day (arenas <= 75.8 to"
        " <= 776 MiB), 2 peers did not grow; db-01 newly fails (auth_rejected), router.service on edge-01"
        " +700 MiB, 1 more new finding (full arenas of checkout.service),"
        " web-01 is no longer in the inventory, app-01 is new, batch-01 answers again,"
        " checkout.service restarted on app-05."
    )
    verdict = f"PARTIAL, CHANGED: {sentence}"
    assert verdict in third.terminal.splitlines()
    assert squeezed(third.part("plain")).startswith(squeezed(verdict))
    in_html = squeezed(sentence).replace("<=", "\N{LESS-THAN OR EQUAL TO}")  # the same bounds by their sign
    assert in_html in squeezed(third.part("html"))
    assert in_html in squeezed(text_of(third.page))
    assert third.posted is not None
    assert html.unescape(third.posted["text"]).startswith(f"mapsweep nightly: {sentence}\n")
    subject = str(third.mail["Subject"])
    assert "PARTIAL, CHANGED: app-03 native heap +700 MiB" in subject
    assert len(subject) <= 77


@pytest.mark.parametrize("night", [1, 2])
def test_all_outputs_name_the_same_changes(night: int, story: tuple[Night, Night, Night]) -> None:
    told = story[night]
    names = {row["host"] or row["service"] for row in told.changes.values()}
    outputs = {
        "terminal": told.terminal,
        "mail, text": told.part("plain"),
        "mail, HTML": told.part("html"),
        "page": text_of(told.page),
        "webhook": str(told.posted and told.posted["text"]),
    }
    missing = [(place, name) for place, text in outputs.items() for name in names if name not in text]
    assert missing == []
    not_changed = {"app-02", "app-04"} if night == 2 else {"app-03", "edge-01", "web-01", "db-01"}
    said = told.report["summary"]["sentence"]
    assert [name for name in not_changed if name in said] == []


@pytest.mark.parametrize("night", [0, 1, 2])
def test_tables_pages_and_exports_have_the_same_rows(night: int, story: tuple[Night, Night, Night]) -> None:
    told = story[night]
    columns = ("change", "subject", "host", "service", "change_bytes", "kind", "owner")
    exported = [tuple(row[name] for name in columns) for row in rows_of(told.run, "changes")]
    reported = [tuple(row[name] for name in columns) for row in told.report["changes"]["rows"]]
    assert reported == exported
    tables = of_page(told.page.encode()).tables
    in_page = tables["changes"]
    shown = [tuple(in_page[name][row] for name in columns[:2]) for row in range(len(in_page["change"]))]
    # the page begins with what its headline names
    assert sorted(shown) == sorted(row[:2] for row in exported)
    assert Counter(in_page["change_bytes"]) == Counter(row[4] for row in exported)
    found = [(row["fingerprint"], row["standing"], row["bytes"]) for row in told.report["findings"]["rows"]]
    groups = tables["groups"]
    assert list(zip(groups["fingerprint"], groups["standing"], groups["bytes"], strict=True)) == found


def test_a_run_says_which_findings_were_looked_for(story: tuple[Night, Night, Night]) -> None:
    closed = story[2].run.closed()
    assert closed is not None
    assert closed.finding_codes == {code.name: code.version for code in CODES}


def test_findings_have_their_standing_and_the_webhook_has_the_new_ones(
    story: tuple[Night, Night, Night],
) -> None:
    _, _, third = story
    standing = {(row["code"], row["service"]): row["standing"] for row in third.report["findings"]["rows"]}
    assert standing["grew", "checkout.service"] == "new"
    assert standing["grew", "router.service"] == "new"
    assert standing["many_arenas", "checkout.service"] == "same"  # of the others, since the first night
    assert standing["stack_reservation", "ledger.service"] == "same"  # its host failed on the night between
    assert story[0].posted is None  # all that the first run finds would be new
    for told in story[1:]:
        new = {
            row["fingerprint"]
            for row in told.report["findings"]["rows"]
            if row["standing"] == "new" and row["severity"] != "info"
        }
        posted = [each for each in results(told) if each["ruleId"] != "host_failed"]
        assert {each["partialFingerprints"]["mapsweep/v1"] for each in posted} == new
        failed = {host for change, _, host in told.changes if change == "failed"}
        assert {
            each["properties"]["host"] for each in results(told) if each["ruleId"] == "host_failed"
        } == failed
        if told.posted is not None:
            Draft202012Validator(webhook_schema.schema()).validate(told.posted)


def test_a_finding_keeps_its_fingerprint_and_its_first_night(story: tuple[Night, Night, Night]) -> None:
    first, second, third = (
        {row["fingerprint"]: row for row in one.report["findings"]["rows"]} for one in story
    )
    assert set(first) == set(second)
    assert set(first) < set(third)
    for fingerprint, row in first.items():
        assert second[fingerprint]["since_at"] == third[fingerprint]["since_at"] == row["since_at"]


def results(night: Night) -> list[dict[str, Any]]:
    return list(night.posted["runs"][0]["results"]) if night.posted else []


def text_of(page: str) -> str:
    """What a page shows without its script."""
    return html.unescape(
        re.sub(r"<[^>]*>", "", re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL))
    )


def squeezed(text: str) -> str:
    """A text without blanks: outputs break lines differently."""
    return re.sub(r"\s+", "", text)
