from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from reports.closing.settle import HOSTS_A_PART
from reports.tables import kinds
from reports.tables.measures import PEERS_MIN
from reports.tables.settled import Settled
from tests.reports.fleet import (
    GIB,
    MEMINFO,
    MIB,
    Answered,
    Block,
    Process,
    footprints,
    heap,
    peers,
    run_of,
    runs_in,
    stacks,
)


@dataclass(frozen=True, slots=True)
class Tables:
    """What a run was settled into."""

    hosts: pl.DataFrame
    services: pl.DataFrame
    processes: pl.DataFrame


def frames(folder: Path, *answered: Answered) -> Tables:
    settled = Settled(run_of(runs_in(folder), *answered))
    return Tables(*(settled.table(name) for name in ("hosts", "services", "processes")))


def one(table: pl.DataFrame, **where: str | int) -> dict[str, int | str | None]:
    (row,) = table.filter(**where).iter_rows(named=True)
    return dict(row)


def test_the_families_of_a_process(tmp_path: Path) -> None:
    blocks = (
        heap(100 * MIB),
        Block("heap_arena", 50 * MIB, count=3, block_bytes=64 * MIB, reserved_bytes=192 * MIB),
        Block("heap_arena", 5 * MIB, count=1, block_bytes=32 * MIB, reserved_bytes=32 * MIB),
        Block("heap_mmap", 10 * MIB),
        Block("heap_allocator", 1 * MIB),
        stacks(20, 4 * MIB),
        Block("main_stack", MIB),
        Block("java_heap", GIB, reserved_bytes=4 * GIB),
        Block("anonymous", 7 * MIB),
        Block("file_code", 30 * MIB),
    )
    row = one(frames(tmp_path, Answered("web1", (Process(1, blocks=blocks),))).processes, pid=1)
    assert row["native_heap_committed_bytes"] == row["native_heap_resident_max_bytes"] == 166 * MIB
    assert row["native_heap_reserved_bytes"] == (100 + 192 + 32 + 10 + 1) * MIB
    assert row["native_heap_resident_bytes"] is None
    assert (row["stacks"], row["stacks_reserved_bytes"], row["stacks_committed_bytes"]) == (
        20,
        160 * MIB,
        4 * MIB,
    )
    assert row["java_heap_reserved_bytes"] == 4 * GIB
    assert (row["arena_heaps"], row["heap_arena_resident_max_bytes"]) == (4, 55 * MIB)
    assert row["unidentified_resident_max_bytes"] == 7 * MIB


def test_no_bound_is_above_what_the_process_has(tmp_path: Path) -> None:
    small = Process(1, blocks=(heap(3 * GIB), Block("heap_mmap", 3 * GIB)), rss_anon_bytes=2 * GIB)
    exact = Process(2, blocks=(heap(3 * GIB, resident=True),), rss_anon_bytes=2 * GIB)
    rows = frames(tmp_path, Answered("web1", (small, exact))).processes
    assert rows["native_heap_resident_max_bytes"].to_list() == [2 * GIB, 3 * GIB]
    assert rows["native_heap_committed_bytes"].to_list() == [6 * GIB, 3 * GIB]


def test_unknown_is_not_nothing(tmp_path: Path) -> None:
    denied = Process(1, evidence="denied", rss_anon_bytes=None)
    bare = Process(2, blocks=())
    rows = frames(tmp_path, Answered("web1", (denied, bare), denied=1)).processes
    assert rows["native_heap_resident_max_bytes"].to_list() == [None, 0]
    assert rows["stacks"].to_list() == [None, 0]


def test_a_host_adds_up_what_is_known_and_is_a_bound_as_soon_as_one_process_is(tmp_path: Path) -> None:
    exact = Process(1, blocks=(heap(10 * MIB, resident=True),))
    bound = Process(2, blocks=(heap(5 * MIB),))
    denied = Process(3, evidence="denied")
    made = frames(
        tmp_path, Answered("a", (exact, denied)), Answered("b", (exact, bound)), Answered("c", (denied,))
    )
    known = made.hosts.select("name", "native_heap_resident_max_bytes", "native_heap_resident_bytes").rows()
    assert known == [("a", 10 * MIB, 10 * MIB), ("b", 15 * MIB, None), ("c", None, None)]


