"""Why a host that answered is partial, and a remedy that is true for its account."""

from dataclasses import replace

import pytest

from archive.results import Result
from archive.run import Outcome
from domain.records import Host, HostRecord
from mapsweep.troubles_docs import page
from reports.tables.status import PARTIALS, Status, status
from tests.reports.fleet import Answered, Process, record

SSH = Host("a", "::1", user="mapsweep")


def _status(host: Host, made: HostRecord) -> Status:
    return status(Outcome(host, Result(made, {}), None))


def test_a_host_that_hides_the_processes_of_others_is_partial() -> None:
    seen = record(Answered("a", (Process(77),)))
    assert _status(SSH, seen).status == "ok"
    hidden = _status(SSH, replace(seen, sees_init=False))
    assert (hidden.status, hidden.stage, hidden.reason) == ("partial", "read", "hidden")
    assert "only 1 processes are seen" in hidden.detail
    assert "hidepid" in hidden.detail
    assert "--become" in hidden.remedy


def test_a_recorded_tree_and_a_dump_that_was_cut_need_not_have_process_1() -> None:
    seen = replace(record(Answered("a", (Process(77),))), sees_init=False)
    assert _status(replace(SSH, root="/recorded"), seen).status == "ok"
    assert _status(SSH, replace(seen, complete=False)).reason == "cut_off"


@pytest.mark.parametrize("host", [replace(SSH, become=True), replace(SSH, user="root")])
def test_who_was_root_already_is_not_told_to_become_root(host: Host) -> None:
    seen = record(Answered("a", (Process(1), Process(2)), denied=1))
    assert (_status(SSH, seen).reason, "--become" in _status(SSH, seen).remedy) == ("denied", True)
    as_root = _status(host, seen)
    assert (as_root.status, as_root.reason) == ("partial", "denied_to_root")
    assert "--become" not in as_root.remedy


def test_the_docs_have_each_reason() -> None:
    assert {reason for reason, _, _ in PARTIALS} == {"cut_off", "hidden", "denied", "denied_to_root"}
    assert all(f"| `{reason}` | {means} | {remedy} |" in page() for reason, means, remedy in PARTIALS)
