from dataclasses import replace
from pathlib import Path

import pytest

from domain.records import Stage
from procmaps.own_probe import RUNTIME
from reports import report as reporting
from reports.advice import MEMBERS_A_GROUP_MAX
from reports.report import Report
from reports.tables.severities import FINDINGS_A_HOST_MAX
from reports.tables.shown import PROCESSES_A_HOST_MAX, STACK_PROCESSES_A_HOST_MAX
from reports.views import top
from tests.reports.fleet import (
    GIB,
    MIB,
    Answered,
    Block,
    Process,
    failure,
    finding,
    heap,
    peers,
    rows_of,
    run_of,
    runs_in,
    shown_of,
    stacks,
)


def report(folder: Path, *answered: Answered, **more: tuple[object, ...]) -> Report:
    return reporting.report(run_of(runs_in(folder), *answered, **more))  # type: ignore[arg-type]


def test_by_native_heap_ties_by_name_and_the_failed_last(tmp_path: Path) -> None:
    hosts = [
        Answered(name, (Process(1, blocks=(heap(size * MIB),)),))
        for name, size in (("b", 5), ("c", 9), ("a", 5))
    ]
    denied = Answered("aa", (Process(1, evidence="denied"),), denied=1)
    made = report(tmp_path, *hosts, denied, failures=(failure("z"), failure("A")))
    assert [(row.rank, row.name, row.status) for row in made.hosts] == [
        (1, "c", "ok"),
        (2, "a", "ok"),
        (3, "b", "ok"),
        (None, "aa", "partial"),
        (None, "A", "failed"),
        (None, "z", "failed"),
    ]


def test_stacks_are_a_ranking_of_their_own(tmp_path: Path) -> None:
    made = report(
        tmp_path,
        Answered("heap", (Process(1, blocks=(heap(GIB), stacks(3, MIB))),)),
        # 2.4 GiB of reserved idle stacks do not outrank 30 MiB of used ones
        Answered("idle", (Process(1, blocks=(stacks(300, 2 * MIB),)),)),
        Answered("used", (Process(1, blocks=(stacks(30, 30 * MIB),)),)),
    )
    assert [row.name for row in made.hosts] == ["heap", "idle", "used"]
    assert [row.name for row in made.by_stacks] == ["used", "idle", "heap"]


def test_totals_are_the_sums_of_the_hosts(tmp_path: Path) -> None:
    exact = Answered(
        "a", (Process(1, blocks=(heap(3 * MIB, resident=True), stacks(2, MIB, resident_bytes=MIB))),)
    )
    bound = Answered("b", (Process(1, blocks=(heap(4 * MIB),)),))
    made = report(tmp_path, exact, bound, failures=(failure("c"),))
    assert made.totals.native_heap.resident_max_bytes == 7 * MIB
    assert made.totals.native_heap.resident_bytes is None
    assert made.totals.thread_stacks.resident_bytes == MIB  # b has no stacks, which is known
    assert (made.run.asked, made.run.ok, made.run.failed, made.totals.sent) == (3, 2, 1, 2)
    assert {row.kind: row.resident_max_bytes for row in made.totals.kinds} == {
        "heap_main": 7 * MIB,
        "thread_stack": MIB,
    }


def test_nobody_answered(tmp_path: Path) -> None:
    made = report(tmp_path, failures=(failure("a"), failure("b")))
    assert made.totals.native_heap.resident_max_bytes is None
    assert [row.rank for row in made.hosts] == [None, None]


def test_failures_by_reason_the_largest_group_first(tmp_path: Path) -> None:
    failures = (
        failure("b", Stage.TCP, "tcp_timeout"),
        failure("a"),
        failure("c"),
    )
    cut = Answered("d", (Process(1),), complete=False, problem="the stream ended early")
    made = report(tmp_path, cut, failures=failures)
    assert [(group.status, group.stage, group.reason, group.hosts) for group in made.failures] == [
        ("failed", "auth", "auth_rejected", ("a", "c")),
        ("failed", "tcp", "tcp_timeout", ("b",)),
        ("partial", "read", "cut_off", ("d",)),
    ]
    assert all(group.remedy for group in made.failures)


def test_the_largest_processes_are_shown_and_the_others_added_up(tmp_path: Path) -> None:
    small = [Process(pid, blocks=(heap(pid * MIB),)) for pid in range(1, PROCESSES_A_HOST_MAX + 6)]
    made = report(tmp_path, Answered("a", tuple(small)))
    (host,) = made.hosts
    assert [row["pid"] for row in shown_of(made, "a")] == list(range(PROCESSES_A_HOST_MAX + 5, 5, -1))
    assert (host.others, host.others_native_heap_bytes) == (5, (1 + 2 + 3 + 4 + 5) * MIB)
    assert made.tables.table("processes").height == len(small)


def test_a_process_with_large_stacks_is_shown_though_its_heap_is_small(tmp_path: Path) -> None:
    many = [Process(pid, blocks=(heap(pid * MIB),)) for pid in range(10, 10 + PROCESSES_A_HOST_MAX)]
    threads = [
        Process(pid, blocks=(heap(1), stacks(9, pid * MIB)))
        for pid in range(1, STACK_PROCESSES_A_HOST_MAX + 3)
    ]
    made = report(tmp_path, Answered("a", (*many, *threads)))
    shown = [row["pid"] for row in shown_of(made, "a")]
    assert len(shown) == PROCESSES_A_HOST_MAX
    assert shown[-STACK_PROCESSES_A_HOST_MAX:] == [3, 4, 5, 6, 7]
    assert shown[0] == 9 + PROCESSES_A_HOST_MAX


