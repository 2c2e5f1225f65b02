"""The steps, and what a run is after a stop between any two of their writes."""

import gzip
import re
import resource
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from archive.folder import Folder
from archive.run import Run
from archive.runs import Runs, open_run
from domain.mistakes import OperatorError
from domain.records import Closed, Failure, HostRecord, Manifest, Stage
from procmaps.classify import RULES_VERSION
from reports import report as reporting
from tests.archive.examples import dump, is_rendered, manifest
from tests.archive.stores import CountingStore
from workers.life.deadline import fail_missing, is_past
from workers.life.ending import close_run, render_report
from workers.life.host_steps import classify_host, fail_host, keep
from workers.life.plan import remade

NOISE_GZ = gzip.compress(b"noise", mtime=0)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Runs(str(tmp_path / "runs")).create(manifest("a", "b", "c", rules_version=RULES_VERSION))


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
            keep(run, Failure("c", Stage.TCP, "tcp_refused"))
        elif host.name not in dumped:
            keep(run, dump(host.name, seed=ord(host.name)))
    for name in sorted(run.standing().dumped):
        classify_host(run, name)
    close_run(run)


def execute_and_render(run: Run) -> None:
    execute(run)
    render_report(run)


class StoppedError(BaseException):
    """The process is killed."""


class StoppingStore(Folder):
    """A store whose process is killed after so many writes and removals, just before the next one."""

    def __init__(self, url: str, changes: int) -> None:
        super().__init__(url)
        self._left = changes

    def write_once(self, path: str, content: bytes | Iterable[bytes], *, lasting: bool = True) -> bool:
        self._change()
        return super().write_once(path, content, lasting=lasting)

    def replace(self, path: str, content: bytes | Iterable[bytes]) -> None:
        self._change()
        super().replace(path, content)

    def remove(self, path: str) -> None:
        self._change()
        super().remove(path)

    def remove_folder(self, folder: str) -> None:
        self._change()
        super().remove_folder(folder)

    def _change(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise StoppedError


def is_stopped(act: Callable[[Run], None], run: Run, changes: int) -> bool:
    """Whether the process of an act is killed within so many changes; else they were all that it makes."""
    try:
        act(Run(StoppingStore(run.url, changes), run.manifest))
    except StoppedError:
        return True
    return False


def everything(run: Run) -> dict[str, bytes]:
    """All that was made of a run but when it was closed."""
    generation = open_run(run.url).generation
    made = files(run, "dumps", f"results/{generation}", f"failures/{generation}", f"settled/{generation}")
    made |= {f"failures/{name}": b"" for name in run.store.list("failures") if name.endswith(".json")}
    return {path: content for path, content in made.items() if "/fleet-" not in path}


@pytest.mark.slow
@pytest.mark.parametrize("keep_dumps", [True, False])
def test_a_run_stopped_at_any_write_goes_on_to_the_same_result(tmp_path: Path, keep_dumps: bool) -> None:
    whole = Runs(str(tmp_path / "whole")).create(manifest("a", "b", "c", keep_dumps=keep_dumps))
    execute(whole)
    expected = everything(whole)
    changes, stopped = 0, True
    while stopped:  # at last it is killed after its last change
        run = Runs(str(tmp_path / str(changes))).create(whole.manifest)
        stopped = is_stopped(execute, run, changes)
        execute(open_run(run.url))
        assert everything(run) == expected
        closed = run.closed()
        assert closed is not None
        assert (closed.asked, closed.ok, closed.partial, closed.failed, closed.complete) == (3, 2, 0, 1, True)
        changes += 1
    assert changes > len(expected)


def remake(run: Run) -> None:
    """What mapsweep reclassify does, in this one thread."""
    execute(remade(run))


@pytest.mark.slow
def test_a_reclassification_stopped_anywhere_leaves_the_old_or_the_new_whole(tmp_path: Path) -> None:
    plain = Runs(str(tmp_path / "plain")).create(manifest("a", "b", "c", "d", rules_version=RULES_VERSION))
    keep(plain, replace(dump("d"), memory=b"noise"))
    execute(plain)
    old, generations = everything(plain), set()
    changes, stopped = 0, True
    while stopped:  # at last it is killed after its last change
        runs = Runs(str(tmp_path / str(changes)))
        shutil.copytree(plain.url, tmp_path / str(changes) / plain.run_id)
        run = runs.open(plain.run_id)
        stopped = is_stopped(remake, run, changes)
        now = open_run(run.url)
        generations.add(now.generation)
        assert now.closed() is not None
        assert without_generation(everything(now)) == without_generation(old)
        reporting.report(now)
        remake(now)
        again = open_run(run.url)
        assert without_generation(everything(again)) == without_generation(old)
        assert set(run.store.list("settled")) == {again.generation}
        changes += 1
    assert changes > 20
    assert generations == {RULES_VERSION, f"{RULES_VERSION}-2"}


def without_generation(made: dict[str, bytes]) -> dict[str, bytes]:
    """By which rules, and at which time something failed, left out."""
    return {
        re.sub(rf"/{RULES_VERSION}(-\d+)?/", "/", path): _timeless(path, content)
        for path, content in made.items()
    }


def _timeless(path: str, content: bytes) -> bytes:
    if path.startswith("failures/"):
        return re.sub(rb'"at": "[^"]*"', b"", content)
    if "/hosts-" in path:
        return pl.read_parquet(content).drop("at").write_json().encode()
    return content


def test_closing_reads_each_result_once_and_rendering_once_more_for_the_footprints(run: Run) -> None:
    for host in ("a", "b"):
        keep(run, dump(host))
        classify_host(run, host)
    keep(run, Failure("c", Stage.TCP, "tcp_refused"))
    store = CountingStore(run.url)
    close_run(Run(store, run.manifest))
    read = {path: count for path, count in store.reads.items() if path.startswith(("results/", "failures/"))}
    assert read == {
        f"results/{RULES_VERSION}/a.result": 1,
        f"results/{RULES_VERSION}/b.result": 1,
        "failures/c.1.json": 1,
    }
    store.reads.clear()
    render_report(Run(store, run.manifest))
    read = {path: count for path, count in store.reads.items() if path.startswith("results/")}
    assert read == {f"results/{RULES_VERSION}/{host}.result": 1 for host in ("a", "b")}
    # the dumps are read for the mappings of a few processes
    assert {path.partition("/")[0] for path in store.reads} == {"closed.json", "settled", "results", "dumps"}


def looked_while_missing_fail(runs: Runs, names: list[str]) -> int:
    """How often a store is asked what there is while hosts fail by the deadline; the first has a dump."""
    run = runs.create(manifest(*names))
    run.write_dump(dump(names[0]))
    run.write_failure(Failure(names[1], Stage.TCP, "tcp_refused", attempt=2))
    store = CountingStore(run.url)
    assert fail_missing(Run(store, run.manifest), dumped=True) == len(names) - 1
    assert run.pending() == ()
    first, second, *others = run.outcomes()
    assert second.failure is not None
    assert (second.failure.reason, second.failure.attempt) == ("tcp_refused", 2)
    for outcome in (first, *others):
        assert outcome.failure is not None
        assert (outcome.failure.reason, outcome.failure.attempt) == ("deadline", 1)
        assert outcome.failure.detail.startswith("the run's deadline")
    return store.looked


def test_hosts_that_fail_by_the_deadline_are_listed_once_not_each(tmp_path: Path) -> None:
    runs = Runs(str(tmp_path / "runs"))
    few, many = (looked_while_missing_fail(runs, [f"h{i}" for i in range(count)]) for count in (4, 40))
    assert few == many


@pytest.mark.slow
def test_a_rendering_stopped_at_any_write_is_done_again(run: Run) -> None:
    execute_and_render(run)
    expected = files(run, "report")
    for writes in range(len(expected)):
        for name in expected:
            run.store.remove(name)
        with pytest.raises(StoppedError):
            render_report(Run(StoppingStore(run.url, writes), run.manifest))
        assert not is_rendered(run)
        render_report(run)
        assert files(run, "report").keys() == expected.keys()


def test_a_host_that_answered_is_recorded_as_it_answered(run: Run) -> None:
    keep(run, replace(dump("a"), complete=False, problem="idle for 30 s"))
    record = classify_host(run, "a")
    assert isinstance(record, HostRecord)
    assert record == run.outcomes()[0].record
    assert (record.listed, record.sent, record.complete, record.problem) == (3, 3, False, "idle for 30 s")
    assert record.mem_total_bytes == 8_000_000 * 1024
    assert record.kernel == "6.1.0-test"


@pytest.mark.parametrize(
    "part",
    [b"", b"noise", NOISE_GZ, NOISE_GZ[:15], b"\x1f\x8b"],
    ids=["none", "plain", "packed", "cut", "begun"],
)
def test_a_dump_that_is_none_is_the_hosts_failure(run: Run, part: bytes) -> None:
    keep(run, replace(dump("a"), memory=part))
    failure = classify_host(run, "a")
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.reason) == (Stage.CLASSIFY, "unreadable_dump")
    assert run.outcomes()[0].failure == failure


