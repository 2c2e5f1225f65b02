"""What `mapsweep show` is asked for: a host of a run, by name, and one of its processes."""

import difflib
import fnmatch
from collections.abc import Sequence
from typing import Final

from archive.run import Run
from domain.mistakes import Mistake, OperatorError
from domain.records import Host
from mapsweep.host_view.amounts import known
from reports.views.one_host import OneHost, Row

SHOWN_MAX: Final = 5  # names in an error
SHOWN_LENGTH_MAX: Final = 80  # characters of what was typed, in an error
_COMPARED_MAX: Final = 20_000  # names compared for a suggestion
_GLOB_SIGNS: Final = frozenset("*?[")


def split(run: Run, target: str) -> tuple[Host, str]:
    """The host, and what follows its name after a slash; "" if only a host is named. OperatorError.

    Slashes can be in the name of a process, and nothing keeps them out of that of a host.
    """
    if run.asks(target) or "/" not in target:
        return _host(run, target), ""
    ends = [place for place, sign in enumerate(target) if sign == "/"]
    end = next((place for place in ends if run.asks(target[:place])), ends[0])
    host, process = target[:end], target[end + 1 :]
    if not process:
        remedy = f"name a process as {host}/PID, or omit the slash"
        raise OperatorError(Mistake(_shown(target), "ends after the slash", remedy))
    return _host(run, host), process


def _host(run: Run, name: str) -> Host:
    """A host by its name, the beginning of it or a glob that no other host of the run has."""
    if run.asks(name):
        return run.host(name)
    names = [host.name for host in run.manifest.hosts]
    if _GLOB_SIGNS & set(name):
        found = fnmatch.filter(names, name)
    else:
        found = [each for each in names if name and each.startswith(name)]
    if len(found) == 1:
        return run.host(found[0])
    place = f"{run.run_id}: {_shown(name)}"
    if found:
        problem = f"fits {len(found):,} hosts of the run: {_listed(sorted(found))}"
        raise OperatorError(Mistake(place, problem, "give more of the name"))
    near = difflib.get_close_matches(name, names[:_COMPARED_MAX], n=SHOWN_MAX)
    remedy = f"did you mean {_listed(near)}? " if near else ""
    remedy += "--run names another run, `mapsweep runs` lists them"
    raise OperatorError(Mistake(place, f"no host of the run is called so; it has {len(names):,}", remedy))


def process_of(view: OneHost, typed: str, listing: str) -> Row:
    """A process of a host that answered: by its pid, or by a name that no other process there has.

    A name is that of the process, or else of its program, service or unit. OperatorError; it names
    `listing`, the command that lists them.
    """
    place, remedy = f"{view.host['name']}/{_shown(typed)}", f"{listing} lists its processes"
    found = processes_of(view, typed)
    count = view.processes.height
    if not found and _is_pid(typed):
        problem = f"it sent no process of this pid; it sent {count:,}"
    elif not found:
        problem = f"none of its {count:,} processes is called so"
        near = difflib.get_close_matches(typed, sorted(set(view.processes["comm"])), n=SHOWN_MAX)
        remedy = f"did you mean {_listed(near)}? {remedy}" if near else remedy
    if not found:
        if vanished := view.host["vanished"]:
            problem += f", and {vanished:,} ended before they were read"
        raise OperatorError(Mistake(place, problem, remedy))
    if len(found) > 1:
        problem = f"{len(found):,} processes are called so: {_listed([*map(process_name, found)])}"
        raise OperatorError(Mistake(place, problem, "give the pid"))
    return found[0]


def processes_of(view: OneHost, typed: str) -> list[Row]:
    """The processes of a host that a pid names, or a name: their own, or else of program, service or unit."""
    rows = list(view.processes.iter_rows(named=True))
    if _is_pid(typed):
        return [row for row in rows if row["pid"] == int(typed)]
    return [row for row in rows if row["comm"] == typed] or [row for row in rows if typed in _names(row)]


def process_name(row: Row) -> str:
    """`java (4711), 1.2 GiB`: a process with its native heap."""
    return f"{row['comm'] or row['exe'] or '?'} ({row['pid']}), {known(row, 'native_heap')}"


def _is_pid(typed: str) -> bool:
    return typed.isascii() and typed.isdigit()


def _names(row: Row) -> set[str]:
    return {row["exe"], row["exe"].rpartition("/")[2], row["service"], row["unit"]} - {""}


def _listed(names: Sequence[str]) -> str:
    return "; ".join(names[:SHOWN_MAX]) + ("; ..." if len(names) > SHOWN_MAX else "")


def _shown(typed: str) -> str:
    return typed[:SHOWN_LENGTH_MAX]
