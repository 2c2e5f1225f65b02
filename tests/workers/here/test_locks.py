import json
import subprocess
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.runs import Run, Runs, open_run
from domain.mistakes import OperatorError
from tests.archive.examples import manifest
from workers.here import locks
from workers.here.locks import LOCK, Holder, held


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Runs(str(tmp_path)).create(manifest("a"))


def holder(**changed: str | int) -> str:
    later = datetime.now(UTC) + timedelta(hours=1)
    return json.dumps(asdict(Holder("other boot", 1, 1, later.isoformat())) | changed)


def test_a_run_is_executed_by_one_process_at_a_time(run: Run) -> None:
    with held(run), pytest.raises(OperatorError, match="is being executed by process"), held(run):
        pass
    with held(run):
        pass
    assert run.store.lock_owner(LOCK) is None


def test_the_lock_goes_with_an_exception(run: Run) -> None:
    with pytest.raises(ZeroDivisionError), held(run):
        raise ZeroDivisionError
    assert run.store.lock_owner(LOCK) is None


def test_another_machines_lock_is_respected_until_its_time_is_up(run: Run) -> None:
    run.store.create_lock(LOCK, holder())
    with pytest.raises(OperatorError, match="process 1 on other"), held(run):
        pass
    run.store.remove_lock(LOCK)
    run.store.create_lock(LOCK, holder(until=datetime.now(UTC).isoformat()))
    with held(run):
        pass


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"machine": 1}', "\x00"])
def test_a_lock_that_cannot_be_read_is_left_to_the_operator(run: Run, text: str) -> None:
    run.store.create_lock(LOCK, text)
    with pytest.raises(OperatorError, match="lock is unreadable"), held(run):
        pass


def test_the_lock_of_a_killed_process_is_left_over(run: Run) -> None:
    code = (
        "import os, signal, sys; from archive.runs import open_run; from workers.here.locks import held\n"
        "with held(open_run(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, run.url], check=False)
    assert killed.returncode < 0
    assert run.store.lock_owner(LOCK) is not None
    with held(open_run(run.url)):
        pass


def test_a_pid_that_another_process_has_now_does_not_hold(run: Run) -> None:
    mine = Holder(locks._machine(), 1, locks._start_ticks(1), "2999-01-01T00:00:00+00:00")
    assert not mine.is_gone(datetime.now(UTC))
    assert replace(mine, start_ticks=mine.start_ticks + 1).is_gone(datetime.now(UTC))
