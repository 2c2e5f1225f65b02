"""The audit's lines, and the places that take them."""

import logging
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.mail_record import Sender
from archive.runs import Runs
from domain.mistakes import OperatorError
from domain.records import Asker, Closed, Host, OwnerList
from reports.report import report
from reports.sentence.verdict import word
from tests.archive.examples import dump, manifest
from tests.system_log import facts, system_log
from workers.life import audit_places
from workers.life.audit import SILENT, VALUE_CHARS_MAX, Audit, line
from workers.life.audit_places import LogFile, SystemLog
from workers.life.ending import finish
from workers.life.host_steps import classify_host, keep

WHO = Asker("ops1", 0, "root", 1000, "anna", "pts/3", 1000, "anna", "192.0.2.7")


@given(st.dictionaries(st.sampled_from(["run", "hosts", "why", "to"]), st.text(min_size=1, max_size=200)))
def test_whatever_a_name_holds_one_line_stays_one_line_and_says_it(told: dict[str, str]) -> None:
    text = line(told)
    assert text.isascii()
    assert text.isprintable()
    assert facts(text) == told


def test_a_value_is_bounded_and_what_is_not_known_is_left_out() -> None:
    told = facts(line({"hosts": "\u00e9" * 100_000, "login": "", "uid": 0, "login_uid": None}))
    assert told == {"hosts": "\u00e9" * VALUE_CHARS_MAX + "...", "uid": "0"}


def test_a_run_is_told_with_who_asked_and_with_which_privilege(tmp_path: Path) -> None:
    asked = manifest("a", "b", "c")
    first, second, third = asked.hosts
    asked = replace(
        asked,
        hosts=(
            replace(first, become=True),
            replace(second, become=True),
            third,
            Host("d\nevent=ended", "::1"),
        ),
        scope=replace(asked.scope, hosts="prod:&web\nevent=ended run=x"),
        mail_to=("ops@example.org",),
        mail_owners=(OwnerList("web", ("web@example.org", "ops@example.org")),),
        asker=WHO,
        host_key_policy="strict",
        arguments="names",
    )
    with system_log(tmp_path / "log") as log:
        Audit(SystemLog(log.path)).planned(asked)
        Audit(SystemLog(log.path)).planned(replace(asked, asker=None, host_key_policy="", arguments=""))
        told, by_workers = log.received()
    at = told.pop("at")
    assert at == by_workers["at"] or at < by_workers["at"]
    assert told == {
        "event": "planned",
        "machine": "ops1",
        "uid": "0",
        "account": "root",
        "login_uid": "1000",
        "login": "anna",
        "terminal": "pts/3",
        "env_sudo_uid": "1000",
        "env_sudo": "anna",
        "env_client": "192.0.2.7",
        "run": asked.run_id,
        "version": asked.tool_version,
        "hosts_count": "4",
        "local": "3",
        "become": "2",
        "become_method": "sudo",
        "evidence": "maps",
        "host_keys": "strict",
        "arguments": "names",
        "mail": "ops@example.org,web@example.org",
        "hosts": "prod:&web\nevent=ended run=x",
    }
    assert (by_workers["host_keys"], by_workers["arguments"]) == ("by_workers", "by_workers")


