"""The nightly run: beat starts it, workers execute it, the report arrives by mail. Every part is real."""

import csv
import gzip
import hmac
import io
import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import TypedDict

import pytest

from mapsweep.demo.demo_fleet import unpack
from reports.text.sizes import size
from tests.journeys.commands import environment
from tests.redis_server import redis_server
from tests.service import serving
from tests.smtp import PASSWORD, USERNAME, MailServer, Received, mail_server
from tests.sshd import Sshd, serve
from tests.system_log import facts
from tests.tables import rows_of
from tests.waiting import eventually

pytestmark = pytest.mark.journey

HOSTS = 3
ARRIVES_WITHIN_S = 600  # the next minute, and the time that the run takes on a busy machine
DEBUG = {"MAPSWEEP_DEBUG": "1"}  # as it is set in a container


class Json(TypedDict):
    """What is looked at of report.json."""

    totals: dict[str, int]


@dataclass(frozen=True, slots=True)
class Night:
    """What the night left: the mails, and the run in the archive."""

    received: tuple[Received, ...]
    run: Path
    logs: dict[str, str]  # what worker and beat have said
    secrets: tuple[str, ...]

    @property
    def message(self) -> EmailMessage:
        """The first mail."""
        return self.received[0].message

    @property
    def report(self) -> "Json":
        """report.json of the run."""
        found: Json = json.loads((self.run / "report" / "report.json").read_text())
        return found


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """One scheduled run, from the crontab to the mailbox."""
    folder = tmp_path_factory.mktemp("nightly")
    with ExitStack() as stack:
        sshd = stack.enter_context(serve(folder))
        broker = stack.enter_context(redis_server())
        mail = stack.enter_context(mail_server(folder))
        _write_settings(folder, sshd, broker.url, mail)
        (folder / "broker-password").write_text(broker.password)
        for verb in ("worker", "beat"):
            stack.enter_context(_service(folder, verb))
        _await(mail, folder)
        received = tuple(mail.mailbox.received)
    runs = sorted((folder / "runs").glob("2*"))
    logs = {verb: (folder / f"{verb}.log").read_text() for verb in ("worker", "beat")}
    return Night(received, runs[0], logs, (broker.password, PASSWORD, "k" * 44))


def _write_settings(folder: Path, sshd: Sshd, broker: str, mail: MailServer) -> None:
    trees = unpack(folder / "trees")
    hosts = {
        f"web{number:02}": {
            "ansible_host": sshd.host(number).address,
            "ansible_port": sshd.port,
            "ansible_ssh_private_key_file": str(sshd.key_file),
            "mapsweep_root": str(folder / "trees" / trees[number]),
        }
        for number in range(HOSTS)
    }
    hosts["gone"] = hosts["web00"] | {"ansible_host": "127.9.0.1", "ansible_port": 1}
    (folder / "inventory.yaml").write_text(json.dumps({"fleet": {"hosts": hosts}}))
    (folder / "mail-password").write_text(PASSWORD)
    settings = {
        "runs": str(folder / "runs"),
        "inventory": str(folder / "inventory.yaml"),
        "broker": broker,
        "broker_password_file": str(folder / "broker-password"),
        "signing_key_file": str(folder / "signing-key"),
        "ssh": {"known_hosts": [str(sshd.known_hosts)]},
        "mail": {
            "from": "mapsweep@example.org",
            "server": mail.host,
            "port": mail.port,
            "ca_file": mail.ca_file,
            "username": USERNAME,
            "password_file": str(folder / "mail-password"),
        },
        "audit": str(folder / "audit.log"),
        "schedules": [
            {
                "name": "nightly",
                "hosts": "fleet",
                "crontab": "* * * * *",
                "mail": ["sre@example.org", "cto@example.org"],
            }
        ],
    }
    (folder / "mapsweep.yaml").write_text(json.dumps(settings))
    (folder / "signing-key").write_text("k" * 44)
    for secret in ("broker-password", "mail-password", "signing-key"):
        (folder / secret).touch()
        (folder / secret).chmod(0o600)


TEXT = {"MAPSWEEP_LOG_FORMAT": "text"}


@contextmanager
def _service(folder: Path, verb: str) -> Iterator[None]:
    """`mapsweep worker` or `mapsweep beat`, until the block ends."""
    settings = folder / "mapsweep.yaml"
    command = [Path(sys.executable).with_name("mapsweep"), verb, "--config", settings]
    with serving(command, folder / f"{verb}.log", folder=Path("/"), env=environment(DEBUG | TEXT)):
        yield