def test_processes_of_the_probe_are_counted_and_never_the_largest(tmp_path: Path) -> None:
    probe = Process(9, "sh", "dash -c", (heap(2 * MIB), stacks(1, MIB)), rss_anon_bytes=4 * MIB)
    probe = replace(probe, guessed_heap_bytes=MIB, runtime=RUNTIME)
    small = Process(1, blocks=(heap(MIB),), evidence="maps")
    denied = Process(2, evidence="denied")
    alike = replace(probe, pid=8, runtime="", blocks=(heap(3 * MIB), stacks(1, MIB)))
    made = report(
        tmp_path,
        Answered("alike", (probe, small, alike)),
        Answered("alone", (probe, denied)),
        Answered("beside", (probe, small)),
    )
    told = {row.name: (row.largest, row.largest_pid, row.most_stacks, row.most_guessed) for row in made.hosts}
    assert told == {
        "alike": ("sh (8)", 8, "sh (8)", "sh (8)"),
        "alone": ("", 2, "", ""),
        "beside": ("java (1)", 1, "", ""),
    }
    heaps = {row.name: row.native_heap_resident_max_bytes for row in made.hosts}
    assert heaps == {"alike": 6 * MIB, "alone": 2 * MIB, "beside": 3 * MIB}
    assert [row["pid"] for row in shown_of(made, "alike")] == [8, 1, 9]


def test_the_kinds_of_a_process_and_of_its_host(tmp_path: Path) -> None:
    blocks = (
        stacks(2, 2 * MIB),
        Block("thread_stack", MIB, count=1, block_bytes=MIB),
        heap(5 * GIB),
    )
    made = report(tmp_path, Answered("a", (Process(1, blocks=blocks, rss_anon_bytes=3 * GIB),)))
    assert [
        (row["kind"], row["block_bytes"], row["count"]) for row in rows_of(made, "process_kinds", "a")
    ] == [
        ("heap_main", 0, 1),
        ("thread_stack", 8 * MIB, 2),
        ("thread_stack", MIB, 1),
    ]
    assert [
        (row["kind"], row["count"], row["resident_max_bytes"]) for row in rows_of(made, "host_kinds", "a")
    ] == [
        ("heap_main", 1, 3 * GIB),
        ("thread_stack", 3, 3 * MIB),
    ]


def test_bloat_of_a_host_is_the_sum_over_its_services(tmp_path: Path) -> None:
    even = peers((100 * MIB,) * 5)
    bloated = replace(even[0], processes=(replace(even[0].processes[0], blocks=(heap(GIB),)),))
    made = report(tmp_path, bloated, *even[1:])
    assert made.hosts[0].bloat_bytes == GIB - 100 * MIB
    assert made.hosts[1].bloat_bytes == 0
    assert made.services[0].bloated == 1


def test_findings_are_shown_the_gravest_first_and_then_by_rank(tmp_path: Path) -> None:
    small = Answered(
        "a", (Process(1, blocks=(heap(MIB),)),), findings=(finding(1, "alarm"), finding(1, "info"))
    )
    large = Answered("b", (Process(1, blocks=(heap(GIB),)),), findings=(finding(1),))
    other = Answered("c", (Process(1, blocks=(heap(2 * MIB),)),), findings=(finding(1),))
    made = report(tmp_path, small, large, other)
    assert [(group.severity, [each.host for each in group.members]) for group in made.advice] == [
        ("alarm", ["a"]),
        ("warning", ["b", "c"]),
    ]
    assert [row["severity"] for row in rows_of(made, "findings", "a")] == ["alarm", "info"]


def test_all_findings_are_kept_and_the_gravest_of_a_host_are_shown(tmp_path: Path) -> None:
    many = tuple(finding(1, "warning", f"{number:03}") for number in range(FINDINGS_A_HOST_MAX + 1))
    made = report(tmp_path, Answered("a", (Process(1),), findings=many))
    assert len(rows_of(made, "findings", "a")) == FINDINGS_A_HOST_MAX + 1
    assert len(made.advice) == FINDINGS_A_HOST_MAX + 1


def test_an_advice_names_a_few_processes_and_counts_all(tmp_path: Path) -> None:
    hosts = [Answered(f"{number}", (Process(1),), findings=(finding(1),)) for number in range(9)]
    (group,) = report(tmp_path, *hosts).advice
    assert [each.host for each in group.members] == [f"{number}" for number in range(MEMBERS_A_GROUP_MAX)]
    assert group.count == 9


@pytest.mark.parametrize("hosts_a_part", [1, 2, 7])
def test_groups_and_rankings_do_not_depend_on_the_parts(tmp_path: Path, hosts_a_part: int) -> None:
    hosts = [
        Answered(
            f"{number}",
            tuple(
                Process(pid, blocks=(heap((pid * 7 + number) % 5 * MIB), stacks(pid, MIB))) for pid in (1, 2)
            ),
            findings=(
                finding(1, "alarm" if number % 3 else "warning", f"{number % 2}"),
                *((finding(2),) if number % 4 else ()),
                finding(2, "info"),
            ),
        )
        for number in range(8)
    ]
    whole = reporting.report(run_of(runs_in(tmp_path / "whole"), *hosts))
    parted = reporting.report(run_of(runs_in(tmp_path / "parted"), *hosts, hosts_a_part=hosts_a_part))
    assert parted.advice == whole.advice
    counts = [(group.severity, group.count) for group in whole.advice]
    assert counts == sorted(counts, key=lambda each: each[0])
    assert sorted(counts) == [("alarm", 2), ("alarm", 3), ("warning", 1), ("warning", 2), ("warning", 6)]
    assert list(parted.hosts) == list(whole.hosts)
    ours, theirs = (
        [(table, by, one.of, one.rows.rows()) for table, tops in made.items() for by, one in tops.items()]
        for made in (top.rankings(parted), top.rankings(whole))
    )
    assert ours == theirs