def test_a_file_is_its_owners_alone_and_only_grows(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    before = os.umask(0)
    try:
        LogFile(file).check()
        assert not file.exists()
        LogFile(file).take("first=1")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.rename(tmp_path / "audit.log.1")  # it is rotated
    for text in ("second=2", "third=3"):
        LogFile(file).take(text)
    assert file.read_text() == "second=2\nthird=3\n"


def made(kind: str, path: Path) -> Audit:
    """An audit whose place takes no line."""
    match kind:
        case "link":
            (path.parent / "elsewhere").touch()
            path.symlink_to("elsewhere")
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "open to all":
            path.touch()
            path.chmod(0o602)
        case "no folder":
            path /= "audit.log"
        case "no socket" | "a file for a socket":
            if kind != "no socket":
                path.touch()
            return Audit(SystemLog(path))
        case "a socket for a file":
            with system_log(path):
                pass
    return Audit(LogFile(path))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("link", "it is a symbolic link"),
        ("pipe", "No such device or address"),
        ("folder", "Is a directory"),
        ("open to all", "every account of this machine may write it"),
        ("no folder", "No such file or directory"),
        ("no socket", "No such file or directory"),
        ("a file for a socket", "Connection refused"),
        ("a socket for a file", "No such device or address"),
    ],
)
def test_a_place_that_takes_no_line(kind: str, said: str, tmp_path: Path) -> None:
    audit = made(kind, tmp_path / "audit")
    problem = audit.problem()
    assert problem is not None
    assert said in problem.problem
    with pytest.raises(OperatorError) as refused:
        audit.planned(manifest("a"))
    assert refused.value.mistakes == (problem,)
    assert not (tmp_path / "elsewhere").exists() or not (tmp_path / "elsewhere").read_bytes()


def test_a_system_log_that_reads_nothing_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_places, "ANSWER_S", 0.1)
    with system_log(tmp_path / "log") as log:
        log.fill()
        audit = Audit(SystemLog(log.path))
        assert audit.problem() is None
        with pytest.raises(OperatorError, match="timed out"):
            audit.planned(manifest("a"))


@pytest.mark.parametrize("heard", [True, False])
def test_the_end_is_told_once_and_stands_if_nobody_hears_it(
    heard: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = Runs(str(tmp_path / "runs")).create(replace(manifest("a"), asker=WHO))
    keep(run, dump("a"))
    classify_host(run, "a")
    with system_log(tmp_path / "log") as log, caplog.at_level(logging.WARNING):
        audit = Audit(SystemLog(log.path if heard else tmp_path / "nothing"))
        for _ in range(2):
            ended = finish(run, None, Sender.HERE, audit=audit)
        lines = log.received()
    assert run.closed() == ended.closed
    assert ended.closed.asker == WHO
    warned = [record.getMessage() for record in caplog.records if "audit" in record.getMessage()]
    if not heard:
        assert lines == []
        assert len(warned) == 1
        assert f"the end of {run.run_id} is not in the audit" in warned[0]
        return
    (told,) = lines
    assert warned == []
    counts = {name: told[name] for name in ("event", "run", "asked", "ok", "partial", "failed", "verdict")}
    assert counts == {
        "event": "ended",
        "run": run.run_id,
        "asked": "1",
        "ok": "1",
        "partial": "0",
        "failed": "0",
        "verdict": "OK",
    }
    assert int(told["duration_s"]) >= 0
    assert told["verdict"] == word(report(run))


@pytest.mark.parametrize(("ok", "partial", "failed"), [(1, 0, 0), (0, 1, 0), (1, 0, 1), (0, 0, 2), (0, 0, 0)])
def test_the_verdict_is_that_of_the_report(ok: int, partial: int, failed: int, tmp_path: Path) -> None:
    run = Runs(str(tmp_path / "runs")).create(manifest("a"))
    keep(run, dump("a"))
    classify_host(run, "a")
    finish(run, None, Sender.HERE)
    made = report(run)
    asked = ok + partial + failed
    counted = replace(made, run=replace(made.run, asked=asked, ok=ok, partial=partial, failed=failed))
    closed = Closed(run.run_id, made.run.closed_at, asked, ok, partial, failed, complete=True)
    with system_log(tmp_path / "log") as log:
        Audit(SystemLog(log.path)).ended(run.manifest, closed)
        (told,) = log.received()
    assert told["verdict"] == word(counted)


def test_without_a_place_nothing_is_told(tmp_path: Path) -> None:
    assert SILENT.problem() is None
    SILENT.planned(manifest("a"))
    assert list(tmp_path.iterdir()) == []
