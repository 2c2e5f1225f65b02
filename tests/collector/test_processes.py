"""Functions in processes of their own: results, exceptions, time, kills and stops."""

import os
import re
import resource
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from collector import process_beside
from collector.process_beside import ProcessLostError
from collector.processes import NoProcessError, Processes
from collector.trouble import HostTrouble
from domain.mistakes import Mistake, OperatorError, is_the_machines
from domain.records import Stage

pytestmark = pytest.mark.slow

LONG_S = 600.0


def never() -> bool:
    return False


def plenty() -> float:
    return LONG_S


def twice(content: bytes) -> tuple[int, bytes]:
    return os.getpid(), content * 2


def raises(error: Exception) -> None:
    raise error


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def endless() -> None:
    time.sleep(LONG_S)


def exhausted() -> int:
    return len(bytearray(2**60))


def test_the_result_comes_from_another_process_however_large() -> None:
    pid, content = Processes().run(never, plenty, twice, b"x" * 5_000_000)
    assert pid != os.getpid()
    assert content == b"x" * 10_000_000


@pytest.mark.parametrize(
    "error",
    [
        HostTrouble(Stage.READ, "inflated_limit", "more than 3 bytes"),
        OperatorError(Mistake("here", "is wrong", "mend it"), Mistake("there", "too")),
        ZeroDivisionError("by 0"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_arrives_whole(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        Processes().run(never, plenty, raises, error)
    assert str(raised.value) == str(error)
    assert vars(raised.value) | vars(error) == vars(raised.value)
    assert raised.value.__cause__ is not None
    assert "in raises" in str(raised.value.__cause__)


def test_memory_that_is_short_is_told_as_such() -> None:
    with pytest.raises((MemoryError, OverflowError)):
        Processes().run(never, plenty, exhausted)


def test_a_process_that_ends_with_the_whole_group_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C and a service's stop reach every process of the group, this one perhaps a little later."""
    monkeypatch.setattr("collector.processes.STOP_KNOWN_S", LONG_S)  # which a busy machine may need
    processes, stop = Processes(1), threading.Event()
    pid, _ = processes.run(never, plenty, twice, b"")

    def signals() -> None:
        os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
        stop.set()

    late = threading.Timer(0.5, signals)
    late.start()
    with pytest.raises(CancelledError):
        processes.run(stop.is_set, plenty, time.sleep, LONG_S)
    late.join()


def test_ctrl_c_does_not_end_what_starts_processes() -> None:
    processes = Processes(1)
    ours, _ = processes.run(never, plenty, twice, b"")
    starter = int(Path(f"/proc/{ours}/stat").read_text().rpartition(") ")[2].split()[1])
    blocked = int(
        re.findall(r"^SigBlk:\t(\w+)$", Path(f"/proc/{starter}/status").read_text(), re.MULTILINE)[0], 16
    )
    assert blocked >> (signal.SIGINT - 1) & 1
    assert not blocked >> (signal.SIGTERM - 1) & 1
    processes.stop()


def test_a_killed_process_is_told_and_costs_the_next_nothing() -> None:
    processes = Processes(1)
    for _ in range(3):
        with pytest.raises(ProcessLostError):
            processes.run(never, plenty, killed)
    assert processes.run(never, plenty, twice, b"a")[1] == b"aa"


def test_what_takes_too_long_is_ended() -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        Processes().run(never, lambda: 0.3, endless)
    assert time.monotonic() - began < LONG_S / 2


def test_a_stop_ends_what_runs_and_what_waits_for_its_turn() -> None:
    processes, stop = Processes(1), threading.Event()
    ended: list[type[BaseException]] = []

    def run() -> None:
        try:
            processes.run(stop.is_set, plenty, endless)
        except CancelledError as error:
            ended.append(type(error))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join(LONG_S / 2)
    assert ended == [CancelledError] * 3


@contextmanager
def no_more_files() -> Iterator[None]:
    """This process cannot open any file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("is_started", [True, False])
def test_where_no_process_can_be_started_it_is_not_the_fault_of_what_it_was_to_do(
    *, is_started: bool
) -> None:
    processes = Processes(1)
    if is_started:
        processes.run(never, plenty, twice, b"x")
    with no_more_files(), pytest.raises(NoProcessError) as raised:
        processes.run(never, plenty, killed)
    assert is_the_machines(raised.value)
    with pytest.raises(ProcessLostError):
        processes.run(never, plenty, killed)
    assert processes.run(never, plenty, twice, b"x")[1] == b"xx"


def test_a_call_costs_no_thread() -> None:
    """Threads that poll a process cost CPU by the hour, not by the call."""
    processes = Processes(1)
    before = threading.active_count()
    processes.run(never, plenty, twice, b"x")
    assert threading.active_count() == before
    processes.stop()


def unpicklable() -> Iterator[int]:
    return (number for number in range(3))


def test_a_result_that_cannot_be_sent_is_an_error_and_costs_the_next_nothing() -> None:
    processes = Processes(1)
    pid, _ = processes.run(never, plenty, twice, b"")
    with pytest.raises(TypeError, match="pickle"):
        processes.run(never, plenty, unpicklable)
    assert processes.run(never, plenty, twice, b"a") == (pid, b"aa")
    processes.stop()


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """This process does nothing, and reads nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def test_a_process_that_reads_nothing_is_ended_at_its_deadline() -> None:
    processes = Processes(1)
    pid, _ = processes.run(never, plenty, twice, b"")
    with stopped(pid), pytest.raises(TimeoutError):
        processes.run(never, lambda: 0.3, twice, b"x" * 50_000_000)
    assert processes.run(never, plenty, twice, b"a")[0] != pid
    processes.stop()


def test_a_process_is_replaced_after_so_many_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.processes.CALLS_MAX", 2)
    processes = Processes(1)
    pids = [processes.run(never, plenty, twice, b"")[0] for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]
    processes.stop()


def test_one_that_was_killed_while_it_had_nothing_to_do_is_replaced() -> None:
    processes = Processes(1)
    pid, _ = processes.run(never, plenty, twice, b"")
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.01)
    assert processes.run(never, plenty, twice, b"a")[1] == b"aa"
    processes.stop()


def test_processes_that_start_at_once_leave_the_environment_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(process_beside.SAFE_PATH, raising=False)
    process_beside._started.cache_clear()
    with ThreadPoolExecutor(8) as threads:
        for started in [threads.submit(process_beside.ProcessBeside) for _ in range(8)]:
            started.result().end()
    assert process_beside.SAFE_PATH not in os.environ
