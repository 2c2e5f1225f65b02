"""Each trouble that can be caused for real: the remedy that is named, applied to the host, cures it."""

import gc
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.ssh.keys import Credentials
from domain.records import Dump, Failure
from domain.troubles.table import TROUBLES
from tests.collector.proc_tree import add_facts, add_process
from tests.farm.acts import one_unknown_connection
from tests.farm.cures import CURES, HTTP, Cure
from tests.farm.fakes import Fake, says
from tests.farm.patient import Patient
from tests.sshd import serve
from tests.sudo_host import SudoHost

pytestmark = [pytest.mark.journey, pytest.mark.slow]


# why no test applies what the table says
UNCURED = {
    "dns_not_found": "names are not looked up in tests",
    "dns_unavailable": "names are not looked up in tests",
    "dns_timeout": "names are not looked up in tests",
    "tcp_timeout": "loopback drops nothing",
    "tcp_unreachable": "loopback is always there",
    "tcp_failed": "each known cause has its own reason",
    "proxy_failed": "hosts behind a proxy are refused",
    "out_of_memory": "the memory of this machine is shared",
    "too_many_open_files": "the sweep lowers its concurrency by itself",
    "bug": "it is to be reported",
    "protocol_error": "it is to be reported",
    "unreadable_dump": "it is to be reported",
    "connection_lost": "only the log of the server tells the cause",
    "kex_timeout": "only time tells: a limit is raised",
    "auth_timeout": "only time tells: a limit is raised",
    "sudo_timeout": "only time tells: a limit is raised",
    "total_timeout": "only time tells: a limit is raised",
    "sweep_limit": "it takes many hosts: tests/journeys/test_hostile_hosts.py",
    "spool_failed": "the disk of this machine is shared: tests/collector/test_spool.py",
    "unpack_timeout": "only time tells: a limit is raised",
    "classify_timeout": "only time tells: a limit is raised",
    "deadline": "only time tells: a limit is raised",
    "no_account": "this account has a name",
    "key_timeout": "no file system of a test hangs",
    "sudo_refused": "what sudo says in another language: as sudo_password",
    "worker_lost": "tests/faults kills the workers",
    "dump_locked": "tests/workers/here/test_encrypted.py: with the right key it is read",
    "archive_error": "tests/faults breaks the archive",
}


@pytest.fixture
def patient(tmp_path: Path) -> Iterator[Patient]:
    files = SudoHost(tmp_path)
    is_root = os.geteuid() == 0
    if is_root:
        files.prepare()
    made = tmp_path / "made"  # here, because the host's own mounts cover what is beside this folder
    add_facts(made)
    for pid in (1, 7):
        add_process(made, pid)
    with serve(tmp_path, within=files.within if is_root else ()) as server:
        yield Patient(server, files, server.host(0, root=str(made)))


@pytest.mark.parametrize("cure", CURES, ids=str)
def test_the_remedy_cures(patient: Patient, cure: Cure) -> None:
    if cure.is_of_account and os.geteuid() != 0:
        pytest.skip("a passwd and a sudoers of the host's own take root")
    cure.breaks(patient)
    failure = patient.sweep()
    assert isinstance(failure, Failure)
    assert failure.reason == cure.reason, failure
    assert cure.words in failure.remedy
    cure.cures(patient)
    dump = patient.sweep()
    assert isinstance(dump, Dump), dump
    assert dump.complete


def test_each_reason_is_cured_or_it_is_said_why_not() -> None:
    cured = {cure.reason for cure in CURES} | {"throttled", "not_ssh", "agent_refused", "agent_timeout"}
    reasons = {trouble.reason for trouble in TROUBLES}
    assert cured | UNCURED.keys() == reasons
    assert not cured & UNCURED.keys()


def test_max_startups(patient: Patient) -> None:
    """Connections that do not log in fill it."""
    patient.server.restart("MaxStartups 1")
    with one_unknown_connection(patient):
        failure = patient.sweep()
    assert isinstance(failure, Failure)
    assert failure.reason == "throttled"
    assert "see MaxStartups" in failure.remedy
    patient.server.restart("MaxStartups 10")
    with one_unknown_connection(patient):
        assert isinstance(patient.sweep(), Dump)


def test_a_port_of_another_service(patient: Patient) -> None:
    with Fake(says(HTTP, hears_first=True)) as fake:
        patient.asked(port=fake.port)
        failure = patient.sweep()
    assert isinstance(failure, Failure)
    assert failure.reason == "not_ssh"
    assert "check ansible_port" in failure.remedy
    patient.asked(port=patient.server.port)
    assert isinstance(patient.sweep(), Dump)


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """A real agent, in which nobody answers a question."""
    path = tmp_path / "agent"
    asks_nobody = {"SSH_ASKPASS": "/bin/false", "SSH_ASKPASS_REQUIRE": "force"}
    child = subprocess.Popen(
        ["ssh-agent", "-D", "-a", path], env=os.environ | asks_nobody, stdout=subprocess.DEVNULL
    )
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    try:
        while subprocess.run(["ssh-add", "-l"], capture_output=True, check=False).returncode == 2:
            time.sleep(0.02)  # it does not listen yet
        yield child
    finally:
        child.send_signal(signal.SIGCONT)
        for thread in threading.enumerate():
            if thread.name == "agent":  # it was left waiting; the answer ends it
                thread.join()
        gc.collect()
        child.terminate()
        child.wait()


@pytest.mark.usefixtures("agent")
@pytest.mark.parametrize("remedy", ["confirm its question", "name a key file"])
def test_an_agent_that_does_not_sign(patient: Patient, remedy: str) -> None:
    patient.credentials = Credentials(default_key_files=())
    patient.asked(key_file="")
    subprocess.run(["ssh-add", "-q", "-c", patient.server.key_file], check=True, capture_output=True)
    failure = patient.sweep()
    assert isinstance(failure, Failure)
    assert failure.reason == "agent_refused"
    assert remedy in failure.remedy
    if remedy == "name a key file":
        patient.asked(key_file=str(patient.server.key_file))
    else:  # the same key, of which the agent asks nothing
        subprocess.run(["ssh-add", "-q", "-D"], check=True, capture_output=True)
        subprocess.run(["ssh-add", "-q", patient.server.key_file], check=True, capture_output=True)
    assert isinstance(patient.sweep(), Dump)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("remedy", ["restart the agent", "ssh.use_agent: false"])
def test_an_agent_that_does_not_answer(patient: Patient, agent: subprocess.Popen[bytes], remedy: str) -> None:
    subprocess.run(["ssh-add", "-q", patient.server.key_file], check=True, capture_output=True)
    patient.credentials = Credentials(default_key_files=())
    patient.asked(key_file="")
    patient.limited(auth_s=1.0)
    agent.send_signal(signal.SIGSTOP)
    failure = patient.sweep()
    assert isinstance(failure, Failure)
    assert failure.reason == "agent_timeout"
    assert remedy in failure.remedy
    patient.limited()
    if remedy == "restart the agent":
        agent.send_signal(signal.SIGCONT)
    else:
        patient.credentials = Credentials(use_agent=False, default_key_files=(patient.server.key_file,))
    assert isinstance(patient.sweep(), Dump)
