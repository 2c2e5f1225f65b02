import gzip
import logging
import resource
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from collector import probe
from collector.budget import Share
from collector.intake import Intake
from collector.session import Session
from collector.ssh.keys import Keyring
from collector.ssh.known_hosts import KnownHosts
from collector.sweep import FILES_A_HOST, FILES_KEPT_FREE, sweep, threads
from collector.trouble import HostTrouble
from domain.about import about, current
from domain.records import Connection, Dump, Failure, Host, Limits, Stage
from mapsweep.demo.loopback import Behaviour, LoopbackFleet, LoopbackHost
from procmaps.tables import Evidence
from tests.ports import free_port
from tests.sshd import PATIENT, Sshd

HOSTS = 24


class Outcomes:
    """What a sweep hands over, from its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.by_host: dict[str, Dump | Failure] = {}

    def __call__(self, outcome: Dump | Failure) -> None:
        with self._lock:
            assert outcome.host not in self.by_host
            self.by_host[outcome.host] = outcome


@pytest.mark.journey
def test_many_hosts_of_a_real_server(server: Sshd, keyring: Keyring, tree: str) -> None:
    limits = Limits(**PATIENT, concurrency=8)  # type: ignore[arg-type]  # PATIENT is of seconds
    session = Session(limits, keyring=keyring, known_hosts=KnownHosts([server.known_hosts]))
    outcomes = Outcomes()
    sweep((server.host(number, root=tree) for number in range(HOSTS)), session, outcomes, threading.Event())
    assert set(outcomes.by_host) == {server.host(number).name for number in range(HOSTS)}
    dumps = [outcome for outcome in outcomes.by_host.values() if isinstance(outcome, Dump)]
    assert len(dumps) == HOSTS, [
        outcome for outcome in outcomes.by_host.values() if isinstance(outcome, Failure)
    ]
    assert all(dump.complete for dump in dumps)
    assert len({dump.nonce for dump in dumps}) == HOSTS
    assert all(b"listed=" in gzip.decompress(dump.memory_gz) for dump in dumps)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[LoopbackFleet]:
    (tmp_path / "fleet").mkdir()
    hosts = (
        LoopbackHost("answers", "127.0.0.2"),
        LoopbackHost("noisy", "127.0.0.3", noise=b"\x1b[2JWelcome\n" * 20),
        LoopbackHost("refuses", "127.0.0.4", Behaviour.REFUSES_KEY),
        LoopbackHost("silent", "127.0.0.5", Behaviour.NEVER_ANSWERS),
    )
    with LoopbackFleet(hosts, tmp_path / "fleet") as running:
        yield running


def test_each_host_ends_by_itself(fleet: LoopbackFleet, keyring: Keyring, made_root: Path) -> None:
    known = KnownHosts([fleet.known_hosts_file])
    session = Session(Limits(concurrency=2, banner_s=5.0, exec_s=120.0), keyring=keyring, known_hosts=known)
    outcomes = Outcomes()
    local = Host("here", "", connection=Connection.LOCAL)
    made = [replace(each, root=str(made_root)) for each in (*fleet.hosts(), local)]
    sweep(made, session, outcomes, threading.Event())
    ended = {
        name: outcome.reason if isinstance(outcome, Failure) else outcome.complete
        for name, outcome in outcomes.by_host.items()
    }
    assert ended == {
        "answers": True,
        "noisy": True,
        "refuses": "auth_rejected",
        "silent": "banner_timeout",
        "here": True,
    }


def test_a_stop_cuts_what_is_open_and_hands_over_nothing_of_it(
    fleet: LoopbackFleet, keyring: Keyring
) -> None:
    silent = next(host for host in fleet.hosts() if host.name == "silent")
    stop = threading.Event()
    outcomes = Outcomes()
    taken = 0

    def endless() -> Iterator[Host]:
        nonlocal taken
        while True:
            taken += 1
            if taken == 3:
                stop.set()
            yield replace(silent, name=f"silent{taken}")

    sweep(endless(), Session(Limits(concurrency=4), keyring=keyring), outcomes, stop)
    assert outcomes.by_host == {}
    assert taken <= 4


def test_a_bug_with_one_host_is_its_failure_and_no_other_hosts(made_root: Path) -> None:
    here = Host("here", "", root=str(made_root), connection=Connection.LOCAL)
    broken = replace(here, name="broken", root="a line\nbreak")
    outcomes = Outcomes()
    sweep(
        (broken, here, replace(here, name="too")), Session(Limits(concurrency=1)), outcomes, threading.Event()
    )
    failed = outcomes.by_host.pop("broken")
    assert isinstance(failed, Failure)
    assert (failed.stage, failed.reason) == (Stage.WORKER, "bug")
    assert "line break" in failed.detail
    assert "Traceback" in failed.trace
    assert set(outcomes.by_host) == {"here", "too"}
    assert all(isinstance(outcome, Dump) for outcome in outcomes.by_host.values())


class Told(logging.Handler):
    """What the log knows of each line."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.about: list[dict[str, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        assert record.getMessage().startswith(f"{current()['host']}: ")
        self.about.append(current())


