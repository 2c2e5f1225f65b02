"""Where processes are started: on this machine, or in the root directory of another release."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True, slots=True)
class Root:
    """A directory that commands take for /; /proc must be mounted in it."""

    path: Path

    @property
    def is_here(self) -> bool:
        return self.path == Path("/")

    def named(self, name: str) -> str:
        """The name of a group of processes, after the directory's where it is not /."""
        return name if self.is_here else f"{self.path.name} {name}"

    def command(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> list[str]:
        """What to start; the environment is set inside, lest chroot load the libraries that it names."""
        before = [] if self.is_here else ["chroot", str(self.path)]
        return [*before, "env", *(f"{name}={value}" for name, value in (environment or {}).items()), *command]

    def inside(self, path: Path) -> str:
        """A path below the root as its processes see it."""
        return str(Path("/") / path.relative_to(self.path))

    def outside(self, path: str) -> Path:
        """The same the other way round."""
        return self.path / path.lstrip("/")

    def which(self, *names: str) -> str | None:
        """The first of these programs that can be found inside."""
        found = (self._output("sh", "-c", 'command -v "$0"', name) for name in names)
        return next(filter(None, found), None)

    def libc(self) -> str:
        """Name and version, as in `glibc 2.36`."""
        return self._output("getconf", "GNU_LIBC_VERSION")

    def _output(self, *command: str) -> str:
        done = subprocess.run(self.command(command), check=False, capture_output=True, text=True)
        return done.stdout.strip()


HERE: Final = Root(Path("/"))
