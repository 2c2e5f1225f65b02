"""A request becomes the same manifest, whoever asks."""

import shutil
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from archive.folder import Folder
from archive.places import store_at
from domain.mistakes import Mistake, OperatorError
from domain.records import Connection, Host, Limits, Manifest, Mute, Scope
from mapsweep.request import MailRequest, sweep_request
from mapsweep.settings.for_workers import worker_settings
from mapsweep.settings.settings import load
from workers.fleet.starts import manifest_of
from workers.life.pace import Pace
from workers.life.plan import DUMP_BYTES_EXPECTED, RESULT_BYTES_EXPECTED, Means, Request, check, planned

INVENTORY = """\
all:
  hosts:
    web1: {ansible_host: 10.0.0.1, mapsweep_labels: {zone: eu-1, owner: payments}}
    web2: {ansible_host: 10.0.0.2, ansible_become: true}
    db1: {ansible_host: 10.0.0.3}
  vars:
    mapsweep_labels: {owner: ops}
"""
SETTINGS = """\
inventory: {folder}/inventory.yaml
broker: redis://127.0.0.1:6379/0
runs: {folder}/runs
become: true
evidence: smaps
keep_dumps: false
deadline_s: 1000
limits: {{concurrency: 7, total_s: 33}}
mutes: [{{code: swapped, reason: known, until: 2026-12-31}}]
schedules:
  - {{name: nightly, hosts: "web*", crontab: "0 2 * * *", evidence: smaps}}
"""
THEIR_OWN = {"due_at", "run_id", "scope", "started_at", "deadline_at", "command", "asker"}


def test_a_command_and_a_schedule_of_the_same_plan_have_equal_manifests(tmp_path: Path) -> None:
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    (tmp_path / "mapsweep.yaml").write_text(SETTINGS.format(folder=tmp_path))
    settings = load(tmp_path / "mapsweep.yaml", {})
    typed = planned(
        sweep_request(settings, ("web*",), local=False, command="mapsweep collect", mail=MailRequest())
    )
    given = worker_settings(settings, {})
    by_clock = manifest_of(given.schedules[0], datetime(2026, 11, 29, 2, tzinfo=UTC), given)
    for field in fields(Manifest):
        if field.name not in THEIR_OWN:
            assert getattr(typed, field.name) == getattr(by_clock, field.name), field.name
    assert typed.asker is not None
    assert replace(typed.asker, schedule="nightly") == by_clock.asker
    assert replace(typed.scope, name="nightly") == by_clock.scope
    assert [host.become for host in by_clock.hosts] == [True, True]
    assert by_clock.mutes == (Mute("swapped", reason="known", until="2026-12-31"),)
    assert [host.labels for host in by_clock.hosts] == [
        (("owner", "payments"), ("zone", "eu-1")),
        (("owner", "ops"),),
    ]
    lasts = [
        datetime.fromisoformat(each.deadline_at) - datetime.fromisoformat(each.started_at)
        for each in (typed, by_clock)
    ]
    assert [each.total_seconds() for each in lasts] == [1000, 1000]


def test_become_of_the_scope_is_added_to_that_of_the_hosts() -> None:
    hosts = (Host("a", "a"), Host("b", "b", become=True), Host("c", "c", connection=Connection.LOCAL))
    for become, expected in ((False, [False, True, False]), (True, [True, True, True])):
        plan = planned(Request(Scope("adhoc", "all", become=become), hosts, Limits(), 60))
        assert [host.become for host in plan.hosts] == expected


@pytest.mark.parametrize(
    ("limits", "named"),
    [
        (Limits(total_s=450, attempts=2), "total_s times attempts"),
        (Limits(classify_s=450), "classify_s"),
    ],
)
def test_what_would_outlast_a_workers_task_is_refused(limits: Limits, named: str, tmp_path: Path) -> None:
    plan = planned(Request(Scope("adhoc", "all"), (Host("a", "a"),), limits, 60))
    store = store_at(str(tmp_path))
    with pytest.raises(OperatorError, match=named):
        check(plan, Means(store, Pace(task_s=900)))
    check(plan, Means(store, Pace(task_s=901)))
    check(plan, Means(store))


def test_a_plan_that_nobody_can_mail_is_refused(tmp_path: Path) -> None:
    request = Request(Scope("adhoc", "all"), (Host("a", "a"),), Limits(), 60, mail_to=("a@example.org",))
    plan = planned(request)
    with pytest.raises(OperatorError, match="no mail server is set"):
        check(plan, Means(store_at(str(tmp_path)), no_mail_server=Mistake("mail", "no mail server is set")))
    check(plan, Means(store_at(str(tmp_path))))


class SmallDisk(Folder):
    """A folder on a disk that is nearly full."""

    left_bytes = 100 * 2**20

    def free_bytes(self) -> int:
        return self.left_bytes


def test_a_plan_that_the_disk_has_no_room_for_is_refused(tmp_path: Path) -> None:
    small = SmallDisk(str(tmp_path))
    room = small.free_bytes() // (DUMP_BYTES_EXPECTED + RESULT_BYTES_EXPECTED)
    hosts = tuple(Host(str(number), "a") for number in range(room + 1))
    request = Request(Scope("adhoc", "all"), hosts, Limits(), 60)
    with pytest.raises(
        OperatorError, match=f"has 100 MiB free; {room + 1} hosts take about .*keep_dumps: false"
    ):
        check(planned(request), Means(small))
    small.left_bytes = 0
    with pytest.raises(OperatorError, match=r"has 0 free; 1 host takes about [1-9][0-9.]* KiB"):
        check(planned(replace(request, hosts=hosts[:1])), Means(small))
    small.left_bytes = SmallDisk.left_bytes
    check(planned(replace(request, hosts=hosts[:-1])), Means(small))
    check(planned(replace(request, keep_dumps=False)), Means(small))
    check(planned(request), Means(small), is_new=False)  # what it has counts
    check(planned(request), Means(store_at("memory://bucket")))


def test_the_room_on_a_disk_is_that_where_the_folder_will_be(tmp_path: Path) -> None:
    free_bytes = store_at(str(tmp_path / "not/yet/there")).free_bytes()
    assert free_bytes is not None
    assert 0 < free_bytes <= shutil.disk_usage(tmp_path).total
    assert store_at("memory://bucket").free_bytes() is None
