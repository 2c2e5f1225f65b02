import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

import archive.runs
from archive import codec
from archive.folder import Folder
from archive.notices import Notice, Notices
from archive.places import store_at
from archive.resuming import resume_command
from archive.run import Run, Standing
from archive.run_ids import new_run_id, started_of
from archive.runs import MANIFEST_BYTES_MAX, NoRunError, Runs, open_run
from archive.schedule_records import ScheduleRecord, ScheduleRecords
from archive.signature import is_signed, sign
from domain.mistakes import OperatorError
from domain.records import Closed, Failure, Host, Mute, Scope, Stage
from reports.tables.settled import Settled
from tests.archive.examples import SIGNING_KEY, dump, host_record, manifest, result


@pytest.fixture(params=["folder", "bucket"])
def runs(request: pytest.FixtureRequest, tmp_path: Path) -> Runs:
    return Runs(str(tmp_path / "runs") if request.param == "folder" else f"memory://{uuid4().hex}/runs")


def failure(host: str, attempt: int = 1, reason: str = "tcp_timeout") -> Failure:
    return Failure(host, Stage.TCP, reason, attempt=attempt)


def names(run: Run) -> list[str]:
    return [host.name for host in run.pending()]


def test_a_run_id_says_when_and_what() -> None:
    started = datetime(2026, 11, 23, 4, 58, 37, tzinfo=UTC)
    assert new_run_id(started, "nightly", "0a1b") == "20261123T045837Z-nightly-0a1b"
    assert re.fullmatch(r"20261123T045837Z-a-b-[0-9a-f]{4}", new_run_id(started, "A / b!"))
    assert new_run_id(started, "../..", "0000") == "20261123T045837Z-run-0000"
    assert len(new_run_id(started, "x" * 500)) == 16 + 1 + 40 + 1 + 4


def test_a_run_is_found_by_id_by_place_and_as_the_latest(runs: Runs) -> None:
    first = runs.create(replace(manifest("a"), run_id="20261122T000000Z-x-0000"))
    second = runs.create(replace(manifest("b"), run_id="20261123T000000Z-x-0000"))
    assert runs.ids() == [first.run_id, second.run_id]
    assert runs.latest() == second.run_id
    for name in (second.run_id, second.url, second.url + "/", "latest"):
        assert runs.open(name).manifest == second.manifest


def test_a_run_is_signed_and_its_signature_checked(runs: Runs) -> None:
    signing = Runs(runs.store.url, SIGNING_KEY)
    run = signing.create(manifest("a"))
    text, signature = run.store.read("manifest.json"), run.store.read("manifest.sig")
    # as anybody can compute it: openssl dgst -sha256 -hmac KEY manifest.json
    assert signature.decode() == hmac.new(SIGNING_KEY, text, "sha256").hexdigest() + "\n"
    for name in (run.run_id, run.url, "latest"):
        assert signing.open(name).manifest == run.manifest
        assert runs.open(name).manifest == run.manifest
        with pytest.raises(OperatorError, match=r"manifest\.sig: does not match manifest\.json"):
            Runs(runs.store.url, SIGNING_KEY + b"x").open(name)
    run.store.remove("manifest.sig")
    for name in (run.run_id, run.url, "latest"):
        with pytest.raises(OperatorError, match=r"manifest\.sig: is missing"):
            signing.open(name)


def test_a_manifest_of_before_there_were_mutes_is_read_and_its_signature_holds(tmp_path: Path) -> None:
    signing = Runs(str(tmp_path), SIGNING_KEY)
    run = signing.create(manifest("a"))
    older = json.loads(run.store.read("manifest.json"))
    assert older.pop("mutes") == []
    text = json.dumps(older).encode()
    run.store.replace("manifest.json", text)
    run.store.replace("manifest.sig", sign(SIGNING_KEY, text))
    assert signing.open(run.run_id).manifest == run.manifest


