"""What `mapsweep diff` is asked for: two runs, two hosts or processes, or a process and its peers."""

from dataclasses import dataclass, replace

from archive.run import Run
from archive.run_names import LATEST
from archive.runs import Runs
from domain.mistakes import Mistake, OperatorError
from reports.tables import settled
from reports.tables.settled import Settled


@dataclass(frozen=True, slots=True)
class TwoRuns:
    """Two runs, the earlier one first; or, with `host`, a host or a process in both."""

    before: Run
    now: Run
    host: str = ""


@dataclass(frozen=True, slots=True)
class OneRun:
    """Two hosts or processes of a run; without `second` a process and its peers."""

    run: Run
    first: str
    second: str = ""


def asked(
    runs: Runs, names: tuple[str, ...], *, run: str | None, host: str, with_peers: bool
) -> TwoRuns | OneRun:
    """What is meant by the names that were typed. OperatorError if that cannot be said.

    With `run` they are hosts or processes of it. Without it, they are runs if there are such runs.
    """
    if with_peers:
        (process,) = names
        return OneRun(runs.open(run or LATEST), process)
    if run is not None:
        return OneRun(runs.open(run), *names)
    if len(names) == 2 and not any(_is_run(runs, name) for name in names) and not host:
        return OneRun(runs.open(LATEST), *names)
    if len(names) == 1 and not _is_run(runs, names[0]):
        remedy = "two hosts: mapsweep diff HOST HOST; a process and its peers: mapsweep diff HOST/PID --peers"
        raise OperatorError(replace(runs.unknown(names[0]), remedy=remedy))
    before, now = _two_runs(runs, names)
    if before.run_id == now.run_id:
        raise OperatorError(Mistake(now.run_id, "is both runs", "name two runs"))
    if before.manifest.started_at > now.manifest.started_at:
        before, now = now, before
    return TwoRuns(before, now, host)


def _is_run(runs: Runs, name: str) -> bool:
    """Whether a name is that of a run here, or a path or URL of one."""
    run_id = runs.named(name)
    return run_id is not None or "://" in name or name.startswith(("/", "./", "~/"))


def _two_runs(runs: Runs, names: tuple[str, ...]) -> tuple[Run, Run]:
    """Without names the last run and the one it was compared with; with one, that run and the last."""
    if len(names) == 2:
        return runs.open(names[0]), runs.open(names[1])
    now = runs.open(LATEST)
    if names:
        return runs.open(names[0]), now
    ((compared_with,),) = Settled(now).table(settled.FLEET, ("compared_with",)).iter_rows()
    return runs.open(compared_with or f"{now.run_id}~1"), now
