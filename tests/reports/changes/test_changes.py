"""Each sort of change, and beside it what looks alike and is none."""

from dataclasses import replace
from pathlib import Path

import pytest

from procmaps.own_probe import RUNTIME
from reports.tables.settled import Settled
from tests.reports.changes.nights import app, folder, host, night, restarted, story, told
from tests.reports.fleet import MEMINFO, MIB


def test_a_process_that_grew_is_told_with_its_service_and_host_after_it(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 20, *(host(f"web{place}", app()) for place in range(6)))
    run = night(
        runs, 21, host("web0", app(anon_mib=1200)), *(host(f"web{place}", app()) for place in range(1, 6))
    )
    assert [line.split()[:3] for line in story(run)] == [
        ["grew", "process", "web0"],
        ["grew", "service", "api.service"],
        ["grew", "host", "web0"],
    ]
    (row, *_) = told(
        run, "before_bytes", "now_bytes", "change_bytes", "per_day_bytes", "peers", "peers_changed", "pid"
    )
    assert row[2:] == (500 * MIB, 1200 * MIB, 700 * MIB, 700 * MIB, 5, 0, 100)


def test_a_first_run_has_no_changes(tmp_path: Path) -> None:
    assert story(night(folder(tmp_path), 20, host("web1", app()))) == []


@pytest.mark.parametrize(("grown_mib", "is_told"), [(563, False), (564, True), (436, True), (437, False)])
def test_the_floor_of_64_mib(tmp_path: Path, grown_mib: int, is_told: bool) -> None:
    runs = folder(tmp_path)
    night(runs, 20, host("web1", app()))
    assert bool(story(night(runs, 21, host("web1", app(anon_mib=grown_mib))))) is is_told


@pytest.mark.parametrize(("grown_mib", "is_told"), [(10_199, False), (10_200, True)])
def test_the_floor_of_2_percent(tmp_path: Path, grown_mib: int, is_told: bool) -> None:
    runs = folder(tmp_path)
    night(runs, 20, host("web1", app(anon_mib=10_000)))
    assert bool(story(night(runs, 21, host("web1", app(anon_mib=grown_mib))))) is is_told


def test_a_restart_is_told_of_the_service_and_not_read_across(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 20, host("web1", app(anon_mib=2000)), host("web2", app()))
    run = night(runs, 21, host("web1", restarted(app(anon_mib=300), 777)), host("web2", app()))
    assert story(run) == ["restarted service web1 api.service"]
    assert told(run, "before_bytes", "now_bytes", "change_bytes", "count")[0][2:] == (
        2000 * MIB,
        300 * MIB,
        None,
        1,
    )


