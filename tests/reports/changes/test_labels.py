"""An earlier run with other rules: its dumps are labelled anew in memory, as far as they are there."""

import gzip
import re
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import pytest

from archive.results import Result
from archive.run import Run
from archive.runs import Runs
from domain.records import Dump, Host, Limits, Manifest, Scope
from procmaps.classify import RULES_VERSION
from reports import report as reporting
from reports.changes import labels
from reports.closing.settle import settle
from reports.tables import settled
from reports.tables.settled import Settled
from tests.age_keys import age_key
from tests.archive import examples
from tests.reports.changes.nights import ID, folder, told
from tests.reports.fleet import CLOSED_AT, MIB
from workers.life.host_steps import make_result

OLD = "2025.01"


def dumped(name: str, heap_mib: int) -> Dump:
    """A dump of one process with a heap of about this size."""
    dump = examples.dump(name, processes=1, seed=heap_mib)
    text = re.sub(
        rb"(VmRSS|RssAnon):\t *\d+", rb"\1:\t%d" % (heap_mib * 1024), gzip.decompress(dump.memory_gz)
    )
    return replace(dump, memory=gzip.compress(text))


def night(runs: Runs, number: int, rules_version: str, *dumps: Dump) -> Run:
    """A closed run of these dumps, with results that say that these rules made them."""
    run = runs.create(
        Manifest(
            run_id=ID.format(number),
            scope=Scope("prod", "prod-*"),
            limits=Limits(),
            hosts=tuple(Host(dump.host, "127.0.0.1") for dump in dumps),
            started_at=f"2026-11-{number:02d}T05:00:00Z",
            deadline_at="2026-11-30T06:00:00Z",
            tool_version="0.1.0",
            rules_version=rules_version,
        )
    )
    for dump in dumps:
        run.write_dump(dump)
        result = make_result(run, dump.host)
        assert isinstance(result, Result)
        run.write_result(replace(result, record=replace(result.record, rules_version=rules_version)))
    run.close(settle(run, runs, CLOSED_AT))
    return run


def native_growth(run: Run) -> int | None:
    growth: int | None = Settled(run).table(settled.FLEET)["growth_bytes"].item()
    return growth


def test_dumps_of_other_rules_are_labelled_anew_and_nothing_is_written(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    earlier = night(runs, 20, OLD, dumped("web1", 100))
    before = {path: path.stat().st_mtime_ns for path in Path(earlier.url).rglob("*")}
    run = night(runs, 21, RULES_VERSION, dumped("web1", 800))
    (row, *_) = told(run, "change_bytes", "kind", "kind_before_bytes")
    assert row == ("grew", "process", 700 * MIB, "heap_main", 100 * MIB)
    assert native_growth(run) == 700 * MIB
    assert reporting.report(run).run.rests_on == ""
    assert before == {path: path.stat().st_mtime_ns for path in Path(earlier.url).rglob("*")}


def test_without_dumps_the_size_is_told_and_what_is_missing_is_said(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    earlier = night(runs, 20, OLD, dumped("web1", 100), dumped("web2", 100))
    rmtree(Path(earlier.url, "dumps"))
    run = night(runs, 21, RULES_VERSION, dumped("web1", 800), dumped("web2", 100))
    (row, *_) = told(run, "change_bytes", "kind")
    assert row == ("grew", "process", 700 * MIB, "")
    assert native_growth(run) is None
    assert "labelled anew for 0 of 2 hosts" in reporting.report(run).run.rests_on


def test_a_dump_that_is_damaged_is_left_out(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    earlier = night(runs, 20, OLD, dumped("web1", 100), dumped("web2", 100))
    Path(earlier.url, "dumps", "web1.dump").write_bytes(b"no dump")
    run = night(runs, 21, RULES_VERSION, dumped("web1", 800), dumped("web2", 100))
    assert told(run, "kind")[0] == ("grew", "process", "")
    assert "labelled anew for 1 of 2 hosts" in reporting.report(run).run.rests_on
    assert native_growth(run) == 0


@pytest.mark.parametrize(("more", "of"), [(-1, 0), (0, 1)])
def test_dumps_beyond_the_bound_are_not_all_labelled_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: int, of: int
) -> None:
    runs = folder(tmp_path)
    earlier = night(runs, 20, OLD, dumped("web1", 100))
    monkeypatch.setattr(labels, "RELABELLED_DUMPS_BYTES_MAX", earlier.dumps_bytes() + more)
    run = night(runs, 21, RULES_VERSION, dumped("web1", 100))
    assert reporting.report(run).run.rests_on.count("for 0 of 1 hosts") == 1 - of


def test_a_run_by_other_rules_than_those_at_hand_is_not_labelled_anew(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    night(runs, 20, OLD, dumped("web1", 100))
    run = night(runs, 21, "2025.02", dumped("web1", 800))
    assert native_growth(run) is None
    assert told(run, "change_bytes")[0] == ("grew", "process", 700 * MIB)


def test_dumps_that_are_encrypted_are_labelled_anew_with_the_private_key_and_else_told(
    tmp_path: Path,
) -> None:
    without, key = folder(tmp_path), age_key(tmp_path)
    reads = Runs(without.store.url, dump_keys=key.keys)
    night(reads, 20, OLD, dumped("web1", 100), dumped("web2", 100))
    run = night(without, 21, RULES_VERSION, dumped("web1", 800), dumped("web2", 100))
    said = "labelled anew for 0 of 2 hosts (the dump is encrypted: set dump_identity_file); of the others"
    assert said in reporting.report(run).run.rests_on
    assert native_growth(run) is None
    without.store.remove_tree(run.run_id)
    run = night(reads, 21, RULES_VERSION, dumped("web1", 800), dumped("web2", 100))
    assert reporting.report(run).run.rests_on == ""
    assert native_growth(run) == 700 * MIB
