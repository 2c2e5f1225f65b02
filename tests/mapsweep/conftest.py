"""A fleet that needs no SSH: hosts that are recorded /proc trees on this machine."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from mapsweep.cli import invoke, mapsweep
from mapsweep.terminal import debugging
from mapsweep.terminal.exits import code_of
from tests.mapsweep.process_view.test_classify import MAPS, STAT, STATUS


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """An inventory of two hosts that answer and one whose /proc is not there."""
    for name in ("web-01", "web-02"):
        folder = tmp_path / name / "proc/4711"
        folder.mkdir(parents=True)
        (folder / "maps").write_bytes(MAPS)
        (folder / "status").write_bytes(STATUS)
        (folder / "stat").write_bytes(STAT)
        (folder / "cmdline").write_bytes(b"/usr/bin/svc\0--password=hunter2\0")
        (folder / "comm").write_bytes(b"svc\n")
    hosts = "".join(
        f"    {name}: {{mapsweep_root: {tmp_path / name}}}\n" for name in ("web-01", "web-02", "gone-01")
    )
    inventory = tmp_path / "fleet.yaml"
    labels = "{zone: <b>eu-1, owner: web}"
    inventory.write_text(
        f"all:\n  vars:\n    ansible_connection: local\n    mapsweep_labels: {labels}\n  hosts:\n{hosts}"
    )
    return inventory


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str


Here: TypeAlias = Callable[..., Ended]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Here:
    """Runs a command in this process, with the shell that a console script has around it."""
    for name in [name for name in os.environ if name.startswith("MAPSWEEP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "nothing"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Ended:
        capfdbinary.readouterr()
        code = code_of(lambda: invoke(mapsweep, "mapsweep", [*map(str, arguments)]))
        debugging.stop()  # the next one is no service
        out, err = capfdbinary.readouterr()
        return Ended(code, out.decode(), err.decode())

    return run
