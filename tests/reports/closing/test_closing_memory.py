"""The peak of resident memory of a closing, earlier runs included, does not follow the number of hosts."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from archive import codec
from archive.results import Result
from archive.run import MANIFEST, Run
from archive.runs import Runs
from domain.records import Host
from reports.closing.settle import settle
from tests.reports.fleet import CLOSED_AT, MIB, Answered, Process, heap, result, run_of, runs_in, stacks

FEW, MANY, A_PART = 100, 1000, 25
PROCESSES = 120
PEAK_RATIO_MAX = 1.2  # of all memory of a process, of which the interpreter and Polars have a part

pytestmark = pytest.mark.slow

_CLOSE = """
import sys
from archive.runs import Runs
from reports.closing.settle import settle
runs = Runs(sys.argv[1])
run = runs.open("latest")
closed = settle(run, runs, run.manifest.started_at, hosts_a_part=int(sys.argv[2]))
lines = open("/proc/self/status").read().splitlines()
print(closed.asked, next(line.split()[1] for line in lines if line.startswith("VmHWM")))
"""


def crowd(hosts: int) -> Iterator[Result]:
    """Hosts with as many processes as usual, whose texts are not the same anywhere."""
    for number in range(hosts):
        processes = tuple(
            Process(
                pid,
                service=f"s{pid % 50}.service",
                blocks=(heap((pid + number) * MIB), stacks(9, MIB)),
                arguments=f"--of {number}/{pid} " + "abcdefgh" * 8,
            )
            for pid in range(PROCESSES)
        )
        yield result(Answered(f"h{number:05}", processes))


def closing_peak_kib(folder: Path, hosts: int) -> int:
    """Of a process that closes the second of two runs of so many hosts."""
    runs = runs_in(folder)
    run = run_of(runs, close=False)
    manifest = replace(run.manifest, hosts=tuple(Host(f"h{number:05}", "") for number in range(hosts)))
    Path(run.url, MANIFEST).write_bytes(codec.encode(manifest))
    run = runs.open(run.run_id)
    for answer in crowd(hosts):
        run.write_result(answer)
    after(runs, run)
    command = [sys.executable, "-c", _CLOSE, str(folder), str(A_PART)]
    asked, peak_kib = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert int(asked) == hosts
    return int(peak_kib)


def after(runs: Runs, run: Run) -> None:
    """Close the run, and have another of a day later with the same results."""
    later = f"20261123{run.run_id[8:]}"
    copytree(run.url, Path(run.url).with_name(later))
    text = codec.encode(replace(run.manifest, run_id=later, started_at="2026-11-23T05:00:00Z"))
    Path(runs.store.place(later), MANIFEST).write_bytes(text)
    run.close(settle(run, runs, CLOSED_AT, hosts_a_part=A_PART))


def test_ten_times_the_hosts_take_no_more_memory(tmp_path: Path) -> None:
    few, many = (closing_peak_kib(tmp_path / str(hosts), hosts) for hosts in (FEW, MANY))
    assert many <= PEAK_RATIO_MAX * few, f"{few} KiB for {FEW} hosts, {many} KiB for {MANY}"