def test_peers_from_five_members_on(tmp_path: Path) -> None:
    (tmp_path / "four").mkdir()
    few = frames(tmp_path / "four", *peers((100 * MIB,) * (PEERS_MIN - 2) + (GIB,)))
    assert few.processes["peer_excess_bytes"].to_list() == [None] * (PEERS_MIN - 1)
    assert few.services["bloated"].to_list() == [None]
    many = frames(tmp_path, *peers((90 * MIB, 100 * MIB, 100 * MIB, 110 * MIB, GIB)))
    assert many.processes["peer_excess_bytes"].to_list() == [0, 0, 0, 10 * MIB, GIB - 100 * MIB]
    service = one(many.services, service="api.service")
    assert (service["members"], service["hosts"], service["bloated"]) == (5, 5, 1)
    assert service["native_heap_median_bytes"] == 100 * MIB
    assert (service["native_heap_max_bytes"], service["largest_host"]) == (GIB, "web5")


def test_processes_of_no_service_have_no_peers(tmp_path: Path) -> None:
    loose = tuple(Process(pid, service="", blocks=(heap(pid * MIB),)) for pid in range(1, 7))
    made = frames(tmp_path, Answered("web1", loose))
    assert made.processes["peer_excess_bytes"].null_count() == 6
    assert made.services.is_empty()


def test_a_process_whose_start_is_unknown_still_finds_its_footprints(tmp_path: Path) -> None:
    made = frames(tmp_path, Answered("web1", (Process(1, blocks=(heap(MIB),), start_ticks=None),)))
    assert made.processes["native_heap_resident_max_bytes"].to_list() == [MIB]
    assert made.processes["start_ticks"].to_list() == [None]


def test_the_rows_of_a_process_may_stand_anywhere() -> None:
    blocks = (heap(GIB), stacks(3, MIB), Block("file_code", 7 * MIB))
    host = Answered("web1", (Process(1, blocks=blocks), Process(2, blocks=blocks)))
    table = footprints(host).select(pl.lit("web1").alias("host"), pl.all())
    limits = pl.DataFrame({"host": ["web1"] * 2, "pid": [1, 2], "rss_anon_bytes": [GIB // 2] * 2})
    mixed = table[[3, 0, 4, 1, 5, 2]]
    assert kinds.numbered(mixed)["_process"].n_unique() == 2
    summed = kinds.of_hosts(kinds.numbered(mixed), limits)
    assert_frame_equal(summed, kinds.of_hosts(kinds.numbered(table), limits))
    assert one(summed, kind="heap_main")["resident_max_bytes"] == GIB


@pytest.mark.parametrize("count", [HOSTS_A_PART - 1, HOSTS_A_PART, HOSTS_A_PART + 1])
def test_the_number_of_hosts_in_memory_changes_nothing(tmp_path: Path, count: int) -> None:
    made = frames(tmp_path, *peers((MIB,) * count))
    assert made.hosts.height == made.processes.height == count
    assert made.hosts["native_heap_resident_max_bytes"].sum() == count * MIB
    assert made.hosts["name"].is_sorted()


def test_a_run_in_which_nobody_answered(tmp_path: Path) -> None:
    made = frames(tmp_path)
    assert made.hosts.is_empty()
    assert made.services.is_empty()
    assert made.processes.is_empty()


def test_the_host_s_own_sum_and_what_is_left(tmp_path: Path) -> None:
    row = one(frames(tmp_path, Answered("web1", (Process(1),))).hosts, name="web1")
    assert row["cache_bytes"] == 8 * GIB
    assert row["remainder_bytes"] == 32 * GIB - (10 + 11 + 8 + 1 + 1) * GIB - 96 * MIB


def test_no_remainder_where_lines_are_missing(tmp_path: Path) -> None:
    little = {"MemTotal": MEMINFO["MemTotal"], "MemFree": MEMINFO["MemFree"]}
    row = one(frames(tmp_path, Answered("web1", (Process(1),), meminfo_bytes=little)).hosts, name="web1")
    assert (row["slab_bytes"], row["remainder_bytes"]) == (None, None)


@pytest.mark.parametrize(
    ("median_mib", "largest_mib", "bloated"),
    [(100, 200, 1), (100, 199, 0), (10, 74, 1), (10, 73, 0)],
)
def test_bloated_from_twice_the_median_and_64_mib_above_it_on(
    tmp_path: Path, median_mib: int, largest_mib: int, bloated: int
) -> None:
    made = frames(tmp_path, *peers((median_mib * MIB,) * 4 + (largest_mib * MIB,)))
    assert made.services["bloated"].to_list() == [bloated]