def _await(mail: MailServer, folder: Path) -> None:
    def logs() -> str:
        return "\n".join((folder / f"{verb}.log").read_text()[-3000:] for verb in ("worker", "beat"))

    eventually(lambda: mail.mailbox.received, ARRIVES_WITHIN_S, logs)


def test_the_mail_goes_to_all_who_asked_over_tls_with_a_login(night: Night) -> None:
    first = night.received[0]
    assert set(first.recipients) <= {"sre@example.org", "cto@example.org"}
    assert first.encrypted
    assert first.login == USERNAME


def test_the_subject_says_the_verdict_first(night: Night) -> None:
    subject = str(night.message["Subject"])
    assert re.match(r"\[mapsweep nightly\] PARTIAL: first run, native heap ", subject), subject
    assert len(subject) < 78
    assert night.message["Auto-Submitted"] == "auto-generated"


def test_both_parts_say_what_report_json_says(night: Night) -> None:
    hosts = rows_of(night.run, "hosts")
    text, html = _part(night.message, "plain"), _part(night.message, "html")
    assert len(hosts) == HOSTS + 1
    for host in hosts:
        for part in (text, html):
            assert host["name"] in part
    total = night.report["totals"]["native_heap_resident_max_bytes"]
    for part in (text, html):
        assert size(total).replace("\xa0", " ") in part.replace("\xa0", " ")
    assert "gone" in text
    assert "tcp" in text
    assert "<img" not in html
    assert "http" not in html.replace("http-equiv", "")


def test_the_attachment_is_hosts_csv(night: Night) -> None:
    (attached,) = night.message.iter_attachments()
    assert attached.get_filename() == "hosts.csv.gz"
    content = attached.get_payload(decode=True)
    assert isinstance(content, bytes)
    unpacked = gzip.decompress(content)
    assert unpacked == (night.run / "report" / "hosts.csv").read_bytes()
    rows = list(csv.DictReader(io.StringIO(unpacked.decode())))
    total = sum(int(row["native_heap_resident_max_bytes"] or 0) for row in rows)
    assert total == night.report["totals"]["native_heap_resident_max_bytes"]


def test_debugged_by_the_environment_each_process_tells_its_steps_once_and_no_secret(night: Night) -> None:
    worker, run_id = night.logs["worker"], night.run.name
    for told in (
        rf"archive: {run_id}: created in \S+, \d+ bytes of manifest, signed",
        rf"workers: {run_id}: collect: a message for \d+ hosts, \d+ are taken",
        r"collector: web01: auth: publickey of .* accepted, \S+ s",
        r"workers: web01: classify: \d+ processes, \d+ mappings, \S+ s",
        rf"workers: {run_id}: render: index\.html, \d+ bytes, \S+ s",
        r"reports: mail: .* logged in: 2 of 2 recipients, answer 250 taken, \S+ s",
    ):
        found = re.findall(rf"^\S+Z {told}$", worker, re.MULTILINE)
        assert found, told
        fact = told.partition(": ")[2]
        anywhere = re.findall(rf"{fact}$", worker, re.MULTILINE)
        assert len(anywhere) == len(found), told  # Celery's own log does not print it too
    due = r"^\S+Z workers: beat: nightly is due by '\* \* \* \* \*', next at "
    assert re.search(due, night.logs["beat"], re.MULTILINE)
    for log in night.logs.values():
        assert not [secret for secret in night.secrets if secret in log]


def test_the_audit_has_the_run_from_its_plan_to_its_end(night: Night) -> None:
    lines = (night.run.parents[1] / "audit.log").read_text().splitlines()
    planned, ended = [told for told in map(facts, lines) if told["run"] == night.run.name]
    assert (planned["event"], planned["schedule"], planned["uid"]) == ("planned", "nightly", str(os.getuid()))
    assert (planned["hosts"], planned["hosts_count"]) == ("fleet", str(HOSTS + 1))
    assert planned["mail"] == "sre@example.org,cto@example.org"
    answered = int(ended["ok"]) + int(ended["partial"])  # by who runs the tests, each may be partial
    assert (ended["event"], answered, ended["failed"]) == ("ended", HOSTS, "1")
    asker = json.loads((night.run / "manifest.json").read_text())["asker"]
    assert (asker["schedule"], asker["machine"]) == ("nightly", planned["machine"])
    signed = hmac.new(b"k" * 44, (night.run / "manifest.json").read_bytes(), "sha256")
    assert (night.run / "manifest.sig").read_text().strip() == signed.hexdigest()


def _part(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content
