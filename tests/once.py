"""What is made once a session, whichever of its processes asks for it first."""

import fcntl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Once:
    """The folders that all processes of a session share."""

    place: Path
    factory: pytest.TempPathFactory

    def folder(self, name: str, make: Callable[[Path], object]) -> Path:
        """A folder that `make` filled, given a folder of another name. Nobody may write in it afterwards.

        The process that asks first makes it, while the others wait. If that fails or is killed, the next one
        that asks tries again.
        """
        folder = self.place / name
        with (self.place / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                made = self.factory.mktemp(name)
                make(made)
                made.rename(folder)
        return folder
