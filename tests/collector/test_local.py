import gzip
import os
from dataclasses import replace
from pathlib import Path

import pytest

from collector import local
from collector.session import Session
from domain.records import Connection, Dump, Failure, Host, Limits, Stage
from procmaps import frames
from procmaps.tables import Evidence
from tests.collector.proc_tree import MAPS, add_facts, add_process
from tests.sshd import PATIENT

HERE = Host("here", "", connection=Connection.LOCAL)
LIMITS = Limits(**PATIENT)  # type: ignore[arg-type]  # PATIENT is of seconds


def test_this_machine() -> None:
    dump = local.collect(HERE, Session(LIMITS))
    assert isinstance(dump, Dump)
    assert dump.complete
    memory = gzip.decompress(dump.memory_gz)
    kinds = {(record.kind, record.pid) for record in frames.split(memory, dump.nonce.encode())}
    assert (b"maps", os.getpid()) in kinds


@pytest.mark.slow
def test_smaps_where_asked_for() -> None:
    dump = local.collect(HERE, Session(LIMITS, evidence=Evidence.SMAPS))
    assert isinstance(dump, Dump)
    memory = gzip.decompress(dump.memory_gz)
    own = {
        r.kind: memory[r.start : r.end]
        for r in frames.split(memory, dump.nonce.encode())
        if r.pid == os.getpid()
    }
    assert b"VmFlags:" in own[b"smaps"]
    assert b"maps" not in own


def test_a_tree_even_where_we_were_started_through_sudo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "1000")
    add_facts(tmp_path)
    add_process(tmp_path, 7)
    dump = local.collect(replace(HERE, root=str(tmp_path)), Session(LIMITS))
    assert isinstance(dump, Dump)
    assert MAPS in gzip.decompress(dump.memory_gz)


def test_a_tree_that_is_not_there(tmp_path: Path) -> None:
    outcome = local.collect(replace(HERE, root=str(tmp_path / "none")), Session(LIMITS))
    assert isinstance(outcome, Failure)
    assert (outcome.stage, outcome.reason) == (Stage.EXEC, "no_proc")


def test_a_deadline_ends_what_was_started(tmp_path: Path) -> None:
    add_facts(tmp_path)
    os.mkfifo(add_process(tmp_path, 7) / "environ")
    (tmp_path / "proc/7/status").unlink()
    os.mkfifo(tmp_path / "proc/7/status")  # a read that never ends
    for limits, problem in (
        (Limits(total_s=20.0), "deadline of the stage total"),  # a part of it is for unpacking
        (Limits(idle_s=0.2), "no byte came for 0.2 s"),
    ):
        outcome = local.collect(replace(HERE, root=str(tmp_path)), Session(limits))
        assert isinstance(outcome, Failure)
        assert (outcome.stage, outcome.reason) == (Stage.READ, "truncated")
        assert problem in outcome.detail


def test_an_interrupt_ends_it() -> None:
    session = Session()
    session.watchdog.interrupt()
    outcome = local.collect(HERE, session)
    assert isinstance(outcome, Failure)
    assert outcome.reason == "interrupted"
