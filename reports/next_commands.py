"""The commands that outputs tell their readers to run next."""

import shlex
from collections.abc import Sequence


def show(host: str, pid: int | None, run_id: str, flags: Sequence[str] = ()) -> str:
    """The command that shows a host of a run, or one of its processes; `flags` say where runs are kept."""
    target = host if pid is None else f"{host}/{pid}"
    options = ("--run", run_id, *flags)
    if target.startswith("-"):
        return shlex.join(("mapsweep", "show", *options, "--", target))
    return shlex.join(("mapsweep", "show", target, *options))