@pytest.mark.parametrize(
    "mute", [Mute("swapped", until="2026-12-31"), Mute("swapped", reason="known", until="soon")]
)
def test_a_mute_without_a_reason_or_a_day_is_none_that_was_planned(tmp_path: Path, mute: Mute) -> None:
    run = Runs(str(tmp_path)).create(replace(manifest("a"), mutes=(mute,)))
    with pytest.raises(OperatorError, match="has a mute without a reason or a last day"):
        Runs(str(tmp_path)).open(run.run_id)


def test_a_signature_is_checked_before_the_manifest_is_read(runs: Runs) -> None:
    run = runs.create(manifest("a"))
    run.store.replace("manifest.json", b"[" * 100_000)
    with pytest.raises(OperatorError, match=r"manifest\.sig: is missing"):
        Runs(runs.store.url, SIGNING_KEY).open(run.run_id)


def test_a_short_key_signs_nothing() -> None:
    with pytest.raises(ValueError, match="at least 32 bytes"):
        sign(b"k" * 31, b"")
    assert is_signed(b"k" * 32, b"", sign(b"k" * 32, b""))


def test_a_manifest_is_of_the_folder_that_it_lies_in(runs: Runs) -> None:
    one, other = runs.create(manifest("a")), runs.create(manifest("b"))
    other.store.replace("manifest.json", one.store.read("manifest.json"))
    for open_by_id in (runs.by_id, runs.open):
        with pytest.raises(OperatorError, match=f"belongs to the run '{one.run_id}'"):
            open_by_id(other.run_id)


def test_the_size_of_a_manifest_is_limited(tmp_path: Path) -> None:
    run = Runs(str(tmp_path)).create(manifest("a"))
    with (Path(run.url) / "manifest.json").open("r+b") as file:
        file.truncate(MANIFEST_BYTES_MAX + 1)
    with pytest.raises(OperatorError, match=f"is larger than {MANIFEST_BYTES_MAX} bytes"):
        Runs(str(tmp_path)).by_id(run.run_id)