def test_the_probe_of_each_night_is_no_restart_and_one_that_looks_alike_is(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    shell = replace(app(7, 1), service="dash -c", runtime=RUNTIME)
    alike = replace(app(8, 1), service="bash -c")
    night(runs, 20, host("web1", app(), shell, alike))
    run = night(runs, 21, host("web1", app(), restarted(shell, 777), restarted(alike, 778)))
    assert story(run) == ["restarted service web1 bash -c"]
    (row,) = Settled(run).table("hosts", ("restarted",)).rows()
    assert row == (1,)


def test_workers_that_come_and_go_under_a_master_are_no_restart(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    master, worker = app(1, 10, start_ticks=1), app(2, 20)
    night(runs, 20, host("web1", master, worker))
    assert story(night(runs, 21, host("web1", master, restarted(worker, 3)))) == []


def test_a_reboot_is_told_of_the_host_alone(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 20, host("web1", app(anon_mib=2000)))
    run = night(runs, 21, host("web1", restarted(app(), 5), boot_id="other"))
    assert story(run) == ["restarted host web1"]


def test_a_host_that_failed_hides_no_service(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 20, host("web1", app()), host("db1", app(service="db.service")), failed=["db2"])
    run = night(runs, 21, host("web1", app()), host("db2", app(service="db2.service")), failed=["db1"])
    assert story(run) == ["failed host db1", "recovered host db2"]
    assert [row[2:] for row in told(run, "stage", "reason")] == [("auth", "auth_rejected")] * 2
    after = night(runs, 22, host("web1", app()), host("db2", app(service="db2.service")), failed=["db1"])
    assert story(after) == []


def test_hosts_that_come_and_go(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 20, host("web1", app()), host("web2", app()))
    run = night(runs, 21, host("web1", app()), host("web3", app()))
    assert story(run) == ["appeared host web3", "went host web2"]


def test_services_and_processes_that_come_and_go(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    old, new = app(7, 200, service="old.service"), app(8, 300, service="new.service")
    night(runs, 20, host("web1", app(), old))
    run = night(runs, 21, host("web1", app(), new))
    assert story(run) == ["appeared service web1 new.service", "went service web1 old.service"]


def test_a_process_that_comes_or_goes_while_its_service_stays(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    one, more = app(service="pool.service"), app(7, 200, service="pool.service")
    night(runs, 20, host("web1", one), host("web2", one, more))
    run = night(runs, 21, host("web1", one, more), host("web2", one))
    assert story(run) == [
        "appeared process web1 pool.service heap_main",
        "went process web2 pool.service heap_main",
    ]


def test_small_ones_that_come_and_go_are_not_told(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 20, host("web1", app(), app(7, 15, service="old.service")))
    assert story(night(runs, 21, host("web1", app(), app(8, 15, service="new.service")))) == []


def test_shared_memory_that_is_only_mapped_now_is_no_growth(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 20, host("db1", app(rss_shmem_bytes=10 * MIB)))
    assert story(night(runs, 21, host("db1", app(rss_shmem_bytes=900 * MIB)))) == []
    more = MEMINFO | {"Shmem": MEMINFO["Shmem"] + 700 * MIB}
    run = night(runs, 22, host("db1", app(rss_shmem_bytes=1600 * MIB), meminfo_bytes=more))
    assert story(run) == [
        "grew process db1 api.service +700",
        "grew service db1 api.service +700",
        "grew host db1 shmem +700",
    ]


def test_a_process_reused_by_pid_is_another(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 20, host("web1", app()))
    again = replace(app(anon_mib=2000), start_ticks=9999, started_at_s=None)
    assert story(night(runs, 21, host("web1", again))) == ["restarted service web1 api.service"]


def test_a_service_that_did_not_come_back_after_a_reboot_went(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 20, host("web1", app(), app(7, service="old.service")))
    run = night(runs, 21, host("web1", restarted(app(), 5), boot_id="other"))
    assert story(run) == ["restarted host web1", "went service web1 old.service"]


def test_shared_memory_that_many_map_is_divided_among_them(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    backends = [app(pid, 50, service="db.service") for pid in range(1, 21)]
    night(runs, 20, host("db1", *backends))
    mapped = [replace(one, rss_shmem_bytes=1010 * MIB) for one in backends]
    more = MEMINFO | {"Shmem": MEMINFO["Shmem"] + 1000 * MIB}
    run = night(runs, 21, host("db1", *mapped, meminfo_bytes=more))
    assert story(run) == ["grew service db1 db.service +1000", "grew host db1 shmem +1000"]


def test_shared_memory_that_was_given_back(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 20, host("db1", app(rss_shmem_bytes=800 * MIB)))
    less = MEMINFO | {"Shmem": MEMINFO["Shmem"] - 500 * MIB}
    run = night(runs, 21, host("db1", app(rss_shmem_bytes=300 * MIB), meminfo_bytes=less))
    assert story(run)[0] == "shrank process db1 api.service -500"


def test_what_the_kernel_keeps_is_told_of_the_host_and_caches_are_not(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    then = MEMINFO | {"SUnreclaim": 300 * MIB}
    night(runs, 20, host("a", app(), meminfo_bytes=then), host("b", app(), meminfo_bytes=then))
    cache = then | {"Slab": MEMINFO["Slab"] + 900 * MIB, "Cached": 0}
    run = night(
        runs,
        21,
        host("a", app(), meminfo_bytes=then | {"SUnreclaim": 900 * MIB}),
        host("b", app(), meminfo_bytes=cache),
    )
    assert story(run) == ["grew host a slab +600"]


def test_logins_come_and_go(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    shell = app(9, 100, service="bash", unit="session-4.scope")
    night(runs, 20, host("a", app(), shell))
    assert (
        story(night(runs, 21, host("a", app(), replace(restarted(shell, 10), unit="session-5.scope")))) == []
    )


def test_memory_that_was_swapped_out_did_not_shrink(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 20, host("a", app(anon_mib=900)))
    assert story(night(runs, 21, host("a", app(anon_mib=200, swap_bytes=700 * MIB)))) == []
