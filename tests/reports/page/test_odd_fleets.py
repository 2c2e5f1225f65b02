"""Fleets that are unlike any other still have a page."""

from pathlib import Path

import pytest

from archive.runs import Runs
from reports import report as reporting
from reports.page import page
from tests.reports.fleet import MIB, Answered, Block, Process, heap, run_of, runs_in, stacks
from tests.reports.page import decoder
from tests.synthetic.closed_run import Fleet, closed_run

NAMELESS = Process(1, service="", comm="", exe="", arguments="", blocks=(heap(MIB),))
UNKNOWN = Process(1, evidence="denied", rss_anon_bytes=None, start_ticks=None, started_at_s=None)
KINDS = Process(
    1, blocks=tuple(Block("anonymous", 4096 * size, block_bytes=4096 * size) for size in range(1, 3000))
)
HUGE = Process(1, rss_anon_bytes=2**52, blocks=(heap(2**52), stacks(32_000, 2**40)))


@pytest.mark.parametrize(
    "fleet",
    [Fleet(0, earlier=0), Fleet(3, failed=1.0, earlier=0), Fleet(1, 1, earlier=0), Fleet(2, 0, earlier=0)],
)
def test_without_hosts_or_processes_there_is_a_page(tmp_path: Path, fleet: Fleet) -> None:
    made = decoder.of_page(page.render(reporting.report(closed_run(Runs(str(tmp_path)), fleet))))
    assert made.rows["hosts"] == fleet.hosts
    assert made.facts["totals"]["sent"] == (0 if fleet.failed == 1 else fleet.hosts * fleet.processes)


@pytest.mark.parametrize("process", [NAMELESS, UNKNOWN, KINDS, HUGE])
def test_processes_unlike_any_other_are_in_the_page(tmp_path: Path, process: Process) -> None:
    run = run_of(runs_in(tmp_path), Answered("web1", (process,)))
    made = decoder.of_page(page.render(reporting.report(run)))
    assert made.tables["processes"]["pid"] == [1]
    native = sum(block.committed_bytes for block in process.blocks if block.kind == "heap_main")
    wanted = None if process.evidence == "denied" else native
    assert made.tables["hosts"]["native_heap_resident_max_bytes"] == [wanted]