def test_each_line_of_the_log_is_about_its_host_and_run() -> None:
    told, log, outcomes = Told(), logging.getLogger("collector"), Outcomes()
    hosts = [Host(f"h{number}", "127.0.0.1", port=free_port()) for number in range(HOSTS)]
    log.addHandler(told)
    log.setLevel(logging.DEBUG)
    try:
        with about(run="r1"):
            sweep(hosts, Session(Limits(concurrency=8)), outcomes, threading.Event())
    finally:
        log.removeHandler(told)
        log.setLevel(logging.NOTSET)
    assert {each["run"] for each in told.about} == {"r1"}
    failed = {(each["host"], each["stage"], each["reason"]) for each in told.about if "reason" in each}
    ended = {outcome for outcome in outcomes.by_host.values() if isinstance(outcome, Failure)}
    assert failed == {(each.host, each.stage.value, each.reason) for each in ended}
    assert len(failed) == HOSTS


def test_an_archive_that_takes_no_more_ends_the_sweep() -> None:
    here = Host("here", "", connection=Connection.LOCAL)
    handed: list[str] = []

    def full(outcome: Dump | Failure) -> None:
        handed.append(outcome.host)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        sweep(
            (replace(here, name=str(n)) for n in range(50)),
            Session(Limits(concurrency=1)),
            full,
            threading.Event(),
        )
    assert handed == ["0"]


def test_as_many_threads_as_files_may_be_open() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_KEPT_FREE + 10 * FILES_A_HOST, hard))
    try:
        assert threads(Session(Limits(concurrency=64))) == 10
        assert threads(Session(Limits(concurrency=3))) == 3
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_KEPT_FREE, hard))
        assert threads(Session(Limits(concurrency=3))) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_nothing_is_left_running(fleet: LoopbackFleet, keyring: Keyring) -> None:
    before = set(threading.enumerate())
    session = Session(Limits(banner_s=0.2), keyring=keyring, known_hosts=KnownHosts([fleet.known_hosts_file]))
    sweep(fleet.hosts(), session, Outcomes(), threading.Event())
    fleet.stop()
    for thread in set(threading.enumerate()) - before:
        thread.join(60)
        assert not thread.is_alive(), thread


def test_what_a_host_sent_is_let_go_before_anything_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session()
    free: list[int] = []

    def collected(host: Host, _session: Session, share: Share) -> Failure:
        assert share.grow(session.budget.own_bytes + 1, lambda: True)
        return Failure(host.name, Stage.READ, "truncated", "", "", 1, "", 0.0)

    def on_outcome(_outcome: Dump | Failure) -> Callable[[], None]:
        free.append(session.budget.free_bytes)
        return lambda: free.append(session.budget.free_bytes)

    monkeypatch.setattr("collector.sweep.collect", collected)
    sweep([Host("web1", "127.0.0.1", 22)], session, on_outcome, threading.Event())
    held, let_go = free
    assert held < session.budget.pool_bytes
    assert let_go == session.budget.pool_bytes


def test_a_host_that_finds_no_room_has_its_own_reason() -> None:
    session = Session(Limits(sweep_bytes=2**20, concurrency=1))
    other = session.budget.share()
    assert other.grow(2**30, lambda: True)
    intake = Intake(
        probe.draw(Host("web1", "127.0.0.1", 22), session.limits, Evidence.MAPS),
        session.limits,
        session.budget.share(),
        session.spool(),
        lambda: True,
    )
    intake.take(b"x" * session.budget.own_bytes)
    with pytest.raises(HostTrouble) as raised:
        intake.take(b"x")
    assert raised.value.reason == "sweep_limit"
