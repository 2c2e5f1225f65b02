"""The tasks as their messages may come: repeated, late, about hosts that are done."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from archive import codec
from archive.run import Run
from archive.runs import Runs
from archive.signature import sign
from domain.mistakes import OperatorError
from reports.mail.delivery import MailSettings
from tests.archive.examples import SIGNING_KEY, dump, is_rendered, manifest
from tests.ports import free_port
from tests.redis_server import RedisServer, redis_server
from tests.smtp import Mailbox, mail_server
from workers.fleet.broker import redis_client
from workers.fleet.leases import Leases, Step
from workers.fleet.post import CLASSIFY_TASK, COLLECT_TASK, FINISH_TASK, post_office
from workers.fleet.tasks import Worker, worker_app
from workers.fleet.tending import hand_over
from workers.fleet.trust import opened_by_id
from workers.fleet.worker_settings import WorkerSettings
from workers.life.deadline import fail_missing
from workers.life.host_steps import keep

pytestmark = pytest.mark.slow

TO = ("one@example.org", "two@example.org")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as started:
        yield started


@pytest.fixture
def settings(server: RedisServer, tmp_path: Path) -> Iterator[WorkerSettings]:
    given = WorkerSettings(
        server.url, str(tmp_path / "runs"), broker_password=server.password, signing_key=SIGNING_KEY
    )
    with redis_client(given) as client:
        client.flushall()
        yield given


def worker(settings: WorkerSettings) -> Worker:
    return Worker(settings, worker_app(settings))


def given_run(settings: WorkerSettings, *names: str, mail_to: tuple[str, ...] = ()) -> Run:
    """A run that the fleet has been given; its hosts have sent their dumps."""
    run = Runs(settings.runs_url, settings.signing_key).create(replace(manifest(*names), mail_to=mail_to))
    for name in names:
        run.write_dump(dump(name))
    post = post_office(settings)
    hand_over(run, post)
    post.redis.close()
    return run


def test_a_host_that_is_done_is_not_done_again(settings: WorkerSettings) -> None:
    run, one = given_run(settings, "a"), worker(settings)
    one.classify(run.run_id, "a")
    before = run.store.read("results/1/a.result")
    one.classify(run.run_id, "a")
    one.collect(run.run_id, ["a", "not of this run"])
    assert run.store.read("results/1/a.result") == before
    assert run.standing().failed == frozenset()


def test_a_host_that_another_worker_is_at_is_left_to_it(settings: WorkerSettings) -> None:
    run = given_run(settings, "a")
    with redis_client(settings) as client:
        leases = Leases(client, run.run_id, 60)
        assert leases.take(Step.CLASSIFY, "a")
        worker(settings).classify(run.run_id, "a")
        assert run.standing().done == frozenset()
        leases.release(Step.CLASSIFY, "a")
        worker(settings).classify(run.run_id, "a")
        assert run.standing().done == {"a"}
        assert leases.held(Step.CLASSIFY, ["a"]) == frozenset()


def test_a_lease_is_given_back_where_the_task_fails(settings: WorkerSettings) -> None:
    run = given_run(settings, "a")
    for folder in ("results", "failures"):
        run.store.replace(folder, b"a file where a folder has to be")
    worker(settings).classify(run.run_id, "a")
    with redis_client(settings) as client:
        leases = Leases(client, run.run_id, 60)
        assert leases.held(Step.CLASSIFY, ["a"]) == frozenset()
        assert leases.attempts(Step.CLASSIFY) == {}  # it was no fault of the host


def test_what_comes_after_the_end_changes_nothing(settings: WorkerSettings) -> None:
    run, one = given_run(settings, "a", "b"), worker(settings)
    one.classify(run.run_id, "a")
    fail_missing(run, dumped=True)
    one.finish(run.run_id)
    closed = run.closed()
    run.store.remove("report/index.html")
    one.finish(run.run_id)
    one.tend()
    one.classify(run.run_id, "b")
    one.collect(run.run_id, ["b"])
    assert run.closed() == closed
    assert not is_rendered(run)
    assert run.standing().done == {"a"}


def test_no_host_is_asked_after_the_deadline(settings: WorkerSettings) -> None:
    late = replace(manifest("a"), deadline_at="2026-11-23T00:00:00+00:00")
    run = Runs(settings.runs_url, settings.signing_key).create(late)
    Runs(settings.runs_url).queue(run.run_id)
    worker(settings).collect(run.run_id, ["a"])
    assert run.dumped() == frozenset()
    in_time = Runs(settings.runs_url, settings.signing_key).create(manifest("a"))
    Runs(settings.runs_url).queue(in_time.run_id)
    worker(settings).collect(in_time.run_id, ["a"])
    assert in_time.dumped() | in_time.standing().failed == {"a"}


ID = "20261123T045837Z-run-0a1b"
FORGED = [
    "",
    "../x",
    f"../{ID}",
    f"{ID}/../{ID}",
    f"{ID}\n",
    "latest",
    "/etc",
    "https://example.org/run",
    'reference://::data:application/json,{"version":1,"refs":{"manifest.json":"{}"}}',
    ID,  # an id, of no run
    None,
    7,
    ["a"],
    {"a": 1},
]


def refused(settings: WorkerSettings) -> int:
    with redis_client(settings) as client:
        return int(client.get("mapsweep:refused") or 0)


@pytest.mark.parametrize("forged", FORGED)
def test_a_message_about_no_run_of_ours_is_refused_and_opens_nothing(
    forged: object, settings: WorkerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    app = worker_app(settings)
    for task, more in ((COLLECT_TASK, {"hosts": ["a"]}), (CLASSIFY_TASK, {"host": "a"}), (FINISH_TASK, {})):
        app.tasks[task](run_id=forged, **more)
    assert not Path(settings.runs_url).exists()
    assert refused(settings) == 3
    lines = [record for record in caplog.records if "is refused" in record.message]
    assert [record.levelname for record in lines] == ["WARNING"] * 3
    assert all("\n" not in record.message for record in lines)


@pytest.mark.parametrize("planted", ["pipe", "endless"])
def test_a_planted_manifest_that_cannot_be_read_to_its_end_is_refused(
    planted: str, settings: WorkerSettings
) -> None:
    folder = Path(settings.runs_url) / ID
    folder.mkdir(parents=True)
    if planted == "pipe":
        os.mkfifo(folder / "manifest.json")
    else:
        (folder / "manifest.json").symlink_to("/dev/zero")
    one = worker(settings)
    one.collect(ID, ["a"])
    one.finish(ID)
    one.classify(ID, "a")
    assert refused(settings) == 3


def test_a_real_run_elsewhere_is_not_opened_by_its_place(settings: WorkerSettings, tmp_path: Path) -> None:
    run = Runs(str(tmp_path / "elsewhere")).create(manifest("a"))
    run.write_dump(dump("a"))
    one = worker(settings)
    for place in (run.url, f"file://{run.url}", f"../elsewhere/{run.run_id}", run.run_id):
        one.classify(place, "a")
        one.finish(place)
    assert refused(settings) == 8
    assert run.standing().done == frozenset()


@pytest.mark.parametrize("hosts", [None, "a", {"a": 1}, [["a"]], ["a", 1]])
def test_hosts_that_are_no_names_are_refused(hosts: object, settings: WorkerSettings) -> None:
    run, one = given_run(settings, "a"), worker(settings)
    one.collect(run.run_id, hosts)
    assert refused(settings) == 1
    one.classify(run.run_id, 7)
    worker_app(settings).tasks[CLASSIFY_TASK](run_url=run.url, host="a")  # as an older version sent them
    assert refused(settings) == 3
    assert run.standing().done == frozenset()


def test_a_host_that_the_run_does_not_ask_is_dropped(
    settings: WorkerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    run, one = given_run(settings, "a"), worker(settings)
    one.classify(run.run_id, "x\ud800\n")
    one.collect(run.run_id, ["../a", "b"])
    lines = [record.message for record in caplog.records if "does not have them" in record.message]
    assert len(lines) == 2
    assert "2 hosts were dropped" in lines[1]
    assert "the first is '../a'" in lines[1]
    one.classify(run.run_id, "a")
    assert run.standing().done == {"a"}
    assert refused(settings) == 0


def mail(server: str, port: int, ca_file: str) -> MailSettings:
    return MailSettings("mapsweep@example.org", server, port, ca_file=ca_file, attempts=1)


def finished(settings: WorkerSettings, folder: Path, mailbox: Mailbox) -> Run:
    """A run that is mailed to TO by a worker, whose finish message comes twice."""
    run = given_run(settings, "a", mail_to=TO)
    with mail_server(folder, mailbox=mailbox) as server:
        one = worker(replace(settings, mail=mail(server.host, server.port, server.ca_file)))
        one.classify(run.run_id, "a")
        one.finish(run.run_id)
        Runs(settings.runs_url).queue(run.run_id)  # as if killed before it was taken out
        one.finish(run.run_id)
    return run


def test_a_report_is_mailed_once(settings: WorkerSettings, tmp_path: Path) -> None:
    mailbox = Mailbox()
    run = finished(settings, tmp_path, mailbox)
    assert [mail.recipients for mail in mailbox.received] == [TO]
    assert run.mail_record.is_over()
    assert Runs(settings.runs_url).queued() == ()


def test_who_was_refused_is_logged_and_the_others_get_it_once(
    settings: WorkerSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mailbox = Mailbox(refuse={TO[1]: "550 nobody here"})
    finished(settings, tmp_path, mailbox)
    assert [mail.recipients for mail in mailbox.received] == [TO[:1]]
    assert f"was not mailed to {TO[1]}: 550 nobody here" in caplog.text


def test_a_mail_server_that_refuses_all_does_not_hold_up_the_report(
    settings: WorkerSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = finished(settings, tmp_path, Mailbox(refuse=dict.fromkeys(TO, "550 nobody here")))
    assert is_rendered(run)
    assert [each.recipient for each in run.mail_record.refusals()] == list(TO)
    assert Runs(settings.runs_url).queued() == ()
    assert "was not mailed to one@example.org: 550 nobody here" in caplog.text


def test_a_damaged_run_does_not_hold_up_the_others(
    settings: WorkerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    damaged, other = given_run(settings, "a"), given_run(settings, "b")
    damaged.store.replace("manifest.json", b"{")
    opened_by_id.cache_clear()
    one = worker(settings)
    one.classify(other.run_id, "b")
    one.tend()
    one.tend()
    assert caplog.text.count(f"{damaged.run_id} is at the workers, and is refused") == 1
    assert refused(settings) == 1
    with redis_client(settings) as client:
        assert client.llen("mapsweep:report") == 1  # the other one is to be finished


def removed(run: Run) -> Path:
    """The folder of a run that somebody has removed."""
    folder = run.store.local_path("")
    assert folder is not None
    shutil.rmtree(folder)
    return folder


@pytest.mark.parametrize("known", [True, False], ids=["opened before", "never opened"])
def test_a_run_that_was_removed_is_not_made_again_and_taken_from_the_queue(
    known: bool, settings: WorkerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    gone, other = given_run(settings, "a", "c"), given_run(settings, "b")
    one = worker(settings)
    if known:
        one.classify(gone.run_id, "a")
    one.classify(other.run_id, "b")
    folder = removed(gone)
    with redis_client(settings) as client:
        client.delete("mapsweep:collect", "mapsweep:classify")
        for _ in range(3):
            one.tend()
        assert (client.llen("mapsweep:collect"), client.llen("mapsweep:classify")) == (0, 0)
        assert client.llen("mapsweep:report") == 1  # the other one is to be finished
    assert Runs(settings.runs_url).queued() == (other.run_id,)
    assert caplog.text.count(f"{gone.run_id} was given to the workers and is gone") == 1
    one.collect(gone.run_id, ["a"])  # what is left of its messages
    one.classify(gone.run_id, "c")
    one.finish(gone.run_id)
    assert refused(settings) == 3
    assert not folder.exists()
    assert not [record for record in caplog.records if record.exc_info]


def test_a_run_that_was_removed_while_a_host_was_asked_is_not_made_again(settings: WorkerSettings) -> None:
    run = given_run(settings, "a")
    folder = removed(run)
    with pytest.raises(OperatorError, match=f"{run.run_id}: was removed while"):
        keep(run, dump("b"))
    assert not folder.exists()


def test_a_run_that_was_put_back_is_looked_after(settings: WorkerSettings, tmp_path: Path) -> None:
    run, one = given_run(settings, "a"), worker(settings)
    one.classify(run.run_id, "a")
    folder = run.store.local_path("")
    assert folder is not None
    folder.rename(tmp_path / "away")
    one.finish(run.run_id)
    assert refused(settings) == 1
    (tmp_path / "away").rename(folder)
    one.finish(run.run_id)
    assert is_rendered(run)


def test_a_run_whose_folder_cannot_be_read_does_not_hold_up_the_others(
    settings: WorkerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """As with a stale handle of NFS: the system refuses, and it is no mistake of an operator."""
    broken, other = given_run(settings, "a"), given_run(settings, "b")
    broken.remove_dump("a")
    for folder in ("failures", "results"):
        broken.store.remove_folder(folder)
        broken.store.replace(folder, b"a file where a folder has to be")
    one = worker(settings)
    one.classify(other.run_id, "b")
    late = replace(broken.manifest, deadline_at="2026-11-23T00:00:00+00:00")  # so that it has to write
    broken.store.replace("manifest.json", codec.encode(late))
    broken.store.replace("manifest.sig", sign(SIGNING_KEY, codec.encode(late)))
    opened_by_id.cache_clear()
    for _ in range(2):
        one.tend()
        with redis_client(settings) as client:
            client.delete(f"mapsweep:run:{broken.run_id}:tended")
    (line,) = [record for record in caplog.records if "could not be looked after" in record.message]
    assert line.message.startswith(f"{broken.run_id} could not be looked after: ENOTDIR at ")
    assert not line.exc_info
    assert set(Runs(settings.runs_url).queued()) == {broken.run_id, other.run_id}
    with redis_client(settings) as client:
        assert client.llen("mapsweep:report") == 1


def test_a_redis_that_is_away_is_nobodys_trouble_alone(
    settings: WorkerSettings, caplog: pytest.LogCaptureFixture
) -> None:
    given_run(settings, "a")
    away = replace(settings, broker_url=f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(redis.ConnectionError):
        worker(away).tend()
    assert "could not be looked after" not in caplog.text
