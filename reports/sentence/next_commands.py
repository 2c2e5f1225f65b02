"""The commands that outputs tell their readers to run next."""

import shlex
from collections.abc import Sequence
from typing import Final

# Of outputs that are the same wherever a run is kept.
WHERE: Final = (
    "Type commands on a machine that has the runs; add --runs FOLDER (or URL) if its settings do not name "
    "the place where this run is kept."
)


def show(host: str, pid: int | None, run_id: str, flags: Sequence[str] = ()) -> str:
    """The command that shows a host of a run, or one of its processes; `flags` say where runs are kept."""
    target = host if pid is None else f"{host}/{pid}"
    options = ("--run", run_id, *flags)
    if target.startswith("-"):
        return shlex.join(("mapsweep", "show", *options, "--", target))
    return shlex.join(("mapsweep", "show", target, *options))


def top_of(service: str, run_id: str, flags: Sequence[str] = ()) -> str:
    """The command that ranks the processes of a service."""
    return shlex.join(("mapsweep", "top", f"--service={service}", "--run", run_id, *flags))


def all_rows(run_id: str, table: str) -> str:
    """The command that prints all rows of a table of a run."""
    return shlex.join(("mapsweep", "report", run_id, "--format", "csv", "--table", table))
