"""The two sides of a comparison as the command line names them: hosts, processes, peers of a process."""

from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from archive.run import Run
from domain.mistakes import Mistake, OperatorError
from mapsweep.host_view.kept_process import DENIED, NOT_READ
from mapsweep.host_view.target import process_of, processes_of, split
from reports.sentence import next_commands
from reports.tables.settled import Settled
from reports.tables.severities import SEVERITIES
from reports.text.sizes import day_time
from reports.views.compare import Side, caveats, host_side, process_side
from reports.views.one_host import OneHost, Row, one_host
from reports.views.peers import HOSTS_MAX, peers

_IDENTITY: Final = ("service", "exe", "arguments")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sides, and what must be said of them."""

    left: Side
    right: Side
    host: str  # of the right side
    pid: int | None  # None: it is a host
    advice: str  # of the gravest finding of that process; "" if it has none
    notes: tuple[str, ...] = ()


def two_of_a_run(run: Run, first: str, second: str) -> Pair:
    """Two hosts of a run, or two processes. OperatorError if they are not of a sort."""
    sides = [_named(run, typed) for typed in (first, second)]
    if len({process is None for _, process in sides}) > 1:
        problem = "one is a host and the other a process"
        raise OperatorError(Mistake(f"{first} {second}", problem, "name two hosts, or two as HOST/PID"))
    left, right = (_side(view, process, _name(view, process), is_same=False) for view, process in sides)
    return _pair(left, right, *sides[1])


def one_of_two_runs(before: Run, now: Run, typed: str) -> Pair:
    """A host or a process in two runs. OperatorError if one of them does not know it."""
    host, name = split(now, typed)
    view, earlier = _answered(now, host.name), _answered(before, host.name)
    was, process = _both(earlier, view, name, (before, now)) if name else (None, None)
    pair = _pair(
        _side(earlier, was, _began(before), is_same=True),
        _side(view, process, _began(now), is_same=True),
        view,
        process,
    )
    if was is None or process is None or _start(was) == _start(process):
        return pair
    note = "it was restarted in between: the sizes are those of two processes, and no growth"
    return replace(pair, notes=(note, *pair.notes))


def with_peers(run: Run, typed: str) -> Pair:
    """The median of the peers of a process on the left, the process on the right."""
    view, process = _named(run, typed)
    if process is None:
        problem = "--peers is for a process"
        raise OperatorError(Mistake(typed, problem, f"name one as {view.host['name']}/PID"))
    found = peers(Settled(run), run, process)
    pair = _pair(found.side, _side(view, process, _name(view, process), is_same=False), view, process)
    notes = []
    if found.of_kinds < found.read:
        notes.append(
            f"kinds are medians of {found.of_kinds:,} peers on {HOSTS_MAX:,} hosts, "
            f"all else of {found.read:,}"
        )
    if found.count > found.read:
        more = found.count - found.read
        are = "process of the service is" if more == 1 else "processes of the service are"
        notes.append(f"{more:,} more {are} left out: not readable, or read with other evidence")
    return replace(pair, notes=(*notes, *pair.notes))


def _pair(left: Side, right: Side, view: OneHost, process: Row | None) -> Pair:
    """The two sides; `view` and `process` are what is on the right."""
    notes, host = tuple(caveats(left, right)), view.host["name"]
    if process is None:
        return Pair(left, right, host, None, "", notes)
    own = view.findings_of(process).filter(pl.col("severity") != SEVERITIES[-1])
    advice = own["advice"][0] if own.height else ""
    return Pair(left, right, host, process["pid"], advice, notes)


def _named(run: Run, typed: str) -> tuple[OneHost, Row | None]:
    """A host that answered, and a process of it if one is named."""
    host, process = split(run, typed)
    view = _answered(run, host.name)
    if not process:
        return view, None
    return view, _read(process_of(view, process, next_commands.show(host.name, None, run.run_id)), run.run_id)


def _answered(run: Run, host: str) -> OneHost:
    """A host that gave a result; OperatorError for any other."""
    if not run.asks(host):
        remedy = "`mapsweep history` shows in which runs it is"
        raise OperatorError(Mistake(f"{run.run_id}: {host}", "the run does not ask this host", remedy))
    view = one_host(Settled(run), run, host)
    if not view.answered:
        told = view.host
        why = ": ".join(filter(None, (told["stage"], told["reason"], told["detail"])))
        raise OperatorError(Mistake(f"{run.run_id}: {host}", f"{told['status']}: {why}", told["remedy"]))
    return view


def _both(earlier: OneHost, view: OneHost, typed: str, runs: tuple[Run, Run]) -> tuple[Row, Row]:
    """A process in two runs; a pid or a name that the later one does not have is one of the earlier."""
    (before, now), host = (run.run_id for run in runs), view.host["name"]
    if not processes_of(view, typed) and processes_of(earlier, typed):
        was = _read(process_of(earlier, typed, next_commands.show(host, None, before)), before)
        return was, _other(view, was, now, "has")
    process = _read(process_of(view, typed, next_commands.show(host, None, now)), now)
    return _other(earlier, process, before, "had"), process


def _other(view: OneHost, process: Row, run_id: str, verb: str) -> Row:
    """The same process in another run, or what it was restarted as. OperatorError if there is none."""
    rows = list(view.processes.iter_rows(named=True))
    found = [row for row in rows if _start(row) == _start(process)]
    found = found or [row for row in rows if all(row[name] == process[name] for name in _IDENTITY)]
    if len(found) == 1:
        return _read(found[0], run_id)
    place = f"{run_id}: {view.host['name']}"
    remedy = f"{next_commands.show(view.host['name'], None, run_id)} lists its processes"
    if not found:
        problem = f"{verb} no process like {process['comm'] or process['exe']} ({process['pid']})"
        raise OperatorError(Mistake(place, problem, remedy))
    problem = f"{verb} {len(found):,} processes with the program and arguments of {process['pid']}"
    raise OperatorError(Mistake(place, problem, remedy))


def _read(row: Row, run_id: str) -> Row:
    if row["evidence"] == DENIED:
        remedy = "sweep with --become to read the processes of other users"
        raise OperatorError(Mistake(f"{run_id}: {row['host']}/{row['pid']}", NOT_READ, remedy))
    return row


def _side(view: OneHost, process: Row | None, title: str, *, is_same: bool) -> Side:
    if process is None:
        return host_side(view, title, has_processes=is_same)
    return process_side(view, process, title)


def _began(run: Run) -> str:
    """`Sun 29 Nov 02:00`, without the zone: the head of a column is short."""
    return day_time(run.manifest.started_at).removesuffix(" UTC")


def _name(view: OneHost, process: Row | None) -> str:
    """What a side is called at the head of its column."""
    name = str(view.host["name"])
    return name if process is None else f"{name}/{process['pid']}"


def _start(row: Row) -> tuple[int, int | None]:
    return row["pid"], row["start_ticks"]
