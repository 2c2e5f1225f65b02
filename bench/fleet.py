"""`make bench-fleet`: a made fleet from its dumps to a closed and rendered run, beside earlier runs.

Each size is made and executed in processes of its own. What a browser makes of a page, bench.page measures.
"""

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import click
import psutil

from archive.run import CLOSED, PAGE
from archive.runs import Runs
from bench.fleet_make import PROCESSES, SEED
from bench.measure import Figure

SIZES: Final = (2_000, 10_000)
LARGEST: Final = SIZES[-1]
PAGES: Final = ((500, 600), (5_000, 5_000))  # hosts, and kB of a page of them at most
PROCESSES_OF_PAGES: Final = 12
CLASSIFYING: Final = 2  # processes that classify
SAMPLE_S: Final = 0.1
WALL_S, CLOSE_RENDER_CPU_S, PEAK_MB, PEAK_RATIO, PAGE_KB = 360.0, 60.0, 800.0, 1.2, 8_192.0
OUT: Final = Path(__file__).with_name("out") / "fleet.json"


@dataclass(frozen=True, slots=True)
class Step:
    """What a step of the way took."""

    wall_s: float
    cpu_s: float  # of all processes
    peak_mb: float  # of the main process, up to the end of the step


@dataclass(frozen=True, slots=True)
class Way:
    """What the way of a run took."""

    hosts: int
    classify: Step
    close: Step
    render: Step
    beside_peak_mb: float  # of the largest process beside
    page_bytes: int

    @property
    def peak_mb(self) -> float:
        """The largest resident size that any process had."""
        return max(self.render.peak_mb, self.beside_peak_mb)


def measured(hosts: int, processes: int, seed: int, folder: Path) -> Way:
    """Make a fleet in `folder`, execute its run; what it took. A run that is there is executed again.

    Of that, hosts that have a result are not classified again: it is closed and rendered.
    """
    run = opened_again(folder) or _made(hosts, processes, seed, folder)
    command = [sys.executable, "-m", "bench.fleet_way", str(run), str(CLASSIFYING)]
    peaks: dict[int, int] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as way:
        sampler = threading.Thread(target=_sample, args=(way.pid, peaks))
        sampler.start()
        said, _ = way.communicate()
        sampler.join()
    if way.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {way.returncode}")
    peaks.pop(way.pid, None)
    page_bytes = (run / "report" / PAGE).stat().st_size
    return Way(hosts, *_steps(said), max(peaks.values(), default=0) / 1e6, page_bytes)


def _made(hosts: int, processes: int, seed: int, folder: Path) -> Path:
    """The folder of the run that is to be executed."""
    make = [sys.executable, "-m", "bench.fleet_make", str(folder)]
    options = ["--hosts", str(hosts), "--processes", str(processes), "--seed", str(seed)]
    made = subprocess.run([*make, *options], check=True, stdout=subprocess.PIPE, text=True)
    return Path(made.stdout.strip())


def opened_again(folder: Path) -> Path | None:
    """The last run in a folder of runs, open, its results kept; None if there is none.

    ClickException if not all of its hosts have a dump or a failure: the others would be asked over SSH.
    """
    runs = Runs(str(folder))
    if not runs.ids():
        return None
    run = runs.by_id(runs.ids()[-1])
    dumped = run.dumped()
    if missing := [host.name for host in run.pending() if host.name not in dumped]:
        problem = f"{len(missing)} hosts have no dump, the first is {missing[0]}"
        raise click.ClickException(f"{run.url}: {problem}: remove the folder, and make the fleet again")
    path = Path(run.url)
    (path / CLOSED).unlink(missing_ok=True)
    return path


def _steps(said: str) -> tuple[Step, Step, Step]:
    """Classifying, closing and rendering, by the moments at which the process that did it was done."""
    classify, close, render = (
        Step(after[0] - before[0], after[1] - before[1], after[2] * 1024 / 1e6)
        for before, after in pairwise(json.loads(said).values())
    )
    return classify, close, render


