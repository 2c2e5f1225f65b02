"""A visit of the doctor, and what it said of one thing."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tests.mapsweep.conftest import Here

Checks: TypeAlias = list[dict[str, Any]]
COMMAND_S = 600


@dataclass(frozen=True, slots=True)
class Visit:
    """The exit code and the document of one visit."""

    code: int
    document: dict[str, Any]

    @property
    def checks(self) -> Checks:
        return [*self.document["machine"], *self.document["hosts"]]

    def named(self, name: str) -> Checks:
        return [check for check in self.checks if check["name"] == name]

    def one(self, name: str) -> dict[str, Any]:
        (check,) = self.named(name)
        return check

    def level(self, name: str) -> str:
        return str(self.one(name)["level"])

    def failed(self) -> dict[str, str]:
        """What failed, by the first word of its text: the reason, for hosts."""
        return {
            check["text"].split(":")[0]: check["name"] for check in self.checks if check["level"] == "FAIL"
        }

    def not_ok(self) -> list[tuple[str, str]]:
        return [(check["name"], check["text"]) for check in self.checks if check["level"] != "OK"]


def visit(here: Here, *arguments: str | Path) -> Visit:
    """One visit in this process."""
    ended = here("doctor", "--json", *arguments)
    assert ended.out, ended.err
    return Visit(ended.code, json.loads(ended.out))


def applied(command: str, tools: Path | None = None, **more: str) -> str:
    """A command that the doctor printed, executed by a shell as it was printed; what it says.

    Programs in the folder `tools` come first; `more` is added to the environment.
    """
    before = f"{tools}:" if tools else ""
    path = f"{before}{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = os.environ | {"PATH": path} | more
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, timeout=COMMAND_S, check=False, env=env
    )
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout
