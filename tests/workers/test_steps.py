"""The steps, and what a run is after a stop between any two of their writes."""

import gzip
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.mistakes import OperatorError
from archive.records import Failure, HostRecord, Stage
from archive.runs import Run, Runs, open_run
from archive.store import Store
from tests.archive.examples import dump, manifest
from workers import steps


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Runs(str(tmp_path / "runs")).create(manifest("a", "b", "c"))


def files(run: Run, *folders: str) -> dict[str, bytes]:
    return {
        f"{folder}/{name}": run.store.read(f"{folder}/{name}")
        for folder in folders
        for name in run.store.list(folder)
    }


def execute(run: Run) -> None:
    """What both modes do, in this one thread: c cannot be reached, a and b are what they always are."""
    dumped = run.dumped()
    for host in run.pending():
        if host.name == "c":
            steps.keep(run, Failure("c", Stage.TCP, "tcp_refused"))
        elif host.name not in dumped:
            steps.keep(run, dump(host.name, seed=ord(host.name)))
    for name in sorted(run.standing().dumped):
        steps.classify_host(run, name)
    steps.close_run(run)


def execute_and_render(run: Run) -> None:
    execute(run)
    steps.render_report(run)


class StoppedError(BaseException):
    """The process is killed."""


class StoppingStore(Store):
    """A store whose process is killed before or after one of its writes."""

    def __init__(self, url: str, writes: int, *, after: bool) -> None:
        super().__init__(url)
        self._left, self._after = writes, after

    def write_once(self, path: str, content: bytes) -> bool:
        self._stop(here=not self._after)
        written = super().write_once(path, content)
        self._stop(here=self._after)
        return written

    def replace(self, path: str, content: bytes) -> None:
        self._stop(here=not self._after)
        super().replace(path, content)
        self._stop(here=self._after)

    def _stop(self, *, here: bool) -> None:
        if here:
            self._left -= 1
            if self._left < 0:
                raise StoppedError


def test_a_run_stopped_at_any_write_goes_on_to_the_same_result(tmp_path: Path) -> None:
    whole = Runs(str(tmp_path / "whole")).create(manifest("a", "b", "c"))
    execute(whole)
    expected = files(whole, "dumps", "processes", "hosts", "footprints", "failures")
    stopped = 0
    for after in (False, True):
        for writes in range(100):
            run = Runs(str(tmp_path / f"{after}{writes}")).create(whole.manifest)
            try:
                execute(Run(StoppingStore(run.url, writes, after=after), run.manifest))
            except StoppedError:
                stopped += 1
            else:
                break
            execute(open_run(run.url))
            assert files(run, "dumps", "processes", "hosts", "footprints", "failures") == expected
            closed = run.closed()
            assert closed is not None
            assert (closed.asked, closed.ok, closed.partial, closed.failed, closed.complete) == (
                3,
                2,
                0,
                1,
                True,
            )
            assert {name: run.read_summary(name) for name in ("hosts", "processes", "services")} == {
                name: whole.read_summary(name) for name in ("hosts", "processes", "services")
            }
    assert stopped > 2 * len(expected)


def test_a_rendering_stopped_at_any_write_is_done_again(run: Run) -> None:
    execute_and_render(run)
    expected = files(run, "report")
    for writes in range(len(expected)):
        for name in expected:
            run.store.remove(name)
        with pytest.raises(StoppedError):
            steps.render_report(Run(StoppingStore(run.url, writes, after=False), run.manifest))
        assert not steps.is_rendered(run)
        steps.render_report(run)
        assert files(run, "report").keys() == expected.keys()


def test_a_host_that_answered_is_recorded_as_it_answered(run: Run) -> None:
    steps.keep(run, replace(dump("a"), complete=False, problem="idle for 30 s"))
    record = steps.classify_host(run, "a")
    assert isinstance(record, HostRecord)
    assert record == run.outcomes()[0].record
    assert (record.listed, record.sent, record.complete, record.problem) == (3, 3, False, "idle for 30 s")
    assert record.mem_total_bytes == 8_000_000 * 1024
    assert record.kernel == "6.1.0-test"


@pytest.mark.parametrize(
    "part", [b"", b"noise", gzip.compress(b"noise"), gzip.compress(b"noise")[:15], b"\x1f\x8b"]
)
def test_a_dump_that_is_none_is_the_hosts_failure(run: Run, part: bytes) -> None:
    steps.keep(run, replace(dump("a"), memory_gz=part))
    failure = steps.classify_host(run, "a")
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.reason) == (Stage.CLASSIFY, "unreadable_dump")
    assert run.outcomes()[0].failure == failure


