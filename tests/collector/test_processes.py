"""Functions in processes of their own: results, exceptions, time, kills and stops."""

import os
import re
import resource
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path

import pytest
from pebble import ProcessExpired

from collector.processes import NoProcessError, Processes
from collector.trouble import HostTrouble
from domain.mistakes import Mistake, OperatorError, is_the_machines
from domain.records import Stage

pytestmark = pytest.mark.slow

LONG_S = 60.0


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


def test_a_process_that_ends_with_the_whole_group_was_stopped() -> None:
    """Ctrl-C and a service's stop reach every process of the group, this one perhaps a little later."""
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
        with pytest.raises(ProcessExpired):
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
    with pytest.raises(ProcessExpired):
        processes.run(never, plenty, killed)
    assert processes.run(never, plenty, twice, b"x")[1] == b"xx"
