"""What goes and what stays, and what is there after a stop between any two removals."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from archive.catalogue import Catalogue, Entry, Unreadable
from archive.retention import Keep, Removal, What, carry_out, planned, remove_run
from archive.runs import Runs
from archive.store import Store
from domain.mistakes import Mistake, OperatorError
from tests.archive.examples import SIGNING_KEY
from tests.archive.kept_runs import made

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
KEEP = Keep(days=90, dumps_days=7, runs_at_least=2)


@pytest.fixture(params=["folder", "bucket"])
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Runs:
    return Runs(str(tmp_path / "runs") if request.param == "folder" else f"memory://{uuid4().hex}/runs")


@contextmanager
def alone(store: Store, run_id: str) -> Iterator[None]:
    """Nobody else is there."""
    yield


def plan(runs: Runs, keep: Keep | None = KEEP, now: datetime = NOW) -> list[Removal]:
    catalogue = Catalogue(runs)
    return list(planned(catalogue, tuple(catalogue.newest_first()), runs, keep, now))


def going(runs: Runs, keep: Keep | None = KEEP, now: datetime = NOW) -> list[tuple[str, str]]:
    return [(removal.what.value, removal.path) for removal in plan(runs, keep, now)]


def prune(runs: Runs, keep: Keep | None = KEEP, now: datetime = NOW) -> int:
    return sum(carry_out(removal, runs, alone) for removal in plan(runs, keep, now))


def listed(runs: Runs) -> list[str]:
    return [entry.run_id for entry in Catalogue(runs).newest_first()]


def test_runs_go_by_their_age_and_the_oldest_goes_first(runs: Runs) -> None:
    old = [made(runs, NOW, days) for days in (100, 90.1)]
    for days in (89.9, 3, 2):
        made(runs, NOW, days)
    assert [path for what, path in going(runs) if what == "run"] == [run.run_id for run in old]
    assert plan(runs)[0].why == "complete, 100 d old; keep.days is 90"


def test_so_many_good_runs_of_each_scope_stay_however_old(runs: Runs) -> None:
    weekly = [made(runs, NOW, days, scope="weekly") for days in (300, 200, 100)]
    only = made(runs, NOW, 400, scope="yearly")
    assert [path for what, path in going(runs) if what == "run"] == [weekly[0].run_id]
    assert [path for what, path in going(runs, Keep(days=90)) if what == "run"] == [
        weekly[0].run_id,
        weekly[1].run_id,
    ]
    assert only.run_id not in dict.fromkeys(path for _, path in going(runs, Keep(days=1, runs_at_least=0)))


@pytest.mark.parametrize("bad", [{"ok": 0}, {"complete": False}])
def test_runs_that_are_not_good_take_no_place_of_good_ones(runs: Runs, bad: dict[str, int]) -> None:
    good = made(runs, NOW, 200)
    failed = [
        made(runs, NOW, days, ok=bad.get("ok", 1), complete="complete" not in bad) for days in (120, 110, 1)
    ]
    assert [path for what, path in going(runs, Keep(days=90)) if what == "run"] == [
        run.run_id for run in failed[:2]
    ]
    assert good.run_id in listed(runs)


def test_dumps_go_sooner_than_their_run(runs: Runs) -> None:
    run, young = made(runs, NOW, 7.1), made(runs, NOW, 6.9)
    assert going(runs) == [("dumps", f"{run.run_id}/dumps")]
    assert prune(runs) == 1000
    assert not run.has_dump("a")
    assert young.has_dump("a")
    assert run.read_settled("fleet", 0) == b"x" * 1000
    assert going(runs) == []  # an entry without dumps is not asked for them again


def test_zero_is_for_ever(runs: Runs) -> None:
    made(runs, NOW, 3000)
    made(runs, NOW, 2999, ok=0)
    assert going(runs, Keep(days=0, dumps_days=0)) == []
    assert going(runs, None) == []


def test_an_older_mapsweeps_dumps_are_all_that_its_numbers_can_be_made_of(runs: Runs) -> None:
    run = made(runs, NOW, 20, results="", by_older=True)
    assert going(runs) == []
    newer = made(runs, NOW, 20, by_older=True)
    assert going(runs) == [("dumps", f"{newer.run_id}/dumps")]
    assert run.has_dump("a")


def test_what_is_at_work_or_still_to_be_mailed_or_posted_stays(runs: Runs) -> None:
    for days in (3, 2):
        made(runs, NOW, days)
    queued, unmailed = made(runs, NOW, 200, is_open=True), made(runs, NOW, 190)
    runs.queue(queued.run_id)
    runs.mark_unmailed(unmailed.run_id)
    unposted = made(runs, NOW, 180)
    runs.mark_unposted(unposted.run_id)
    begun = made(runs, NOW, 0.1, is_open=True)
    assert begun.run_id not in str(going(runs, Keep(days=1), NOW))
    assert going(runs) == []
    runs.unqueue(queued.run_id)
    runs.store.remove(f"unmailed/{unmailed.run_id}")
    assert going(runs) == [("run", queued.run_id), ("run", unmailed.run_id)]
    runs.unmark_unposted(unposted.run_id)
    assert ("run", unposted.run_id) in going(runs)


def test_an_open_run_stays_until_its_deadline_whatever_its_age(runs: Runs) -> None:
    run = made(runs, NOW, 0.1, is_open=True)
    at_deadline = datetime.fromisoformat(run.manifest.deadline_at)
    long_ago = Keep(days=1)
    assert going(runs, long_ago, at_deadline) == []
    assert going(runs, long_ago, at_deadline + timedelta(days=2)) == [("run", run.run_id)]


def test_a_run_that_cannot_be_read_stays_and_hides_nothing(runs: Runs) -> None:
    broken, other = made(runs, NOW, 200, ok=0), made(runs, NOW, 199, ok=0)
    broken.store.replace("closed.json", b"{")
    assert going(runs) == [("run", other.run_id)]
    (shown,) = [entry for entry in Catalogue(runs).newest_first() if isinstance(entry, Unreadable)]
    assert "closed.json" in shown.reason


def test_leftovers_go_and_only_after_a_day(runs: Runs) -> None:
    run = made(runs, NOW, 3)
    run.store.remove("manifest.json")
    runs.queue(run.run_id)
    runs.mark_unmailed(run.run_id)
    runs.mark_unposted(run.run_id)
    runs.mark_unmailed(f"notice-{'0' * 16}")
    marks = [
        ("leftover", f"queued/{run.run_id}"),
        ("leftover", f"unmailed/{run.run_id}"),
        ("leftover", f"unposted/{run.run_id}"),
    ]
    began = datetime.fromisoformat(run.manifest.started_at)
    assert going(runs, None, began + timedelta(hours=23)) == marks
    assert going(runs, None) == [("leftover", run.run_id), *marks]
    assert prune(runs, None) >= 3000
    assert runs.store.sizes(run.run_id) == {}
    assert runs.queued() == ()
    assert runs.unmailed() == (f"notice-{'0' * 16}",)
    assert going(runs, None) == []


def test_of_what_was_replaced_only_what_does_not_count_goes(runs: Runs) -> None:
    run = made(runs, NOW, 3)
    for path in (
        "settled/0/fleet-0000.parquet",
        "results/0/a.result",
        "failures/0/a.json",
        "failures/a.1.json",
    ):
        run.store.write_once(path, b"old")
    assert [path.removeprefix(run.run_id) for _, path in going(runs)] == [
        "/settled/0",
        "/results/0",
        "/failures/0",
    ]
    assert prune(runs) == 9
    assert run.store.list("failures") == ["a.1.json"]
    assert run.store.list("settled") == run.store.list("results") == ["1"]


def test_a_run_without_signature_goes_only_if_it_was_never_begun(runs: Runs) -> None:
    begun, planned_only = made(runs, NOW, 3, is_open=True), made(runs, NOW, 2, is_open=True)
    for path in ("dumps", "results", "settled", "report"):
        planned_only.store.remove_tree(path)
    assert going(runs) == []
    signing = Runs(runs.store.url, SIGNING_KEY)
    assert going(signing) == [("leftover", planned_only.run_id)]
    assert going(signing, now=NOW - timedelta(days=1, hours=2)) == []
    prune(signing)
    assert listed(runs) == [begun.run_id]


def test_what_a_killed_writer_left_goes_after_a_day(tmp_path: Path) -> None:
    runs = Runs(str(tmp_path))
    run = made(runs, NOW, 3)
    for name, age in ((f".{'0' * 16}.part", 86_500), (f".{'1' * 16}.part", 86_300), (".profile", 10**6)):
        path = tmp_path / run.run_id / "results/1" / name
        path.write_bytes(b"half")
        os.utime(path, (NOW.timestamp() - age,) * 2)
    assert going(runs) == [("leftover", f"{run.run_id}/results/1/.{'0' * 16}.part")]
    assert prune(runs) == 4
    assert sorted(path.name for path in (tmp_path / run.run_id / "results/1").iterdir()) == [
        f".{'1' * 16}.part",
        ".profile",
        "a.result",
    ]


def test_nothing_behind_a_link_goes(tmp_path: Path) -> None:
    runs = Runs(str(tmp_path / "runs"))
    elsewhere = tmp_path / "elsewhere"
    run = made(runs, NOW, 200, ok=0)
    (tmp_path / "runs" / run.run_id).rename(elsewhere)
    (tmp_path / "runs" / run.run_id).symlink_to(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    assert going(runs) == []  # nor its dumps
    with pytest.raises(OperatorError, match="is a symbolic link"):
        carry_out(Removal(What.DUMPS, f"{run.run_id}/dumps", "", run.run_id), runs, alone)
    remove_run(run.run_id, runs, alone)
    assert listed(runs) == []
    assert sorted(elsewhere.rglob("*")) == before


def test_a_link_in_a_run_is_removed_and_not_followed(tmp_path: Path) -> None:
    runs = Runs(str(tmp_path / "runs"))
    run = made(runs, NOW, 200, ok=0)
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "letter").touch()
    place = tmp_path / "runs" / run.run_id
    (place / "report/beside").symlink_to(precious)
    (place / "failures").symlink_to(precious)
    prune(runs)
    assert not place.exists()
    assert (precious / "letter").exists()


def test_a_run_that_is_taken_meanwhile_stays(runs: Runs) -> None:
    def taken(store: Store, run_id: str) -> AbstractContextManager[None]:
        raise OperatorError(Mistake(run_id, "is being executed"))

    run = made(runs, NOW, 20)
    for removal in (*plan(runs), Removal(What.RUN, run.run_id, "", run.run_id)):
        with pytest.raises(OperatorError, match="is being executed"):
            carry_out(removal, runs, taken)
    assert listed(runs) == [run.run_id]
    assert run.has_dump("a")


def test_what_came_to_count_since_it_was_planned_stays(runs: Runs) -> None:
    remade, restored, begun = made(runs, NOW, 5), made(runs, NOW, 4), made(runs, NOW, 3, is_open=True)
    remade.store.write_once("results/2/a.result", b"new")
    manifest = restored.store.read("manifest.json")
    restored.store.remove("manifest.json")
    for path in ("dumps", "results", "settled", "report"):
        begun.store.remove_tree(path)
    signing = Runs(runs.store.url, SIGNING_KEY)
    leftovers = plan(signing)
    assert [removal.path for removal in leftovers] == [
        restored.run_id,
        f"{remade.run_id}/results/2",
        begun.run_id,
    ]
    closed = remade.store.read("closed.json").replace(b'"results": "1"', b'"results": "2"')
    remade.store.replace("closed.json", closed)
    restored.store.write_once("manifest.json", manifest)
    begun.store.write_once("dumps/a.dump", b"x")
    assert [carry_out(removal, signing, alone) for removal in leftovers] == [0, 0, 0]
    assert remade.store.list("results") == ["1", "2"]
    assert listed(runs) == [begun.run_id, restored.run_id, remade.run_id]


def test_a_run_that_was_given_to_the_workers_since_it_was_planned_stays(runs: Runs) -> None:
    run = made(runs, NOW, 200, is_open=True)
    (removal,) = plan(runs)
    runs.queue(run.run_id)
    with pytest.raises(OperatorError, match="was given to the workers of a fleet meanwhile"):
        carry_out(removal, runs, alone)
    assert listed(runs) == [run.run_id]


class StoppedError(BaseException):
    """The process is killed."""


def stopping(url: str, removals: int) -> Runs:
    """Runs whose process is killed before its next removal of a file, after so many."""
    runs = Runs(url)
    store, left = runs.store, removals
    remove, remove_tree = store.remove, store.remove_tree

    def stop() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise StoppedError

    def remove_or_stop(path: str) -> None:
        folder, _, name = path.rpartition("/")
        if name in store.sizes(folder):
            stop()
            remove(path)

    def remove_tree_or_stop(path: str) -> None:
        below = sorted(store.sizes(path))
        for name in below:
            remove_tree_or_stop(f"{path}/{name}")
        if not below:
            stop()
        remove_tree(path)

    store.remove, store.remove_tree = remove_or_stop, remove_tree_or_stop  # type: ignore[method-assign]
    return runs


def test_a_removal_stopped_anywhere_leaves_the_run_whole_or_none_and_is_repeated(runs: Runs) -> None:
    url, stops = runs.store.url, 0
    while True:
        run = made(runs, NOW, 200, ok=0)
        run.store.write_once("manifest.sig", b"signed")
        runs.mark_unmailed(run.run_id)
        removal = Removal(What.RUN, run.run_id, "", run.run_id)
        before = run.store.tree_bytes("")
        try:
            carry_out(removal, stopping(url, stops), alone)
        except StoppedError:
            stops += 1
        else:
            break
        if listed(runs):
            assert run.store.tree_bytes("") == before
            remove_run(run.run_id, runs, alone)
        else:
            prune(runs, None)
            runs.store.remove(f"unmailed/{run.run_id}")
        assert runs.store.tree_bytes("") == 0
        assert runs.ids() == []
    assert stops == 9  # manifest, signature, closed.json, four files, the folder, the mark
    assert runs.ids() == []


def test_closed_runs_are_listed_without_their_manifest(runs: Runs) -> None:
    run = made(runs, NOW, 2)
    run.store.replace("manifest.json", b"not read")
    (entry,) = Catalogue(runs).newest_first()
    assert isinstance(entry, Entry)
    assert (entry.scope, entry.hosts, entry.asked) == ("nightly", "all", 1)
    files = run.store.sizes()
    assert entry.size_bytes == 1000 + 2000 + 1000 + sum(files.values())
    run.store.remove_tree("dumps")
    (entry,) = Catalogue(runs).newest_first()
    assert isinstance(entry, Entry)
    assert entry.size_bytes == 2000 + 1000 + sum(files.values())
    assert not entry.has_dumps


def test_runs_that_were_closed_before_are_listed_by_their_manifest(runs: Runs) -> None:
    run = made(runs, NOW, 2, by_older=True)
    (entry,) = Catalogue(runs).newest_first()
    assert isinstance(entry, Entry)
    assert (entry.started_at, entry.scope, entry.size_bytes) == (run.manifest.started_at, "nightly", None)


@pytest.mark.parametrize("started_at", ["yesterday", "2026-11-23T04:58:37"])
def test_a_closed_run_without_a_time_is_told(runs: Runs, started_at: str) -> None:
    run = made(runs, NOW, 2)
    text = run.store.read("closed.json").replace(run.manifest.started_at.encode(), started_at.encode())
    run.store.replace("closed.json", text)
    (entry,) = Catalogue(runs).newest_first()
    assert isinstance(entry, Unreadable)
    assert "closed.json: has an unreadable started_at" in entry.reason


def test_a_closed_json_of_another_run_is_told(runs: Runs) -> None:
    one, other = made(runs, NOW, 2), made(runs, NOW, 1)
    one.store.replace("closed.json", other.store.read("closed.json"))
    entry = Catalogue(runs).entry(one.run_id)
    assert isinstance(entry, Unreadable)
    assert "belongs to the run" in entry.reason