def test_a_dump_beyond_the_limit_is_partial(run: Run) -> None:
    small = Run(run.store, replace(run.manifest, limits=replace(run.manifest.limits, inflated_bytes=1500)))
    keep(small, dump("a"))
    record = classify_host(small, "a")
    assert isinstance(record, HostRecord)
    assert not record.complete
    assert "more than 1500 bytes" in record.problem


def test_whatever_keeps_a_host_from_being_classified_is_its_failure(run: Run) -> None:
    """Here its dump is gone: nothing foresees that, so what to report is kept beside the run."""
    failure = classify_host(run, "a")
    assert isinstance(failure, Failure)
    assert failure == run.outcomes()[0].failure
    assert (failure.stage, failure.reason) == (Stage.CLASSIFY, "bug")
    assert "failures/" in failure.remedy
    assert failure.trace.startswith("mapsweep ")
    assert "in read_dump" in failure.trace


def test_a_damaged_dump_is_its_hosts_failure(run: Run) -> None:
    keep(run, dump("a"))
    run.store.replace("dumps/a.dump", run.store.read("dumps/a.dump")[:-1])
    failure = classify_host(run, "a")
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.reason, failure.trace) == (Stage.CLASSIFY, "unreadable_dump", "")


def test_what_cannot_be_kept_is_its_hosts_failure(run: Run) -> None:
    keep(run, replace(dump("a"), elapsed_s=float("nan")))  # no JSON holds that
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
    keep(run, dump("a"))
    with limited_file_size(0), pytest.raises(OSError, match="too large"):
        classify_host(run, "a")
    assert run.outcomes()[0].failure is None