def test_a_dump_beyond_the_limit_is_partial(run: Run) -> None:
    small = Run(run.store, replace(run.manifest, limits=replace(run.manifest.limits, inflated_bytes=1500)))
    steps.keep(small, dump("a"))
    record = steps.classify_host(small, "a")
    assert isinstance(record, HostRecord)
    assert not record.complete
    assert "more than 1500 bytes" in record.problem


def test_whatever_keeps_a_host_from_being_classified_is_its_failure(run: Run) -> None:
    """Here its dump is gone: nothing foresees that, so what to report is kept beside the run."""
    failure = steps.classify_host(run, "a")
    assert isinstance(failure, Failure)
    assert failure == run.outcomes()[0].failure
    assert (failure.stage, failure.reason) == (Stage.CLASSIFY, "bug")
    assert "failures/" in failure.remedy
    assert failure.trace.startswith("mapsweep ")
    assert "in read_dump" in failure.trace


def test_a_damaged_dump_is_its_hosts_failure(run: Run) -> None:
    steps.keep(run, dump("a"))
    run.store.replace("dumps/a.dump", run.store.read("dumps/a.dump")[:-1])
    failure = steps.classify_host(run, "a")
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.reason, failure.trace) == (Stage.CLASSIFY, "unreadable_dump", "")


def test_what_cannot_be_kept_is_its_hosts_failure(run: Run) -> None:
    steps.keep(run, replace(dump("a"), elapsed_s=float("nan")))  # no JSON holds that
    failure = run.outcomes()[0].failure
    assert failure is not None
    assert (failure.stage, failure.reason) == (Stage.RECORD, "bug")


@contextmanager
def limited_file_size(most_bytes: int) -> Iterator[None]:
    """As a disk that is full: no file may become larger."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_takes_nothing_is_no_hosts_failure(run: Run) -> None:
    steps.keep(run, dump("a"))
    with limited_file_size(0), pytest.raises(OSError, match="too large"):
        steps.classify_host(run, "a")
    assert run.outcomes()[0].failure is None


def test_a_run_does_not_close_while_a_host_has_no_outcome(run: Run) -> None:
    with pytest.raises(ValueError, match="3 hosts have no outcome, 'a' is the first"):
        steps.close_run(run)


def test_past_the_deadline_what_is_missing_has_failed(run: Run) -> None:
    late = Run(run.store, replace(run.manifest, deadline_at=datetime.now(UTC).isoformat()))
    assert steps.is_past_deadline(late)
    assert not steps.is_past_deadline(run)
    steps.keep(late, dump("a"))
    steps.classify_host(late, "a")
    assert steps.fail_missing(late) == 2
    closed = steps.close_run(late)
    assert (closed.ok, closed.failed, closed.complete) == (1, 2, False)
    assert [one.failure.reason for one in late.outcomes() if one.failure] == ["deadline", "deadline"]


def test_a_closed_run_stays_as_it_was_closed(run: Run) -> None:
    execute(run)
    closed = run.closed()
    assert steps.close_run(run) == closed


def test_a_dump_that_is_not_kept_goes_when_it_is_classified(tmp_path: Path) -> None:
    run = Runs(str(tmp_path)).create(manifest("a", keep_dumps=False))
    steps.keep(run, dump("a"))
    steps.classify_host(run, "a")
    assert run.dumped() == frozenset()
    with pytest.raises(OperatorError, match="kept no dumps"):
        steps.reopen_for_new_rules(run)


def test_reclassified_a_run_is_what_it_was(run: Run) -> None:
    execute_and_render(run)
    before = files(run, "dumps", "processes", "hosts", "footprints", "failures", "report")
    steps.reopen_for_new_rules(run)
    assert run.closed() is None
    assert run.store.list("footprints") == []
    execute_and_render(run)
    after = files(run, "dumps", "processes", "hosts", "footprints", "failures", "report")
    assert {path for path in before if before[path] != after[path]} <= {
        "report/report.json",
        "report/index.html",
    }
    assert before.keys() == after.keys()


def test_a_run_with_a_lost_dump_keeps_what_was_made_of_it(run: Run) -> None:
    execute(run)
    run.remove_dump("b")
    with pytest.raises(OperatorError, match="no dump any more for 1 hosts, 'b' is the first"):
        steps.reopen_for_new_rules(run)
    assert run.closed() is not None


@pytest.mark.parametrize("removals", [0, 1, 2, 3, 5, 7])
def test_a_reclassification_stopped_anywhere_goes_on(run: Run, removals: int) -> None:
    execute(run)
    before = files(run, "processes", "hosts", "footprints")
    left = removals

    class Stopping(Store):
        def remove(self, path: str) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise StoppedError
            super().remove(path)

    try:
        steps.reopen_for_new_rules(Run(Stopping(run.url), run.manifest))
    except StoppedError:
        assert run.closed() is None or removals == 0
    execute(open_run(run.url))
    assert files(run, "processes", "hosts", "footprints") == before
