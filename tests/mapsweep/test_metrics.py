"""mapsweep metrics: read back with the parser of Prometheus' own library."""

import json
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from archive import codec
from archive.retries import pattern_of_retry
from archive.runs import Runs
from archive.schedule_records import Due, ScheduleRecord, ScheduleRecords, State
from domain.records import Closed, Scope
from mapsweep.metrics import of_archive
from mapsweep.metrics.of_archive import RUNS_MAX, SCOPES_MAX, survey
from mapsweep.terminal.exits import Exit
from tests.archive.examples import host, manifest
from tests.mapsweep.conftest import Here
from tests.mapsweep.test_wait import answer, end, fail
from tests.ports import free_port
from tests.redis_server import RedisServer, redis_server
from workers.fleet.trouble import INDEX, NOTES_MAX, PREFIX

CLONE = Path(__file__).parents[2]
Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


def values(text: str) -> Values:
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def of(found: Values, name: str, **labels: str) -> float | None:
    return found.get((f"mapsweep_{name}", frozenset(labels.items())))


def swept(
    runs: Path,
    run_id: str,
    scope: str = 'night "ly"',
    *,
    answering: tuple[str, ...] = ("web-1", "web-2"),
    failing: tuple[str, ...] = ("gone",),
    pattern: str = "all",
) -> None:
    hosts = tuple(map(host, (*answering, *failing)))
    planned = replace(
        manifest(), run_id=run_id, hosts=hosts, scope=Scope(scope, pattern, "maps", become=False)
    )
    run = Runs(str(runs)).create(planned)
    for each in hosts:
        (fail if each.name in failing else answer)(run, each.name)
    end(run)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as started:
        yield started