def _sample(pid: int, peaks: dict[int, int]) -> None:
    """Keep the most that each process of a tree has held, until its root ends."""
    root = psutil.Process(pid)
    while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
        with suppress(psutil.NoSuchProcess):
            for each in (root, *root.children(recursive=True)):
                peaks[each.pid] = max(peaks.get(each.pid, 0), _high_bytes(each.pid))
        time.sleep(SAMPLE_S)


def _high_bytes(pid: int) -> int:
    """VmHWM of a process; 0 if it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def figures(seed: int) -> Iterator[Figure]:
    """The figures of all sizes."""
    peaks = {}
    for hosts in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            way = measured(hosts, PROCESSES, seed, Path(folder))
            peaks[hosts] = way.peak_mb
            yield from _of_way(way, is_bound=hosts == LARGEST)
    yield Figure("fleet_peak_ratio", peaks[LARGEST] / peaks[SIZES[0]], "ratio", PEAK_RATIO)
    for hosts, most_kb in PAGES:
        with tempfile.TemporaryDirectory() as folder:
            way = measured(hosts, PROCESSES_OF_PAGES, seed, Path(folder))
            yield Figure(f"page_{hosts}_hosts_kb", way.page_bytes / 1000, "kB", most_kb)


def _of_way(way: Way, *, is_bound: bool) -> Iterator[Figure]:
    """The figures of one size."""
    steps = {"classify": way.classify, "close": way.close, "render": way.render}
    wall_s = sum(step.wall_s for step in steps.values())

    def figure(name: str, value: float, unit: str, at_most: float | None = None) -> Figure:
        return Figure(f"fleet_{name}_{way.hosts}", value, unit, at_most if is_bound else None)

    yield figure("wall_s", wall_s, "s", WALL_S)
    yield figure("close_render_cpu_s", way.close.cpu_s + way.render.cpu_s, "s", CLOSE_RENDER_CPU_S)
    yield figure("peak_mb", way.peak_mb, "MB", PEAK_MB)
    yield figure("page_kb", way.page_bytes / 1000, "kB", PAGE_KB)
    for name, step in steps.items():
        yield figure(f"{name}_wall", step.wall_s, "s")
        yield figure(f"{name}_cpu", step.cpu_s / way.hosts * 1e3, "ms/host")
        yield figure(f"{name}_peak", step.peak_mb, "MB")
    yield figure("beside_peak", way.beside_peak_mb, "MB")


def _of_people(hosts: int, processes: int, seed: int, kept: Path | None) -> Iterator[Figure]:
    """One size, without bounds."""
    with tempfile.TemporaryDirectory() as folder:
        way = measured(hosts, processes, seed, kept or Path(folder))
        yield from _of_way(way, is_bound=False)


@click.command()
@click.option("--hosts", default=0, help="Only a fleet of so many hosts, without bounds.")
@click.option("--processes", default=PROCESSES, show_default=True, help="Of a host, with --hosts.")
@click.option("--seed", default=SEED, show_default=True)
@click.option(
    "--runs",
    type=click.Path(path_type=Path, file_okay=False),
    help="With --hosts: make the fleet in this folder and keep it; one that is there is closed again.",
)
def main(hosts: int, processes: int, seed: int, runs: Path | None) -> None:
    """Measure, print and keep; exit 1 if a bound is not met."""
    if runs and not hosts:
        raise click.UsageError("--runs keeps a fleet of one size: give --hosts N too")
    kept = {}
    for figure in _of_people(hosts, processes, seed, runs) if hosts else figures(seed):
        click.echo(figure.line())
        kept[figure.name] = {key: value for key, value in asdict(figure).items() if key != "name"}
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    missed = any(row["at_most"] is not None and row["value"] > row["at_most"] for row in kept.values())
    raise SystemExit(int(missed))


if __name__ == "__main__":
    main()