@pytest.mark.parametrize("folder", ["dumps", "results"])
def test_a_folder_that_cannot_be_made_is_no_hosts_failure(tmp_path: Path, run: Run, folder: str) -> None:
    if folder == "results":
        keep(run, dump("a"))
    file = tmp_path / "runs" / run.run_id / folder
    file.touch()
    with pytest.raises(NotADirectoryError):
        keep(run, dump("a")) if folder == "dumps" else classify_host(run, "a")
    file.unlink()
    assert run.outcomes()[0].failure is None
    keep(run, dump("a"))
    assert isinstance(classify_host(run, "a"), HostRecord)


def test_a_run_does_not_close_while_a_host_has_no_outcome(run: Run) -> None:
    with pytest.raises(ValueError, match="3 hosts have no outcome, the first is 'a'"):
        close_run(run)


def test_past_the_deadline_what_is_missing_has_failed(run: Run) -> None:
    late = Run(run.store, replace(run.manifest, deadline_at=datetime.now(UTC).isoformat()))
    assert is_past(late)
    assert not is_past(run)
    keep(late, dump("a"))
    classify_host(late, "a")
    assert fail_missing(late, dumped=True) == 2
    closed = close_run(late)
    assert (closed.ok, closed.failed, closed.complete) == (1, 2, False)
    assert [one.failure.reason for one in late.outcomes() if one.failure] == ["deadline", "deadline"]


def test_past_the_deadline_a_dump_that_came_in_time_may_still_be_classified(run: Run) -> None:
    keep(run, dump("a"))
    assert fail_missing(run, dumped=False) == 2
    assert {host.name for host in run.pending()} == {"a"}
    classify_host(run, "a")
    assert close_run(run).ok == 1


def test_a_closed_run_stays_as_it_was_closed(run: Run) -> None:
    execute(run)
    closed = run.closed()
    assert close_run(run) == closed


def test_a_dump_that_is_not_kept_goes_when_it_is_classified(tmp_path: Path) -> None:
    run = Runs(str(tmp_path)).create(manifest("a", keep_dumps=False))
    keep(run, dump("a"))
    classify_host(run, "a")
    assert run.dumped() == frozenset()
    with pytest.raises(OperatorError, match="kept no dumps"):
        remade(run)


