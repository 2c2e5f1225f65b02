"""The tables of changes: order, limits, counts, owners, and the last runs."""

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from reports import report as reporting
from reports.changes import history, order, part
from reports.changes.noise import GROWTH_FLOOR_BYTES, SENTENCE
from reports.tables import settled
from reports.tables.past_runs import PAST_RUNS_MAX
from reports.tables.settled import Settled
from tests.reports.changes.nights import app, folder, host, night, restarted, story, told
from tests.reports.fleet import BOOT_S, MIB, Process


def test_a_failed_host_is_first_then_growth_by_bytes_then_what_came_and_went(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    db, other = app(service="db.service"), app(service="other.service")
    night(
        runs, 20, host("a", app()), host("b", db), host("c", other), host("d", app(8)), host("e", app(9, 900))
    )
    run = night(
        runs,
        21,
        host("a", app(anon_mib=700)),
        host("b", replace(db, rss_anon_bytes=1500 * MIB)),
        host("e", app(9, 100)),
        host("f", restarted(other, 3)),
        failed=["d"],
    )
    assert [line.split()[:3] for line in story(run)] == [
        ["failed", "host", "d"],
        ["grew", "process", "b"],
        ["grew", "service", "b"],
        ["grew", "host", "b"],
        ["grew", "process", "a"],
        ["grew", "host", "a"],
        ["appeared", "host", "f"],
        ["went", "host", "c"],
        ["shrank", "process", "e"],
        ["shrank", "host", "e"],
    ]
    assert [row[2] for row in told(run, "place")] == list(range(1, 11))


def many(anon_mib: int, count: int = 7) -> tuple[Process, ...]:
    return tuple(replace(app(100 + pid, anon_mib + pid), service=f"s{pid}.service") for pid in range(count))


@pytest.mark.parametrize("room", [6, 7])
def test_beyond_the_limit_of_the_table_changes_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    runs = folder(tmp_path)
    monkeypatch.setattr(order, "ROWS_MAX", room)
    night(runs, 20, host("web1", *many(100)))
    run = night(runs, 21, host("web1", *many(300)))
    changes = reporting.report(run).changes
    assert len([row for row in changes.rows if row.subject == "process"]) == room
    assert changes.count("grew", "process") == 7
    (counted,) = (each for each in changes.counts if each.subject == "process")
    assert counted.change_bytes == 7 * 200 * MIB
    assert changes.not_told == SENTENCE
    assert f"{GROWTH_FLOOR_BYTES // MIB} MiB" in SENTENCE


def test_beyond_the_limit_of_a_part_processes_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = folder(tmp_path)
    monkeypatch.setattr(part, "CHANGED_A_PART_MAX", 2)
    night(runs, 20, host("web1", *many(100)), host("web2", *many(100)), a_part=1)
    run = night(runs, 21, host("web1", *many(300)), host("web2", *many(300)), a_part=1)
    changes = reporting.report(run).changes
    assert len([row for row in changes.rows if row.subject == "process"]) == 4
    assert changes.count("grew", "process") == 14


def test_the_owner_is_the_label_of_the_host_and_of_most_hosts_of_a_service(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    owners = {"a": "data", "b": "pay", "c": "pay"}
    fleet = {
        name: host(name, app(), labels=(("owner", owner), ("tier", "1"))) for name, owner in owners.items()
    }
    night(runs, 20, *fleet.values())
    fleet["a"] = replace(fleet["a"], processes=(app(anon_mib=900),))
    found = told(night(runs, 21, *fleet.values()), "owner")
    assert found == [("grew", "process", "data"), ("grew", "service", "pay"), ("grew", "host", "data")]


def test_the_history_has_the_last_runs_and_this_one_with_null_where_nothing_is_known(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    for day in range(1, PAST_RUNS_MAX + 2):
        night(runs, day, host("web1", app(anon_mib=day)), failed=["web2"])
    run = night(
        runs, 20, host("web1", app(anon_mib=20)), host("web2", app(anon_mib=5)), rules_version="other"
    )
    tables = Settled(run)
    days = tables.table(settled.HISTORY_RUNS)["started_at"].to_list()
    assert [int(day[8:10]) for day in days] == [*range(2, PAST_RUNS_MAX + 2), 20]
    rows = {(row["subject"], row["name"]): row for row in tables.table(settled.HISTORY).iter_rows(named=True)}
    web1, web2 = rows["host", "web1"], rows["host", "web2"]
    assert [size // MIB for size in web1["anon_bytes"]] == [*range(2, PAST_RUNS_MAX + 2), 20]
    assert web1["native_heap_bytes"] == [None] * PAST_RUNS_MAX + [20 * MIB]
    assert web2["anon_bytes"] == [None] * PAST_RUNS_MAX + [5 * MIB]
    assert rows["service", "api.service"]["anon_bytes"][-1] == 25 * MIB


def test_hosts_and_services_that_went_stay_in_the_history_of_the_runs_in_which_they_were(
    tmp_path: Path,
) -> None:
    runs = folder(tmp_path)
    night(runs, 1, host("web1", app()), host("old", app(anon_mib=7, service="old.service")), failed=["never"])
    night(runs, 2, host("web1", app()), host("web2", app(anon_mib=9)), failed=["old"])
    run = night(runs, 3, host("web1", app()))
    rows = {
        (row["subject"], row["name"]): row
        for row in Settled(run).table(settled.HISTORY).iter_rows(named=True)
    }
    assert list(rows) == [
        ("host", "web1"),
        ("service", "api.service"),
        ("host", "web2"),
        ("host", "old"),
        ("service", "old.service"),
    ]
    assert rows["host", "web2"]["anon_bytes"] == [None, 9 * MIB, None]
    for old in (rows["host", "old"], rows["service", "old.service"]):
        assert old["anon_bytes"] == old["native_heap_bytes"] == [7 * MIB, None, None]
    other = night(runs, 4, host("web1", app()), rules_version="other")
    gone = Settled(other).table(settled.HISTORY).row(by_predicate=pl.col("name") == "web2", named=True)
    assert gone["anon_bytes"] == [None, 9 * MIB, None, None]
    assert gone["native_heap_bytes"] == [None] * 4


@pytest.mark.parametrize("more", [0, 1])
def test_so_many_that_went_are_kept_the_largest_of_them_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    monkeypatch.setattr(history, "GONE_MAX", 3)
    runs = folder(tmp_path)
    night(runs, 1, *(host(f"old{n}", app(anon_mib=100 + n)) for n in range(3 + more)))
    table = Settled(night(runs, 2, host("web1", app()))).table(settled.HISTORY)
    gone = table.filter((pl.col("subject") == "host") & (pl.col("name") != "web1"))
    assert gone["name"].to_list() == [f"old{n}" for n in range(2 + more, more - 1, -1)]


def test_a_trend_needs_four_runs(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    trends = [
        {
            row[2]
            for row in told(night(runs, day, host("web1", app(anon_mib=100 * day))), "trend_per_day_bytes")
        }
        for day in range(1, 6)
    ]
    assert trends == [set(), {None}, {None}, {None, 100 * MIB}, {None, 100 * MIB}]


def test_what_could_not_be_read_is_neither_grown_nor_gone(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    unknown = app(rss_anon_bytes=None)
    night(runs, 20, host("a", app()), host("b", unknown), host("c", app(), complete=False), host("d", app()))
    later = app(9, start_ticks=None)
    run = night(
        runs,
        21,
        host("a", replace(app(), rss_anon_bytes=None, evidence="denied", blocks=())),
        host("b", app(anon_mib=900)),
        host("c", app(), app(7, 900, service="new.service")),
        host("d", complete=False),
    )
    assert story(run) == []
    assert story(night(runs, 22, host("a", later), host("b", app(anon_mib=900)))) == [
        "went host c",
        "went host d",
    ]


def test_a_process_is_the_same_if_the_clock_was_stepped_by_less_than_a_minute(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 20, host("a", app()))
    assert story(night(runs, 21, host("a", app(started_at_s=BOOT_S + 101)))) == []
    assert story(night(runs, 22, host("a", app(started_at_s=BOOT_S + 162)))) == [
        "restarted service a api.service"
    ]


def test_tables_of_changes_do_not_depend_on_the_size_of_a_part(tmp_path: Path) -> None:
    found = []
    for a_part in (1, 2, 250):
        runs = folder(tmp_path / str(a_part))
        night(
            runs, 20, *(host(f"h{n}", app(anon_mib=500 + n)) for n in range(5)), failed=["z"], a_part=a_part
        )
        changed = [
            host(f"h{n}", restarted(app(), 9) if n == 1 else app(anon_mib=500 + 90 * n)) for n in range(4)
        ]
        run = night(runs, 21, *changed, host("z", app()), a_part=a_part)
        found.append(Settled(run))
    for name in (settled.CHANGES, settled.CHANGE_COUNTS, settled.HISTORY, settled.HISTORY_RUNS):
        for other in found[1:]:
            assert_frame_equal(found[0].table(name), other.table(name))
