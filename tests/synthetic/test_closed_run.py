"""Made fleets are what a closing writes, the same by seed, and have something of everything."""

from pathlib import Path

import polars as pl
import pytest

from archive.runs import Runs
from reports.columns.columns import HOSTS, PROCESSES, SERVICES
from reports.tables.settled import Settled
from tests.reports.fleet import peers, run_of, runs_in
from tests.synthetic.closed_run import Fleet, closed_run

TABLES = ("fleet", "hosts", "services", "processes", "footprints", "findings", "host_kinds", "process_kinds")


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Settled:
    return Settled(closed_run(Runs(str(tmp_path_factory.mktemp("runs"))), Fleet(300, 12)))


def test_the_tables_have_the_columns_of_any_closing(settled: Settled, tmp_path: Path) -> None:
    real = Settled(run_of(runs_in(tmp_path), *peers((1, 2, 3))))
    for name in TABLES:
        assert settled.table(name).schema == real.table(name).schema, name


def test_a_seed_gives_one_fleet(settled: Settled, tmp_path: Path) -> None:
    again = Settled(closed_run(Runs(str(tmp_path / "again")), Fleet(300, 12)))
    other = Settled(closed_run(Runs(str(tmp_path / "other")), Fleet(300, 12, seed=2)))
    for name in TABLES:
        assert settled.table(name).equals(again.table(name)), name
    assert not settled.table("processes").equals(other.table("processes").select(pl.all()))


def test_it_has_something_of_everything(settled: Settled) -> None:
    hosts, processes = settled.table("hosts"), settled.table("processes")
    assert set(hosts["status"]) == {"ok", "partial", "failed"}
    assert hosts.height == 300
    assert processes.height == 294 * 12
    assert set(processes["evidence"]) == {"maps", "smaps", "denied"}
    assert set(processes["restarted"]) == {"yes", "no"}
    assert set(processes["doubtful"]) == {"yes", "no", ""}
    assert set(settled.table("findings")["severity"]) == {"alarm", "warning", "info"}
    for declared, table in ((HOSTS, hosts), (SERVICES, settled.table("services")), (PROCESSES, processes)):
        empty = {column.name for column in declared if table[column.name].null_count() == table.height}
        assert empty <= {"native_heap_resident_bytes", "stacks_resident_bytes"} | {"java_heap_resident_bytes"}


def test_sizes_are_whole_pages_and_fit_into_each_other(settled: Settled) -> None:
    blocks = settled.table("footprints")
    assert (blocks["committed_bytes"] % 4096 == 0).all()
    assert (blocks["reserved_bytes"] >= blocks["committed_bytes"]).all()
    assert (blocks["committed_bytes"] >= blocks["resident_max_bytes"]).all()
    assert (settled.table("processes")["native_heap_resident_max_bytes"].drop_nulls() >= 0).all()


@pytest.mark.parametrize("fleet", [Fleet(0), Fleet(1, 1), Fleet(5, 3, failed=1.0), Fleet(2, 300, earlier=0)])
def test_odd_fleets_can_be_made(tmp_path: Path, fleet: Fleet) -> None:
    settled = Settled(closed_run(Runs(str(tmp_path)), fleet))
    assert settled.table("hosts").height == fleet.hosts
