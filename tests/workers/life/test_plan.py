"""A request becomes the same manifest, whoever asks."""

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from domain.mistakes import OperatorError
from domain.records import Connection, Host, Limits, Manifest, Scope
from mapsweep.request import sweep_request
from mapsweep.settings.settings import load
from mapsweep.settings.worker_settings import worker_settings
from workers.fleet.starts import manifest_of
from workers.life.pace import Pace
from workers.life.plan import Request, check, planned

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
schedules:
  - {{name: nightly, hosts: "web*", crontab: "0 2 * * *", evidence: smaps}}
"""
THEIR_OWN = {"run_id", "scope", "started_at", "deadline_at", "command"}


def test_a_command_and_a_schedule_of_the_same_plan_have_equal_manifests(tmp_path: Path) -> None:
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    (tmp_path / "mapsweep.yaml").write_text(SETTINGS.format(folder=tmp_path))
    settings = load(tmp_path / "mapsweep.yaml", {})
    typed = planned(sweep_request(settings, ("web*",), local=False, command="mapsweep collect", mail_to=()))
    given = worker_settings(settings, {})
    by_clock = manifest_of(given.schedules[0], datetime(2026, 11, 29, 2, tzinfo=UTC), given)
    for field in fields(Manifest):
        if field.name not in THEIR_OWN:
            assert getattr(typed, field.name) == getattr(by_clock, field.name), field.name
    assert replace(typed.scope, name="nightly") == by_clock.scope
    assert [host.become for host in by_clock.hosts] == [True, True]
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
def test_what_would_outlast_a_workers_task_is_refused(limits: Limits, named: str) -> None:
    plan = planned(Request(Scope("adhoc", "all"), (Host("a", "a"),), limits, 60))
    with pytest.raises(OperatorError, match=named):
        check(plan, pace=Pace(task_s=900), has_mail_server=True)
    check(plan, pace=Pace(task_s=901), has_mail_server=True)
    check(plan, pace=None, has_mail_server=True)
