"""Tables of closed runs: footprints made from results, columns, and rows that are asked for."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from archive import tables
from archive.folder import Folder
from archive.run import Run
from domain.mistakes import OperatorError
from reports.closing.settle import settle
from reports.tables.settled import FOOTPRINTS, HOSTS, PROCESSES, Settled
from tests.reports.fleet import (
    CLOSED_AT,
    MIB,
    RULES,
    Answered,
    Process,
    failure,
    footprints,
    heap,
    run_of,
    runs_in,
    stacks,
)

FLEET = tuple(
    Answered(f"h{place}", (Process(1, blocks=(heap(place * MIB), stacks(2, MIB))), Process(2, blocks=())))
    for place in range(5)
)


def test_footprints_are_made_from_the_results_of_the_hosts_of_a_part(tmp_path: Path) -> None:
    run = run_of(runs_in(tmp_path), *FLEET, failures=(failure("h31"),), hosts_a_part=2)
    assert not list(Path(run.url, "settled", RULES).glob("footprints-*"))
    parts = list(Settled(run).parts(FOOTPRINTS))
    assert [sorted(set(part["host"])) for part in parts] == [["h0", "h1"], ["h2", "h3"], ["h4"]]
    rows = pl.concat(footprints(host).with_columns(pl.lit(host.name).alias("host")) for host in FLEET)
    found = pl.concat(parts)
    assert_frame_equal(found.select(rows.columns), rows)
    assert found["run"].unique().to_list() == [run.run_id]
    assert found.select("scope", "kind", "family").unique().sort("kind").rows() == [
        ("prod", "heap_main", "native_heap"),
        ("prod", "thread_stack", "stack"),
    ]


def test_footprints_of_an_older_run_are_those_that_it_kept(tmp_path: Path) -> None:
    run = run_of(runs_in(tmp_path), *FLEET)
    made = Settled(run).table(FOOTPRINTS)
    run.write_settled(FOOTPRINTS, 0, tables.to_parquet(made.drop("scope").head(3)))
    for path in Path(run.url, "results", RULES).iterdir():
        path.unlink()
    assert_frame_equal(Settled(run).table(FOOTPRINTS, ("kind", "host")), made.select("kind", "host").head(3))


def test_a_result_that_is_gone_is_named_with_the_remedy(tmp_path: Path) -> None:
    run = run_of(runs_in(tmp_path), *FLEET)
    path = Path(run.url, "results", RULES, "h3.result")
    path.unlink()
    with pytest.raises(OperatorError, match=f"{path}: is gone .*mapsweep reclassify {run.url}"):
        Settled(run).table(FOOTPRINTS)


def test_of_a_run_so_far_the_footprints_lie_with_its_tables(tmp_path: Path) -> None:
    runs = runs_in(tmp_path / "runs")
    run = run_of(runs, *FLEET, close=False)
    folder = tmp_path / run.run_id
    folder.mkdir()
    shown = Run(Folder(str(folder)), run.manifest)
    shown.close(settle(run, runs, CLOSED_AT, into=shown))
    whole = Run(Folder(str(copytree(run.url, tmp_path / "copy" / run.run_id))), run.manifest)
    whole.close(settle(whole, runs, CLOSED_AT))
    assert_frame_equal(Settled(shown).table(FOOTPRINTS), Settled(whole).table(FOOTPRINTS))


def test_columns_and_rows_that_are_asked_for(tmp_path: Path) -> None:
    tables_ = Settled(run_of(runs_in(tmp_path), *FLEET, hosts_a_part=2))
    of_one = pl.col("pid") == 1
    parts = list(tables_.parts(PROCESSES, ("comm", "host"), of_one & (pl.col("host") > "h1")))
    assert [part.rows() for part in parts] == [[], [("java", "h2"), ("java", "h3")], [("java", "h4")]]
    whole = tables_.table(PROCESSES, where=of_one)
    assert whole.height == len(FLEET)
    assert whole.columns == tables_.table(PROCESSES).columns


def test_a_column_that_an_older_mapsweep_did_not_know_is_empty_and_can_be_asked_about(tmp_path: Path) -> None:
    run = run_of(runs_in(tmp_path), *(replace(one, labels=(("owner", "x"),)) for one in FLEET))
    run.write_settled(HOSTS, 0, tables.to_parquet(Settled(run).table(HOSTS).drop("labels", "cores")))
    older = Settled(run)
    assert older.table(HOSTS, ("labels", "cores", "name")).row(0) == ("", None, "h0")
    assert older.table(HOSTS, ("name",), pl.col("cores").is_null()).height == len(FLEET)
