"""The audit, as the commands write it: before a host is asked, a report goes out, or a run is removed."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.runs import Runs
from domain.records import Asker
from mapsweep.settings import composition
from mapsweep.settings.settings import load
from tests.collector.hosts_side import find
from tests.collector.test_sudoers import needs_root
from tests.journeys.commands import environment
from tests.mapsweep.conftest import Here
from tests.smtp import Mailbox, mail_server
from tests.system_log import SystemLog, facts, system_log
from workers.life import audit_places
from workers.life.audit import Audit

COMMAND = str(Path(sys.executable).with_name("mapsweep"))
# the sudoers file and the account's command come as arguments
AS_NOBODY = """\
mount --bind "$1" /etc/sudoers || exit 77
shift
echo 65534 2>/dev/null > /proc/self/loginuid
exec setpriv --reuid 65534 --clear-groups sudo -n "$@"
"""
SUDOERS = 'Defaults env_keep += "SSH_CONNECTION"\nnobody ALL = (root) NOPASSWD: ALL\n'


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SystemLog]:
    with system_log(tmp_path / "log") as listening:
        yield listening


@pytest.fixture
def settings(tmp_path: Path, fleet: Path) -> Path:
    """The settings file of a fleet of three whose third host fails; the audit goes to `log`."""
    file = tmp_path / "nothing/mapsweep/mapsweep.yaml"  # that of the account
    file.parent.mkdir(parents=True)
    file.write_text(
        f"runs: {file.parent / 'runs'}\ninventory: {fleet}\naudit: syslog:{tmp_path / 'log'}\n"
        "ssh: {known_hosts: [], host_key_policy: accept-new}\narguments: names\n"
    )
    return file


def runs_of(settings: Path) -> Runs:
    return Runs(str(settings.parent / "runs"))


def test_a_sweep_says_before_and_after_it_who_asked_for_what(
    settings: Path, log: SystemLog, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50022 192.0.2.1 22")
    assert here("collect", "--hosts", "web-*:gone-01:&all", "--become").code == 4  # root= is refused
    planned, ended = log.received()
    (run_id,) = runs_of(settings).ids()
    assert (planned["event"], ended["event"]) == ("planned", "ended")
    assert planned["run"] == ended["run"] == run_id
    assert planned["hosts"] == "web-*:gone-01:&all"
    privilege = {name: planned[name] for name in ("hosts_count", "local", "become", "become_method")}
    assert privilege == {"hosts_count": "3", "local": "3", "become": "3", "become_method": "sudo"}
    assert (planned["host_keys"], planned["arguments"]) == ("accept-new", "names")
    assert (ended["asked"], ended["failed"], ended["verdict"]) == ("3", "3", "FAILED")
    for told in (planned, ended):
        assert (told["uid"], told["env_client"]) == (str(os.getuid()), "192.0.2.7")


def test_a_run_that_goes_on_says_who_goes_on_with_it(
    settings: Path, log: SystemLog, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "anna")
    assert here("collect", "--max-failed", "0").code == 3
    monkeypatch.setenv("SUDO_USER", "otto")
    monkeypatch.setenv("MAPSWEEP_ARGUMENTS", "none")
    (run_id,) = runs_of(settings).ids()
    assert here("collect", "--resume", run_id).code == 3
    assert here("collect", "--resume", run_id).code == 3  # it is closed: no host is asked
    told = [(line["event"], line["env_sudo"], line.get("arguments")) for line in log.received()]
    assert told == [("planned", "anna", "names"), ("resumed", "otto", "none"), ("ended", "otto", None)]
    asker = runs_of(settings).by_id(run_id).manifest.asker
    assert asker is not None
    assert asker.sudo == "anna"


def test_a_retry_is_a_run_of_its_own(settings: Path, log: SystemLog, here: Here) -> None:
    here("collect")
    first, _ = log.received()
    assert here("collect", "--retry-failed", "latest").code == 4
    planned, ended = log.received()
    assert (planned["event"], planned["hosts_count"]) == ("planned", "1")
    assert planned["hosts"].endswith(f" that failed in {first['run']}")
    assert (ended["run"], ended["verdict"]) == (planned["run"], "FAILED")


@pytest.mark.parametrize("audit", ["syslog:{}/nobody-listens", "{}/web-01", "{}/nowhere/audit.log"])
def test_an_audit_that_takes_no_line_lets_no_host_be_asked(
    audit: str, settings: Path, tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPSWEEP_AUDIT", audit.format(tmp_path))
    for command in (("collect",), ("collect", "--local")):
        ended = here(*command)
        assert (ended.code, ended.out) == (2, "")
        assert "the audit cannot be written there" in ended.err
        assert runs_of(settings).ids() == []
    assert "the audit cannot be written there" in here("config", "check").err
    visit = here("doctor", "--json")
    assert visit.code == 2
    assert json.loads(visit.out)["answered"] is None
    assert not (tmp_path / "nowhere").exists()


def test_an_audit_that_hangs_lets_no_host_be_asked(
    settings: Path, log: SystemLog, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_places, "ANSWER_S", 0.1)
    log.fill()
    ended = here("collect")
    assert (ended.code, "timed out" in ended.err) == (2, True)
    (run_id,) = runs_of(settings).ids()
    run = runs_of(settings).by_id(run_id)
    assert (len(run.pending()), run.dumped()) == (3, frozenset())


def test_doctor_asks_hosts_too(settings: Path, log: SystemLog, here: Here) -> None:
    here("doctor", "--hosts", "web-*")
    (tried,) = log.received()
    assert (tried["event"], tried["hosts"], tried["hosts_count"]) == ("tried", "web-*", "2")
    assert "run" not in tried  # none is kept
    assert runs_of(settings).ids() == []


def test_what_changes_or_removes_a_run_is_told_before_it_is_done(
    settings: Path, log: SystemLog, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        here("collect")
    first, second = runs_of(settings).ids()
    log.received()
    assert here("reclassify", first).code == 3
    again, ended = log.received()
    assert (again["event"], again["run"]) == ("reclassified", first)
    assert (ended["event"], ended["run"]) == ("ended", first)
    monkeypatch.setenv("MAPSWEEP_AUDIT", f"syslog:{settings.parent}/nobody-listens")
    assert here("reclassify", first).code == 2
    assert here("runs", "rm", "--yes", first).code == 2
    with settings.open("a") as more:
        more.write("keep: {dumps_days: 1, days: 2, runs_at_least: 1}\n")
    _age(settings, first)
    assert here("runs", "prune").code == 2
    assert runs_of(settings).ids() == [first, second]
    monkeypatch.delenv("MAPSWEEP_AUDIT")
    assert here("runs", "prune", "--dry-run").code == 0
    assert log.received() == []
    assert here("runs", "prune").code == 0
    assert here("runs", "rm", "--yes", second).code == 0
    pruned, removed = log.received()
    assert (pruned["event"], pruned["run"], pruned["what"]) == ("removed", first, "run")
    assert (removed["event"], removed["run"], removed["why"]) == ("removed", second, "on demand")
    assert runs_of(settings).ids() == []


def _age(settings: Path, run_id: str) -> None:
    """As if a run had begun in spring."""
    closed = runs_of(settings).store.under(run_id)
    document = json.loads(closed.read("closed.json"))
    document["started_at"] = "2026-03-20T05:00:00+00:00"
    closed.replace("closed.json", json.dumps(document).encode())


def test_a_report_that_is_mailed_by_hand(
    settings: Path, log: SystemLog, tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    here("collect")
    (run_id,) = runs_of(settings).ids()
    log.received()
    with mail_server(tmp_path, "plain", mailbox=Mailbox()) as post:
        with settings.open("a") as more:
            more.write(
                f"mail: {{from: m@example.org, server: 127.0.0.1, port: {post.port}, security: none}}\n"
            )
        to = ("--to", "vendor@example.org", "--to", "you@example.org")
        assert here("mail", run_id, "--redact", "all", *to).code == 0
        assert here("mail", run_id, "--digest", "--days", "3", "--to", "you@example.org").code == 0
        assert here("mail", run_id, "--dry-run", "--to", "you@example.org").code == 0
        redacted, digest = log.received()
        assert len(post.mailbox.received) == 3 - 1
        monkeypatch.setenv("MAPSWEEP_AUDIT", str(tmp_path))
        assert here("mail", run_id, *to).code == 2
        assert len(post.mailbox.received) == 3 - 1
    assert (redacted["event"], redacted["run"], redacted["redact"]) == ("mailed", run_id, "all")
    assert redacted["to"] == "vendor@example.org,you@example.org"
    assert (digest["event"], digest["digest"], digest["days"]) == ("mailed", "adhoc", "3")


@needs_root
def test_through_sudo_the_kernel_and_the_environment_each_say_their_part(
    settings: Path, log: SystemLog, tmp_path: Path, here: Here
) -> None:
    """The real sudo, in a mount namespace whose sudoers lets an account become root."""
    (tmp_path / "sudoers").write_text(SUDOERS)
    (tmp_path / "sudoers").chmod(0o440)
    (tmp_path / "script").write_text(AS_NOBODY)
    begun = ["unshare", "--mount", "/bin/sh", str(tmp_path / "script"), str(tmp_path / "sudoers")]
    claimed = {
        "SSH_CONNECTION": "192.0.2.7 50022 192.0.2.1 22",
        "SUDO_USER": "somebody-else",
        "SUDO_UID": "0",
    }
    can_log_in = subprocess.run(
        [*begun, find("cat"), "/proc/self/loginuid"], capture_output=True, check=False
    )
    if can_log_in.returncode:
        pytest.skip(f"no mount namespace here: {can_log_in.stderr!r}")
    done = subprocess.run(
        [*begun, COMMAND, "collect", "--config", str(settings)],
        capture_output=True,
        check=False,
        env=environment(claimed),
    )
    assert done.returncode == 3, done.stderr
    planned, _ = log.received()
    names = ("uid", "account", "env_sudo_uid", "env_sudo", "env_client")
    assert [planned[name] for name in names] == ["0", "root", "65534", "nobody", "192.0.2.7"]
    login = planned.get("login_uid"), planned.get("login")
    is_set = can_log_in.stdout == b"65534"
    assert login == (("65534", "nobody") if is_set else (None, None))
    said = "root on " + planned["machine"] + (", logged in as nobody" if is_set else "")
    said += "; its environment says: sudo by nobody, from 192.0.2.7"
    listed = here("runs", "--who", "--config", settings)
    assert f"    by {said}\n" in listed.out
    (run,) = json.loads(here("runs", "--json", "--config", settings).out)["runs"]
    (run_id,) = runs_of(settings).ids()
    made = json.loads(here("report", run_id, "--format", "json", "--config", settings).out)["run"]
    assert run["asker"] == made["asker"]
    assert (made["asker"]["account"], made["asker"]["sudo"], made["asker"]["schedule"]) == (
        "root",
        "nobody",
        None,
    )
    assert (made["become_hosts"], made["host_key_policy"], made["arguments"]) == (0, "accept-new", "names")
    page = (settings.parent / "runs" / run_id / "report/index.html").read_text()
    assert f"<dt>Asked by</dt><dd><bdi>{said}</bdi></dd>" in page
    assert "<dt>Read</dt><dd>maps; host keys: accept-new; command lines: names</dd>" in page


def test_runs_of_an_older_mapsweep_do_not_say_who(settings: Path, tmp_path: Path, here: Here) -> None:
    with system_log(tmp_path / "log"):
        here("collect")
    (run_id,) = runs_of(settings).ids()
    folder = runs_of(settings).store.under(run_id)
    document = json.loads(folder.read("closed.json"))
    assert Asker(**document.pop("asker")).uid == os.getuid()
    folder.replace("closed.json", json.dumps(document).encode())
    assert "    who asked is not known: an older mapsweep planned it\n" in here("runs", "--who").out
    (run,) = json.loads(here("runs", "--json").out)["runs"]
    assert run["asker"] is None


def test_a_file_takes_lines_of_the_same_form(settings: Path, tmp_path: Path, here: Here) -> None:
    settings.write_text(
        settings.read_text().replace(f"syslog:{tmp_path / 'log'}", str(tmp_path / "audit.log"))
    )
    here("collect", "-q", "--local")
    events = [facts(line)["event"] for line in (tmp_path / "audit.log").read_text().splitlines()]
    assert events == ["planned", "ended"]


@pytest.mark.parametrize("text", ["on", "audit.log", "syslog:log", "SYSLOG", "syslog:/a\nb", "x syslog:/a"])
def test_what_is_no_place(text: str, settings: Path, here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPSWEEP_AUDIT", text)
    ended = here("collect")
    assert (ended.code, ended.err.startswith("mapsweep: MAPSWEEP_AUDIT: must be ")) == (2, True), ended.err


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("syslog", audit_places.SystemLog(Path("/dev/log"))),
        ("syslog:/run/log.sock", audit_places.SystemLog(Path("/run/log.sock"))),
        ("/var/log/mapsweep", audit_places.LogFile(Path("/var/log/mapsweep"))),
        ("~/audit.log", audit_places.LogFile(Path("~/audit.log").expanduser())),
        ("off", None),
    ],
)
def test_where_lines_go(text: str, place: audit_places.Place | None) -> None:
    assert composition.audit(load(None, {"MAPSWEEP_AUDIT": text})) == Audit(place)


def test_a_bare_off_is_off(settings: Path, here: Here, tmp_path: Path) -> None:
    settings.write_text(settings.read_text().replace(f"syslog:{tmp_path / 'log'}", "off"))
    assert here("collect").code == 3