def test_a_manifest_that_nobody_would_read_is_not_written(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = manifest("a", "b")
    size_bytes = len(codec.encode(asked))
    monkeypatch.setattr(archive.runs, "MANIFEST_BYTES_MAX", size_bytes - 1)
    with pytest.raises(OperatorError, match=f"would have {size_bytes} bytes; .*fewer hosts"):
        runs.create(asked)
    assert runs.ids() == []
    monkeypatch.setattr(archive.runs, "MANIFEST_BYTES_MAX", size_bytes)
    assert runs.by_id(runs.create(asked).run_id).manifest == asked


def test_a_run_is_created_once(runs: Runs) -> None:
    one = manifest("a")
    runs.create(one)
    with pytest.raises(FileExistsError):
        runs.create(replace(one, hosts=()))
    assert runs.open(one.run_id).manifest == one


def test_a_run_id_or_hosts_that_cannot_be_are_bugs(runs: Runs) -> None:
    for run_id in ("", "..", "20261123T000000Z-x-0000/..", "x"):
        with pytest.raises(ValueError, match="is not a run id"):
            runs.create(replace(manifest("a"), run_id=run_id))
    with pytest.raises(ValueError, match="each host only once"):
        runs.create(manifest("a", "a"))


def test_no_run_is_the_operators_mistake(runs: Runs) -> None:
    for name in ("latest", "20261123T000000Z-x-0000", "nowhere", "/dev/null", "../../etc"):
        with pytest.raises(OperatorError):
            runs.open(name)


def test_a_run_without_manifest_is_not_the_latest(runs: Runs) -> None:
    run = runs.create(manifest("a"))
    runs.store.write_once("29991231T000000Z-x-0000/dumps/a.dump", b"")
    assert runs.latest() == run.run_id


def test_a_damaged_manifest_names_itself(tmp_path: Path) -> None:
    run = Runs(str(tmp_path)).create(manifest("a"))
    path = Path(run.url) / "manifest.json"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(OperatorError, match=f"^{re.escape(str(path))}: is not whole JSON"):
        open_run(run.url)


def test_a_result_beats_a_failure_and_a_later_attempt_an_earlier_one(runs: Runs) -> None:
    run = runs.create(manifest("a", "b", "c", "d"))
    for host in ("a", "b"):
        run.write_failure(failure(host))
        run.write_failure(failure(host, 10, "last"))
        run.write_failure(failure(host, 2, "second"))
    run.write_result(result("a"))
    run.write_dump(dump("c"))
    a, b, c, d = run.outcomes()
    assert a.record == host_record("a")
    assert a.failure is None
    assert b.failure == failure("b", 10, "last")
    assert (c.record, c.failure, d.record, d.failure) == (None, None, None, None)
    assert names(run) == ["c", "d"]
    standing = run.standing()
    assert standing == Standing(frozenset("a"), frozenset("b"), frozenset("c"))


def test_what_is_written_twice_stays_as_it_was_first(runs: Runs) -> None:
    run = runs.create(manifest("a"))
    assert run.write_dump(dump("a", seed=1))
    assert not run.write_dump(dump("a", seed=2))
    assert run.read_dump("a") == dump("a", seed=1)
    assert run.write_failure(failure("a"))
    assert not run.write_failure(failure("a", reason="other"))
    assert run.write_result(result("a", processes=b"first"))
    assert not run.write_result(result("a", processes=b"second"))
    assert run.read_result("a") == result("a", processes=b"first")


def test_hosts_with_any_name_keep_to_their_run(runs: Runs) -> None:
    strange = (
        "../../etc/passwd",
        "=cmd()",
        ".",
        "..",
        "a/b",
        "ü" * 300,
        "new\nline",
        "-rf",
        "%2E",
        "a b",
        " ",
    )
    run = runs.create(manifest(*strange))
    for name in strange:
        run.write_dump(dump(name))
        run.write_failure(failure(name))
        assert run.read_dump(name).host == name
        run.write_result(result(name, processes=name.encode()))
    assert {one.host.name for one in run.outcomes() if one.record} == set(strange)
    assert [run.read_result(name).sections["processes"].decode() for name in strange] == list(strange)
    assert sorted(runs.store.list()) == [run.run_id]


def test_a_file_of_no_host_of_the_run_is_nobodys(runs: Runs) -> None:
    run = runs.create(manifest("a"))
    run.store.write_once("results/1/b.result", b"")
    run.store.write_once("failures/1/b.json", b"")
    run.store.write_once("failures/b.1.json", b"")
    run.store.write_once("failures/a.x.json", b"")
    run.store.write_once("dumps/a.txt", b"")
    assert names(run) == ["a"]
    assert run.dumped() == frozenset()


def test_a_file_is_about_what_it_says_inside(runs: Runs) -> None:
    run = runs.create(manifest("a", "b"))
    run.write_dump(dump("a"))
    run.write_failure(failure("a"))
    run.write_result(result("a"))
    for path in ("dumps/{}.dump", "results/1/{}.result"):
        run.store.write_once(path.format("b"), run.store.read(path.format("a")))
    with pytest.raises(OperatorError, match="is about the host 'a', not 'b'"):
        run.read_dump("b")
    with pytest.raises(OperatorError, match="is about the host 'a', not 'b'"):
        run.outcomes()


def test_a_damaged_record_names_itself(runs: Runs) -> None:
    run = runs.create(manifest("a"))
    run.write_result(result("a"))
    run.store.replace("results/1/a.result", b"mapsweep-result 1\n{\n")
    with pytest.raises(OperatorError, match=r"/results/1/a\.result: is not whole JSON"):
        run.outcomes()


def test_a_host_whose_dump_came_after_all_is_to_be_classified(runs: Runs) -> None:
    run = runs.create(manifest("a"))
    run.write_failure(failure("a"))
    assert run.standing() == Standing(frozenset(), frozenset("a"), frozenset())
    run.write_dump(dump("a"))
    assert run.standing() == Standing(frozenset(), frozenset(), frozenset("a"))
    run.write_failure(failure("a"), of_dump=True)
    assert run.standing() == Standing(frozenset(), frozenset("a"), frozenset())


def test_the_last_attempt_is_found_without_a_listing(runs: Runs) -> None:
    run = runs.create(manifest("a", "b"))
    assert run.last_attempt("a") == 0
    assert not run.has_ended("a")
    most = run.manifest.limits.attempts
    for attempt in (most, most + 1):  # the collector records its last, a worker that gives up one more
        run.write_failure(failure("a", attempt))
        assert run.last_attempt("a") == attempt
    assert run.has_ended("a")
    assert run.last_attempt("b") == 0


def closed_of(run: Run) -> Closed:
    return Closed(run.run_id, "t", 1, 1, 0, 0, complete=True, rules_version="1", results=run.generation)


def test_a_run_closes_once(runs: Runs) -> None:
    run = runs.create(manifest("a"))
    assert run.closed() is None
    closed = closed_of(run)
    assert run.close(closed)
    assert run.closed() == closed
    assert not run.close(replace(closed, ok=0))
    assert open_run(run.url).closed() == closed


@pytest.mark.parametrize(
    ("typed", "config"),
    [
        ("mapsweep collect --config '/etc/a b.yaml' --fail-on native-heap=1K", " --config '/etc/a b.yaml'"),
        ("mapsweep collect --hosts all", ""),
        ("", ""),
    ],
)
def test_the_command_that_goes_on_names_the_settings_of_the_run(runs: Runs, typed: str, config: str) -> None:
    run = runs.create(replace(manifest("a"), command=typed))
    assert resume_command(run) == f"mapsweep collect --resume {run.url}{config}"
    with pytest.raises(OperatorError) as caught:
        Settled(run)
    assert f"{resume_command(run)} goes on with it" in str(caught.value)


def test_what_is_made_anew_counts_when_it_is_closed(runs: Runs) -> None:
    run = runs.create(manifest("a", "b", "c"))
    for host in ("a", "b"):
        run.write_dump(dump(host))
    run.write_result(result("a"))
    run.write_failure(failure("b"), of_dump=True)
    run.write_failure(failure("c"))
    run.write_settled("hosts", 0, b"old")
    run.close(closed_of(run))
    anew = open_run(run.url).remade("1")
    assert anew.closed() is None
    assert names(anew) == ["a", "b"]
    assert anew.standing().failed == {"c"}
    for host in ("a", "b"):
        anew.write_result(result(host))
    anew.write_settled("hosts", 0, b"new")
    assert open_run(run.url).read_settled("hosts", 0) == b"old"
    assert anew.close(closed_of(anew))
    anew.forget_replaced()
    now = open_run(run.url)
    assert now.closed() == closed_of(anew)
    assert run.closed() == now.closed()  # a worker keeps runs open for long
    assert not run.close(closed_of(anew))
    assert run.pending() == ()
    assert now.read_settled("hosts", 0) == b"new"
    assert now.standing() == Standing(frozenset("ab"), frozenset("c"), frozenset())
    kept = [name for folder in ("results", "settled", "failures") for name in run.store.list(folder)]
    assert set(kept) <= {"1-2", "c.1.json"}
    assert now.remade("1").generation == "1-3"
    assert now.remade("2").generation == "2"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"deadline_at": ""}, "deadline_at"),
        ({"deadline_at": "tomorrow"}, "deadline_at"),
        ({"deadline_at": "2026-11-29T13:00:00"}, "deadline_at"),
        ({"started_at": "0001-01-01T00:00:00+14:00"}, "started_at"),
        ({"scope": Scope("adhoc", "all", evidence="lol")}, "evidence"),
        ({"hosts": (Host("a", "a"), Host("a", "b"))}, "a host twice"),
        ({"hosts": (Host("", "a"),)}, "without a name"),
        ({"rules_version": ""}, "version of the rules"),
        ({"mail_to": ("a@example.org\r\nBcc: b@example.org",)}, "recipient"),
    ],
)
def test_a_manifest_that_mapsweep_does_not_write_is_refused(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    run = Runs(str(tmp_path)).create(manifest("a"))
    run.store.replace("manifest.json", codec.encode(replace(run.manifest, **change)))
    with pytest.raises(OperatorError, match=f"manifest.json: .*{said}"):
        open_run(run.url)


def test_a_damaged_end_says_how_to_close_the_run_again(tmp_path: Path) -> None:
    run = Runs(str(tmp_path)).create(manifest("a"))
    run.store.replace("closed.json", b"{")
    with pytest.raises(OperatorError, match=f"remove the file, then mapsweep collect --resume {run.url}"):
        run.closed()


class Journal(Folder):
    """A folder that notes what it was asked to keep for good, and in which order."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.lasting: list[str] = []

    def write_once(self, path: str, content: bytes | Iterable[bytes], *, lasting: bool = True) -> bool:
        if lasting:
            self.lasting.append(path)
        return super().write_once(path, content, lasting=lasting)

    def make_last(self, folder: str) -> None:
        self.lasting.append(folder)
        super().make_last(folder)


def test_what_hosts_gave_lasts_before_the_run_counts_as_closed(tmp_path: Path) -> None:
    created = Runs(str(tmp_path)).create(manifest("a", "b", "c"))
    store = Journal(created.url)
    run = Run(store, created.manifest)
    run.write_dump(dump("a"))
    run.write_dump(dump("b"))
    run.write_result(result("a"))
    run.write_failure(failure("b"), of_dump=True)
    run.write_failure(failure("c"))
    assert store.lasting == []  # a power cut costs the work on hosts, no more
    run.close(closed_of(run))
    *folders, last = store.lasting
    assert last == "closed.json"
    assert set(folders) == {"dumps", "results/1", "failures", "failures/1"}


def test_a_run_of_an_older_mapsweep_can_be_made_anew(runs: Runs) -> None:
    """Its closed.json names no results, and what was made of its dumps lies elsewhere."""
    run = runs.create(manifest("a"))
    run.write_dump(dump("a"))
    for path in ("footprints/a.parquet", "processes/a.parquet", "hosts/a.json", "services.parquet"):
        run.store.write_once(path, b"old")
    run.close(replace(closed_of(run), results=""))
    old = open_run(run.url)
    assert old.closed() is not None
    anew = old.remade("1")
    assert names(anew) == ["a"]
    anew.write_result(result("a"))
    assert anew.close(closed_of(anew))
    anew.forget_replaced()
    assert not any(run.store.list(folder) for folder in ("footprints", "processes", "hosts"))
    assert not run.store.exists("services.parquet")


def test_runs_given_to_the_workers_are_marked(runs: Runs) -> None:
    run = runs.create(manifest("a"))
    assert runs.queued() == ()
    runs.queue(run.run_id)
    runs.queue(run.run_id)
    assert runs.queued() == (run.run_id,)
    assert runs.ids() == [run.run_id]
    runs.unqueue(run.run_id)
    runs.unqueue(run.run_id)
    assert not runs.is_queued(run.run_id)


def test_a_run_is_found_by_the_beginning_of_its_id(runs: Runs) -> None:
    at = ("20261122T000000Z-x-0000", "20261123T000000Z-x-0000", "20261123T000000Z-y-0000")
    first, second, third = (runs.create(replace(manifest("a"), run_id=run_id)) for run_id in at)
    for name, run in (("20261122", first), ("20261123T000000Z-x", second), (third.run_id[:-1], third)):
        assert runs.open(name).run_id == run.run_id
    for name in ("3", "20261123T000000Z-x-0000-", "0" * 300):
        with pytest.raises(OperatorError, match="is not a run"):
            runs.open(name)


def test_a_beginning_of_several_ids_names_the_first_few(runs: Runs) -> None:
    at = [f"2026112{day}T000000Z-x-0000" for day in range(7)]
    for run_id in at:
        runs.create(replace(manifest("a"), run_id=run_id))
    with pytest.raises(OperatorError) as told:
        runs.open("202611")
    shown = ", ".join(at[:5])
    assert str(told.value) == f"202611: is the beginning of 7 runs: {shown}, ... (give more of the id)"


def test_a_name_that_no_run_has_is_told_with_the_folder_and_what_is_near(runs: Runs) -> None:
    for run_id in ("20261122T000000Z-web-0000", "20261123T000000Z-web-0000"):
        runs.create(replace(manifest("a"), run_id=run_id))
    here, lists = runs.store.url, "`mapsweep runs` lists the runs"
    for name, said in (
        ("nonsense", lists),
        ("20261123T000000Z-web-0001", "did you mean 20261123T000000Z-web-0000 or 20261122T000000Z-web-0000?"),
        ("20261125T0000", "did you mean 20261123T000000Z-web-0000 or 20261122T000000Z-web-0000?"),
        ("0" * 300, lists),
    ):
        with pytest.raises(NoRunError) as told:
            runs.open(name)
        assert str(told.value) == f"{name[:80]}: is not a run in {here} ({said})"


def test_a_day_is_the_beginning_of_the_ids_of_that_day(runs: Runs) -> None:
    for run_id in ("20261122T000000Z-x-0000", "20261123T000000Z-x-0000", "20261123T010000Z-x-0000"):
        runs.create(replace(manifest("a"), run_id=run_id))
    assert runs.open("2026-11-22").run_id == "20261122T000000Z-x-0000"
    assert runs.named("2026-11-24") is None
    with pytest.raises(OperatorError, match="is the beginning of 2 runs"):
        runs.open("2026-11-23")


def test_a_run_is_so_many_before_another_of_its_name(runs: Runs) -> None:
    nights = [f"202611{day}T020000Z-nightly-000{day[1]}" for day in ("21", "22", "23")]
    for run_id in (*nights, "20261122T120000Z-adhoc-0000"):
        runs.create(replace(manifest("a"), run_id=run_id))
    assert runs.open("latest~1").run_id == runs.open("latest~").run_id == nights[1]
    assert runs.open("latest~2").run_id == runs.open("20261122T02~1").run_id == nights[0]
    assert runs.open("latest~0").run_id == nights[2]
    told = rf"latest~3: {nights[2]} has 2 runs of nightly before it \(`mapsweep runs --scope nightly` lists"
    with pytest.raises(OperatorError, match=told):
        runs.open("latest~3")
    for name in ("nonsense~1", "~1", "latest~x"):
        with pytest.raises(NoRunError, match="is not a run"):
            runs.open(name)


def test_yesterday_is_a_day(runs: Runs) -> None:
    now = datetime.now(UTC)
    made = [new_run_id(now - timedelta(days=days), "nightly") for days in (1, 2)]
    for run_id in made:
        runs.create(replace(manifest("a"), run_id=run_id))
    assert runs.named("today") is None
    assert runs.open("yesterday").run_id == made[0]
    assert runs.open("yesterday~").run_id == made[1]


def test_a_folder_is_a_place_with_or_without_a_slash(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in ("folder", "./nothing", "~/nothing-of-this-name", f"{tmp_path}/nothing"):
        with pytest.raises(OperatorError, match="it has no manifest"):
            runs.open(name)


def test_the_time_in_an_id() -> None:
    assert started_of("20261123T045837Z-nightly-0a1b") == datetime(2026, 11, 23, 4, 58, 37, tzinfo=UTC)
    assert started_of("20261323T045837Z-nightly-0a1b") is None
    assert started_of("queued") is None


def test_a_new_archive_keeps_what_comes_before_its_first_run(tmp_path: Path) -> None:
    """The first night of a fleet: nobody has made the folder of the runs yet."""
    for place in (tmp_path / "a/runs", tmp_path / "b/runs"):
        assert not place.exists()
    ScheduleRecords(store_at(f"{tmp_path}/a/runs")).write(
        ScheduleRecord("nightly", "30 2 * * *", "UTC", "2026-11-29T00:00:00+00:00")
    )
    assert Notices(store_at(f"{tmp_path}/b/runs")).write(
        Notice("a start", ("sre@example.org",), "subject", "text", "2026-11-29T00:00:00+00:00")
    )
    for place in (tmp_path / "a/runs", tmp_path / "b/runs"):
        assert place.stat().st_mode & 0o777 == 0o700
