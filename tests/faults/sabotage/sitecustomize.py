"""Python imports this at its start where it lies on PYTHONPATH: the files in FAULTS say what is broken.

    hold-classify  a process that begins to classify a dump waits until the file is gone
    hold-render    likewise one that begins to render a page
    hold-queue     likewise one that is about to give a run to the workers
    kill-classify  names of hosts; a process that begins to classify one of them is killed
    kill-pool      likewise, with the worker's process that had it classified
    fail-render    rendering a page raises an error
    slow-fsync     seconds that each fsync takes

`classified`, `rendered` and `queued` get a line for each time.
"""

import importlib.abc
import importlib.machinery
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

FAULTS = Path(os.environ["FAULTS"])
HELD_S_MAX = 300
POLL_S = 0.05


def told(name: str) -> str | None:
    """What a file says; None unless it is there."""
    try:
        return (FAULTS / name).read_text()
    except FileNotFoundError:
        return None


def note(name: str, line: str) -> None:
    """Add a line, whoever else does."""
    with (FAULTS / name).open("a") as file:
        file.write(f"{line}\n")


def hold(name: str) -> None:
    """Wait while a file is there."""
    until = time.monotonic() + HELD_S_MAX
    while told(name) is not None and time.monotonic() < until:
        time.sleep(POLL_S)


def kill_pool() -> None:
    """Kill the worker's process whose forkserver has started this one."""
    with open(f"/proc/{os.getppid()}/stat", "rb") as stat:  # noqa: PTH123 # the server's own parent
        os.kill(int(stat.read().rpartition(b")")[2].split()[1]), signal.SIGKILL)
    time.sleep(HELD_S_MAX)


def in_classify(module: ModuleType) -> None:
    classify = module.classify

    def sabotaged(snapshot: Any, *more: Any, **options: Any) -> Any:
        names = [bytes(name).rstrip(b"\0").decode() for name in snapshot.processes.comm]
        note("classified", names[0])
        hold("hold-classify")
        if set((told("kill-classify") or "").split()) & set(names):
            os.kill(os.getpid(), signal.SIGKILL)
        if set((told("kill-pool") or "").split()) & set(names):
            kill_pool()
        return classify(snapshot, *more, **options)

    module.classify = sabotaged  # type: ignore[attr-defined]


def in_render(module: ModuleType) -> None:
    render = module.render

    def sabotaged(*given: Any, **options: Any) -> Any:
        note("rendered", str(os.getpid()))
        hold("hold-render")
        if told("fail-render") is not None:
            raise KeyError("fail-render")
        return render(*given, **options)

    module.render = sabotaged  # type: ignore[attr-defined]


def in_runs(module: ModuleType) -> None:
    queue = module.Runs.queue

    def sabotaged(self: Any, run_id: str) -> None:
        note("queued", run_id)
        hold("hold-queue")
        queue(self, run_id)

    module.Runs.queue = sabotaged


class Saboteur(importlib.abc.MetaPathFinder):
    """Changes a module as soon as it is imported."""

    changes: dict[str, Callable[[ModuleType], None]] = {  # noqa: RUF012 # never written
        "procmaps.classify": in_classify,
        "reports.page.page": in_render,
        "archive.runs": in_runs,
    }

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        change = self.changes.get(name)
        if change is None:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                spec.loader = Changed(spec.loader, change)
                return spec
        return None


class Changed(importlib.abc.Loader):
    """A loader after which the module is changed."""

    def __init__(self, loader: Any, change: Callable[[ModuleType], None]) -> None:
        self._loader, self._change = loader, change

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        self._change(module)


def slow(fsync: Callable[[Any], None]) -> Callable[[Any], None]:
    """An fsync that takes as long as `slow-fsync` says."""

    def sabotaged(descriptor: Any) -> None:
        time.sleep(float(told("slow-fsync") or 0))
        fsync(descriptor)

    return sabotaged


def sleep(seconds: float) -> None:
    """Sleep, where libfaketime is loaded: it refuses clock_nanosleep() by a clock that it leaves alone."""
    select.select((), (), (), seconds)


if "faketime" in os.environ.get("LD_PRELOAD", ""):
    time.sleep = sleep  # type: ignore[assignment]
sys.meta_path.insert(0, Saboteur())
os.fsync = slow(os.fsync)  # type: ignore[assignment]
os.fdatasync = slow(os.fdatasync)  # type: ignore[assignment]
