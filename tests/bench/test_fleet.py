import re
import zlib
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from click import ClickException

from archive.runs import Runs
from bench.fleet import measured, opened_again
from bench.fleet_dumps import dump
from bench.fleet_make import make
from bench.fleet_plan import Fleet
from procmaps.classify import classify
from procmaps.footprint import footprints
from procmaps.kinds import Kind
from procmaps.read import read
from procmaps.tables import Snapshot
from reports.tables import settled
from reports.tables.settled import Settled
from workers.life.ending import close_run
from workers.life.host_steps import classify_host

NOW = datetime(2026, 11, 29, 1, 0, tzinfo=UTC)
HOSTS, PROCESSES = 40, 40


def fleet(seed: int = 1) -> Fleet:
    return Fleet(HOSTS, PROCESSES, seed, NOW.timestamp())


def sent(of: Fleet, number: int) -> tuple[bytes, bytes, bytes]:
    """The nonce and the two parts that a host of the fleet sends."""
    made = dump(of, of.plan(number))
    memory, identity = (zlib.decompress(part, wbits=31) for part in (made.memory_gz, made.identity_gz))
    return made.nonce.encode(), memory, identity


def snapshot(of: Fleet, number: int) -> Snapshot:
    nonce, memory, identity = sent(of, number)
    return read(memory, identity, nonce)


def whole(of: Fleet) -> list[int]:
    """Numbers of hosts that sent all."""
    return [number for number in range(HOSTS) if not of.plan(number).is_cut]


def test_a_seed_gives_the_same_fleet_again() -> None:
    assert fleet().homes == fleet().homes
    assert dump(fleet(), fleet().plan(3)) == dump(fleet(), fleet().plan(3))
    assert fleet().homes != fleet(2).homes
    assert sent(fleet(), 3)[1] != sent(fleet(2), 3)[1]


def test_no_two_processes_have_the_same_mappings() -> None:
    of = fleet()
    texts = [
        text
        for number in range(10)
        for nonce, memory, _ in [sent(of, number)]
        for text in re.findall(rb"%s maps \d+\n(.*?)\n\n" % nonce, memory, re.DOTALL)
    ]
    assert len(texts) > 10 * PROCESSES * 0.7
    assert len(set(texts)) == len(texts)


def test_hosts_differ_in_what_runs_on_them() -> None:
    of = fleet()
    plans = [of.plan(number) for number in range(HOSTS)]
    assert len({plan.home.name for plan in plans}) == HOSTS
    assert len({plan.boot_id for plan in plans}) == HOSTS
    assert len({plan.home.role.name for plan in plans}) > 2
    assert len({plan.release for plan in plans}) > 1
    assert len({tuple(plan.pid.tolist()) for plan in plans}) == HOSTS
    assert all(len(set(plan.pid.tolist())) == len(plan.pid) for plan in plans)
    assert all((plan.age_s > 0).all() for plan in plans)
    assert 0.8 * PROCESSES <= sum(len(plan.pid) for plan in plans) / HOSTS <= 1.2 * PROCESSES


def test_what_a_host_sends_is_whole_and_in_order() -> None:
    of = fleet()
    for number in whole(of)[:15]:
        read_back, plan = snapshot(of, number), of.plan(number)
        assert read_back.notes == ()
        assert read_back.counts.complete
        assert sorted(read_back.processes.pid.tolist()) == sorted(plan.pid.tolist())
        assert read_back.counts.denied == plan.is_denied.sum()
        assert not read_back.processes.trouble.any()
        maps = read_back.maps
        assert (maps.start < maps.end).all()
        same = maps.process[1:] == maps.process[:-1]
        assert (maps.end[:-1][same] <= maps.start[1:][same]).all()


def test_what_runs_on_a_host_is_recognised() -> None:
    committed = Counter[int]()
    of = fleet()
    for number in whole(of):
        read_back = snapshot(of, number)
        sums = footprints(read_back, classify(read_back))
        for kind, amount in zip(sums.kind.tolist(), sums.committed_bytes.tolist(), strict=True):
            committed[kind] += amount
    assert committed[Kind.ANONYMOUS] < 0.1 * committed.total()
    heaps = (Kind.HEAP_MAIN, Kind.HEAP_ARENA, Kind.THREAD_STACK, Kind.JAVA_HEAP)
    assert all(committed[kind] for kind in heaps)


@pytest.mark.slow
def test_the_run_is_compared_with_the_earlier_ones(tmp_path: Path) -> None:
    run = make(str(tmp_path), HOSTS, PROCESSES, seed=1, now=NOW)
    assert run.run_id == Runs(str(tmp_path)).latest()
    for host in sorted(run.standing().dumped):
        classify_host(run, host)
    assert run.pending() == ()
    closed = close_run(run)
    assert closed.failed + closed.partial < HOSTS / 4
    tables = Settled(run)
    assert tables.table(settled.FLEET)["past_runs"].item() == 14
    processes = tables.table(settled.PROCESSES)
    known = processes.filter(pl.col("growth_bytes").is_not_null())
    assert known.height > 0.6 * processes.height
    # most have not grown, as their heaps were the same; what was made is what the rules see
    assert (known["growth_bytes"] == 0).mean() > 0.6  # type: ignore[operator]
    assert (known["growth_bytes"] != 0).any()
    assert {"no", "yes", "new"} >= set(processes["restarted"].unique()) - {""}
    assert (processes["restarted"] == "yes").any()
    assert processes["own_excess_bytes"].count() > 0


@pytest.mark.slow
def test_the_way_of_a_small_fleet_is_measured(tmp_path: Path) -> None:
    way = measured(4, 6, 1, tmp_path)
    (run,) = (path.parent for path in tmp_path.glob("*/report"))
    assert way.page_bytes == (run / "report" / "index.html").stat().st_size
    assert all(step.wall_s > 0 and step.cpu_s > 0 for step in (way.classify, way.close, way.render))
    assert way.classify.peak_mb <= way.close.peak_mb <= way.render.peak_mb <= way.peak_mb
    assert way.beside_peak_mb > 10  # a Python with NumPy and Polars
    results = {path: path.stat().st_mtime_ns for path in run.glob("results/*/*.result")}
    assert measured(4, 6, 1, tmp_path).close.cpu_s > 0
    assert results == {path: path.stat().st_mtime_ns for path in run.glob("results/*/*.result")}


def test_a_fleet_that_was_not_made_whole_is_not_swept(tmp_path: Path) -> None:
    run = make(str(tmp_path), 4, 6, 1)
    next(Path(run.url, "dumps").iterdir()).unlink()
    with pytest.raises(ClickException, match="1 hosts have no dump"):
        opened_again(tmp_path)