def test_reclassified_a_run_is_what_it_was(run: Run) -> None:
    execute_and_render(run)
    before, report = everything(run), files(run, "report")
    execute_and_render(remade(open_run(run.url)))
    now = open_run(run.url)
    assert now.generation == f"{RULES_VERSION}-2"
    assert without_generation(everything(now)) == without_generation(before)
    after = files(run, "report")
    assert before.keys() != everything(now).keys()
    assert {path for path in report if report[path] != after[path]} <= {
        "report/report.json",
        "report/index.html",
    }


@pytest.mark.parametrize("cause", ["damaged dump", "this machine"])
def test_made_anew_a_run_loses_no_host(run: Run, cause: str) -> None:
    """Whatever keeps a dump from being read again: what was made of it counts until there is more."""
    execute(run)
    before = everything(run)
    path = Path(run.url, "dumps/a.dump")
    whole = path.read_bytes()
    anew = remade(open_run(run.url))
    if cause == "damaged dump":
        path.write_bytes(whole[:-100])
        classify_host(anew, "a")
    else:
        fail_host(anew, "a", Stage.WORKER, "worker_lost", detail="killed")
    for name in anew.standing().dumped:
        classify_host(anew, name)
    assert anew.pending() == ()
    with pytest.raises(OperatorError, match=r"stays as it was: 1 hosts .* first 'a'"):
        close_run(anew)
    path.write_bytes(whole)
    assert everything(open_run(run.url)).items() >= before.items()
    assert open_run(run.url).closed() == run.closed()
    execute_and_render(remade(open_run(run.url)))  # the same command again
    assert open_run(run.url).standing().done == {"a", "b"}


def on_day(plan: Manifest, day: int) -> Manifest:
    moment = f"2026-11-{day}T05:00:00+00:00"
    return replace(plan, run_id=f"202611{day}T050000Z-adhoc-0000", started_at=moment)


def test_while_a_run_is_made_anew_it_is_the_baseline_of_the_next(tmp_path: Path) -> None:
    runs = Runs(str(tmp_path))
    first = on_day(manifest("a", "b", "c"), 20)
    run = runs.create(first)
    execute(run)
    classify_host(remade(open_run(run.url)), "a")  # stopped here
    second = runs.create(on_day(first, 21))
    execute(second)
    assert reporting.report(second).run.compared_with == first.run_id


def test_a_run_with_a_lost_dump_keeps_what_was_made_of_it(run: Run) -> None:
    execute(run)
    run.remove_dump("b")
    with pytest.raises(OperatorError, match="lacks the dumps of 1 hosts, the first is 'b'"):
        remade(run)
    assert run.closed() is not None


def test_a_run_of_an_older_mapsweep_with_a_lost_dump_asks_no_host_again(run: Run) -> None:
    run.write_dump(dump("a"))
    run.write_failure(Failure("c", Stage.TCP, "tcp_refused"))
    run.store.write_once("footprints/b.parquet", b"made of a dump that is gone")
    run.close(Closed(run.run_id, "2026-11-20", 3, 2, 0, 1, complete=True))
    with pytest.raises(OperatorError, match="lacks the dumps of 1 hosts, the first is 'b'"):
        remade(open_run(run.url))


def test_a_run_that_is_not_closed_has_no_report(run: Run) -> None:
    with pytest.raises(OperatorError, match=f"mapsweep collect --resume {run.url}"):
        reporting.report(run)


@pytest.mark.parametrize(("keep_dumps", "said"), [(True, "mapsweep reclassify"), (False, "kept no dumps")])
def test_a_run_closed_by_an_older_mapsweep_says_what_brings_it_over(
    tmp_path: Path, keep_dumps: bool, said: str
) -> None:
    run = Runs(str(tmp_path)).create(manifest("a", "b", "c", keep_dumps=keep_dumps))
    for host in ("a", "b"):
        run.write_dump(dump(host))
    run.write_failure(Failure("c", Stage.TCP, "tcp_refused"))
    run.close(Closed(run.run_id, "2026-11-20", 3, 2, 0, 1, complete=True))
    with pytest.raises(OperatorError, match=said):
        reporting.report(open_run(run.url))
    if keep_dumps:
        execute(remade(open_run(run.url)))
        assert reporting.report(open_run(run.url)).run.ok == 2