def test_runs_of_a_scope(here: Here, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    swept(runs, "20261122T045837Z-nightly-aaaa")
    swept(runs, "20261123T045837Z-nightly-bbbb", failing=())
    Runs(str(runs)).create(replace(manifest(), run_id="20261124T045837Z-nightly-cccc"))
    Runs(str(runs)).queue("20261124T045837Z-nightly-cccc")
    Runs(str(runs)).mark_unmailed("20261123T045837Z-nightly-bbbb")
    schedule = ScheduleRecord("nightly", "30 2 * * *", "UTC", "2026-11-22T00:00:00+00:00")
    for day, state in ((22, State.STARTED), (23, State.MISSED)):
        due = Due(f"2026-11-{day}T02:30:00+00:00", state, f"2026-11-{day}T02:31:00+00:00")
        schedule = schedule.having(due)
    ScheduleRecords(Runs(str(runs)).store).write(schedule)
    ended = here("metrics", "--runs", runs)
    assert (ended.code, ended.err) == (Exit.OK, "")
    found = values(ended.out)
    scope = {"scope": 'night "ly"'}
    assert of(found, "up", source="archive") == 1
    assert of(found, "up", source="broker") is None
    assert (of(found, "runs_open"), of(found, "runs_queued"), of(found, "reports_unmailed")) == (1, 1, 1)
    assert of(found, "oldest_queued_run_timestamp_seconds") == 1795496317
    assert of(found, "last_run_hosts_asked", **scope) == 2
    assert of(found, "last_run_hosts", status="ok", **scope) == 2
    assert of(found, "last_run_hosts", status="failed", **scope) == 0
    assert of(found, "last_run_readable", **scope) == 1
    assert (of(found, "last_run_native_heap_bytes", **scope) or 0) > 0
    assert of(found, "last_run_thread_stacks_bytes", **scope) is not None
    assert (of(found, "archive_free_bytes") or 0) > 0
    due_at = of(found, "schedule_last_due_timestamp_seconds", schedule="nightly", state="missed")
    assert due_at == 1795401000
    age_s = time.time() - (of(found, "last_good_run_timestamp_seconds", **scope) or 0)
    assert 0 <= age_s < 600
    assert "queue_messages" not in ended.out


def test_a_retry_is_not_the_last_run_and_tells_who_recovered(here: Here, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    old, again, first, second, third = (f"20261122T0{hour}5837Z-nightly-aaaa" for hour in range(1, 6))

    def retry(run_id: str, of_run: str, answering: str, *failing: str) -> None:
        pattern = pattern_of_retry("all", of_run)
        swept(runs, run_id, "nightly", answering=(answering,), failing=failing, pattern=pattern)

    swept(runs, old, "nightly", failing=("a",))
    retry(again, old, "a")
    swept(runs, first, "nightly", failing=("a", "b", "c"))
    before = values(here("metrics", "--runs", runs).out)
    assert of(before, "last_run_hosts_recovered", scope="nightly") == 0
    swept(
        runs, second, "nightly", answering=("a",), failing=("b", "c"), pattern=pattern_of_retry("all", first)
    )
    swept(runs, third, "nightly", answering=("b",), failing=("c",), pattern=pattern_of_retry("all", second))
    found = values(here("metrics", "--runs", runs).out)
    assert of(found, "last_run_hosts_recovered", scope="nightly") == 2
    of_scope = {key for key in before if ("scope", "nightly") in key[1]} - {
        ("mapsweep_last_run_hosts_recovered", frozenset({("scope", "nightly")}))
    }
    assert {key: found[key] for key in of_scope} == {key: before[key] for key in of_scope}


def test_hosts_by_stage_and_reason(here: Here, tmp_path: Path) -> None:
    swept(tmp_path / "runs", "20261122T045837Z-nightly-aaaa", "nightly", failing=("a", "b"))
    found = values(here("metrics", "--runs", tmp_path / "runs").out)
    reason = {"status": "failed", "stage": "tcp", "reason": "tcp_refused"}
    assert of(found, "last_run_hosts_not_ok", scope="nightly", **reason) == 2
    assert of(found, "last_run_hosts", scope="nightly", status="failed") == 2


def test_a_run_in_which_nobody_answered_is_the_last_but_not_a_good_one(here: Here, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    planned = replace(manifest(), run_id="20261122T045837Z-adhoc-aaaa", hosts=(host("a"),))
    run = Runs(str(runs)).create(planned)
    fail(run, "a")
    end(run)
    found = values(here("metrics", "--runs", runs).out)
    scope = planned.scope.name
    assert of(found, "last_run_hosts", scope=scope, status="failed") == 1
    assert of(found, "last_good_run_timestamp_seconds", scope=scope) is None
    assert of(found, "last_run_native_heap_bytes", scope=scope) in (None, 0)


def test_a_damaged_run_hides_no_other(here: Here, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    swept(runs, "20261122T045837Z-nightly-aaaa", "nightly")
    swept(runs, "20261122T045837Z-weekly-aaaa", "weekly")
    shutil.rmtree(runs / "20261122T045837Z-weekly-aaaa/settled")
    (runs / "20261123T045837Z-other-aaaa").mkdir()
    (runs / "20261123T045837Z-other-aaaa/closed.json").write_text("{")
    found = values(here("metrics", "--runs", runs).out)
    assert of(found, "last_run_readable", scope="weekly") == 0
    assert of(found, "last_run_readable", scope="nightly") == 1
    assert of(found, "last_run_hosts", scope="weekly", status="ok") == 2
    assert of(found, "runs_unreadable") == 1


def test_an_archive_that_cannot_be_read_is_down_and_the_rest_is_given(
    here: Here, tmp_path: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "runs").write_text("no folder")
    monkeypatch.setenv("MAPSWEEP_BROKER_PASSWORD", server.password)
    ended = here("metrics", "--runs", tmp_path / "runs", "--broker", server.url)
    found = values(ended.out)
    assert (ended.code, of(found, "up", source="archive"), of(found, "up", source="broker")) == (0, 0, 1)
    assert ended.err.startswith("mapsweep: metrics of the archive: ")


def test_the_broker(here: Here, tmp_path: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPSWEEP_BROKER_PASSWORD", server.password)
    client = server.client()
    client.flushall()
    client.rpush("mapsweep:collect", "a", "b")
    client.hset("mapsweep:unacked", "tag", "message")
    client.set("mapsweep:refused", 7)
    told = {"what": 'no "space"\n', "since": "2026-11-29T00:00:00+00:00"}
    client.set("mapsweep:trouble:collect@web:1", json.dumps(told))
    client.set("mapsweep:trouble:odd", '{"what": "", "since": "no time"}')
    client.sadd(INDEX, "collect@web:1", "odd", "over")
    found = values(here("metrics", "--runs", tmp_path / "runs", "--broker", server.url).out)
    assert of(found, "up", source="broker") == 1
    assert of(found, "queue_messages", queue="collect") == 2
    assert of(found, "queue_messages", queue="report") == 0
    assert (of(found, "messages_in_work"), of(found, "messages_refused_total")) == (1, 7)
    assert of(found, "workers_in_trouble") == 2
    since = "worker_trouble_since_timestamp_seconds"
    assert of(found, since, worker="collect@web:1", what='no "space"\n') == 1795910400
    assert of(found, since, worker="odd", what="") == 0

    names = [f"w{number}" for number in range(NOTES_MAX + 1)]
    client.mset({f"{PREFIX}{name}": json.dumps(told) for name in names})
    client.delete(INDEX)
    client.sadd(INDEX, *names)
    client.set("mapsweep:refused", "no number")
    found = values(here("metrics", "--runs", tmp_path / "runs", "--broker", server.url).out)
    assert (of(found, "workers_in_trouble"), of(found, "messages_refused_total")) == (NOTES_MAX, 0)

    client.delete("mapsweep:collect")
    client.set("mapsweep:collect", "no list any more")
    ended = here("metrics", "--runs", tmp_path / "runs", "--broker", server.url)
    assert of(values(ended.out), "up", source="broker") == 0
    client.close()


def test_a_broker_that_is_away_is_down(here: Here, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    ended = here("metrics", "--runs", tmp_path / "runs", "--broker", f"redis://127.0.0.1:{free_port()}/0")
    found = values(ended.out)
    assert (ended.code, of(found, "up", source="broker"), of(found, "up", source="archive")) == (0, 0, 1)
    assert "metrics of the broker: " in ended.err


def test_the_file_is_replaced_and_others_may_read_it(here: Here, tmp_path: Path) -> None:
    target = tmp_path / "textfile/mapsweep.prom"
    assert here("metrics", "--runs", tmp_path / "runs", "--output", target).code == Exit.USAGE
    target.parent.mkdir()
    before = os.umask(0o077)
    try:
        assert here("metrics", "--runs", tmp_path / "runs", "--output", target).code == Exit.OK
    finally:
        os.umask(before)
    assert target.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in target.parent.iterdir()] == [target.name]

    stop, seen = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            seen.append(target.read_text().endswith("\n") and "mapsweep_build_info" in target.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(5):
        here("metrics", "--runs", tmp_path / "runs", "--output", target)
    stop.set()
    reader.join()
    assert all(seen)


def closed(name: str, failed: int = 0, *, complete: bool = True) -> Closed:
    return Closed(name, "2026-11-23T05:00:00+00:00", 2, 2 - failed, 0, failed, complete)


def test_what_is_looked_at_is_limited(tmp_path: Path) -> None:
    runs = Runs(str(tmp_path / "runs"))
    for number in range(RUNS_MAX + 5):
        name = f"20261122T{number // 60:02}{number % 60:02}00Z-s{number}-aaaa"
        (tmp_path / "runs" / name).mkdir(parents=True)
    assert len(survey(runs).open) == RUNS_MAX
    for path in (tmp_path / "runs").iterdir():
        (path / "closed.json").write_bytes(codec.encode(closed(path.name)))
    found = survey(runs)
    assert (len(found.open), len(found.last), len(found.last_good)) == (0, SCOPES_MAX, SCOPES_MAX)
    assert f"s{RUNS_MAX + 4}" in found.last


def test_the_reasons_of_a_run_are_limited(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept(tmp_path / "runs", "20261122T045837Z-nightly-aaaa", "nightly", failing=("a", "b"))
    (run,) = (tmp_path / "runs").iterdir()
    monkeypatch.setattr(of_archive, "REASONS_MAX", 0)
    text = here("metrics", "--runs", run.parent).out
    assert "mapsweep_last_run_hosts_not_ok{" not in text
    assert "mapsweep_last_run_hosts{" in text


def test_the_page_and_the_rules_name_the_metrics_that_there_are(
    here: Here, tmp_path: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPSWEEP_BROKER_PASSWORD", server.password)
    swept(tmp_path / "runs", "20261122T045837Z-nightly-aaaa", "nightly")
    Runs(str(tmp_path / "runs")).queue("20261122T045837Z-nightly-aaaa")
    started = Due("2026-11-22T02:30:00+00:00", State.STARTED, "2026-11-22T02:31:00+00:00")
    ScheduleRecords(Runs(str(tmp_path / "runs")).store).write(
        ScheduleRecord("nightly", "30 2 * * *", "UTC", "2026-11-22T00:00:00+00:00", (started,))
    )
    with server.client() as client:
        client.flushall()
        client.set(f"{PREFIX}w1", '{"what": "full", "since": ""}')
        client.sadd(INDEX, "w1")
    text = here("metrics", "--runs", tmp_path / "runs", "--broker", server.url).out
    labels = {name: set(dict(known)) for name, known in values(text)}
    listed = re.findall(
        r"^\| `(mapsweep_\w+)` \| (.*?) \|", (CLONE / "docs/monitoring.md").read_text(), re.MULTILINE
    )
    assert {name for name, _ in listed} == labels.keys()
    for name, said in listed:
        assert labels[name] == set(re.findall(r"`(\w+)`", said.partition(":")[0])), name

    (group,) = yaml.safe_load((CLONE / "deploy/alerts.yaml").read_text())["groups"]
    used = [name for rule in group["rules"] for name in re.findall(r"mapsweep_\w+", rule["expr"])]
    assert set(used) <= labels.keys()
    assert len({rule["alert"] for rule in group["rules"]}) == len(group["rules"])
    for rule in group["rules"]:
        shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert shown <= set.union(*(labels[name] for name in re.findall(r"mapsweep_\w+", rule["expr"])))
