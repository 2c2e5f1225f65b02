"""The installed commands, run as a person runs them."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

COMMAND_S = 600


def mapsweep(
    *arguments: str | Path, env: Mapping[str, str] | None = None, command: str = "mapsweep"
) -> subprocess.CompletedProcess[str]:
    """One command to its end, away from any settings of this account."""
    return subprocess.run(
        [Path(sys.executable).with_name(command), *arguments],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=COMMAND_S,
        check=False,
        cwd="/",
        env=environment(env),
    )


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This environment without settings for mapsweep, and without a terminal's."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MAPSWEEP_", "XDG_"))}
    return kept | {"HOME": "/nonexistent", "NO_COLOR": "1"} | dict(extra or {})
