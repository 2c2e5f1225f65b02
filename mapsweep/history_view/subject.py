"""What `mapsweep history` is asked for: a host, a service, or a process of a host, by name."""

import difflib
import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from archive.run_ids import name_in_ids, name_of
from archive.runs import Runs
from domain.mistakes import Mistake, OperatorError
from mapsweep.host_view.target import process_of, processes_of
from reports.tables import settled
from reports.tables.settled import Settled
from reports.tables.status import ANSWERED
from reports.views.one_host import OneHost, one_host
from reports.views.run_history import HostReader, Identity, ProcessReader, Reader, ServiceReader

LOOKED_MAX: Final = 30  # runs in which a name is looked for, the newest first
SHOWN_MAX: Final = 5  # names in an error
SHOWN_LENGTH_MAX: Final = 80  # characters of what was typed, in an error
_COMPARED_MAX: Final = 20_000  # names compared for a suggestion
_GLOB_SIGNS: Final = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Subject:
    """A host, a service or a process, and what its runs are called."""

    kind: str  # host, service or process
    name: str  # as people know it
    scope: str
    read: Reader
    process: Identity | None = None
    pid: int = 0  # that the process had in the run in which it was found

    @property
    def followed(self) -> str:
        """Which pid a process has now, once its runs are read and if it is another; else ""."""
        if not isinstance(self.read, ProcessReader) or self.pid in (pids := self.read.pids):
            return ""
        host = self.read.host
        if not pids:
            return f"{host}/{self.pid} ended, and the last run saw no other process like it."
        last = ", ".join(f"{host}/{pid}" for pid in pids[:SHOWN_MAX]) + ", ..." * (len(pids) > SHOWN_MAX)
        return f"{host}/{self.pid} was restarted: it is now {last}."


def closed_tables(runs: Runs, scope: str = "") -> Iterator[Settled]:
    """The closed runs that have tables, the newest first; of this name, if it is not empty.

    They are opened as they are asked for. OperatorError if one is damaged.
    """
    called = name_in_ids(scope) if scope else ""
    for run_id in reversed(runs.ids()):
        if called and name_of(run_id) != called:
            continue
        run = runs.for_tables(run_id)
        if run is not None and (not scope or run.manifest.scope.name == scope):
            yield Settled(run)


def found(runs: Runs, typed: str, scope: str = "") -> Subject:
    """The subject: a name that a run has exactly, or else the only one of the last run that it begins.

    Hosts come before services. OperatorError if there is none.
    """
    looked: list[Settled] = []
    for tables in closed_tables(runs, scope):
        looked.append(tables)
        if subject := _exact(tables, typed):
            return subject
        if len(looked) == LOOKED_MAX:
            break
    if not looked:
        what = f"no closed run of {scope}" if scope else "no closed run"
        raise OperatorError(Mistake(runs.store.url, f"holds {what}", "`mapsweep runs` lists the runs"))
    for tables in looked:
        _check_process(tables, typed)
    if whole := _whole(looked[0], typed):
        return found(runs, whole, scope)
    return _only(looked[0], typed, len(looked))


def _exact(tables: Settled, typed: str) -> Subject | None:
    hosts, services = _hosts(tables), _services(tables)
    if typed in hosts:
        return _host(tables, typed)
    for service in (typed, f"{typed}.service"):
        if service in services:
            return _service(tables, service)
    host, process = _split(hosts, typed)
    return _process(tables, host, process) if process else None


def _split(hosts: Sequence[str], typed: str) -> tuple[str, str]:
    """The host and what names a process of it; ("", "") if no host of the run is named."""
    ends = (place for place, sign in enumerate(typed) if sign == "/")
    return next(((typed[:end], typed[end + 1 :]) for end in ends if typed[:end] in hosts), ("", ""))


def _whole(tables: Settled, typed: str) -> str:
    """HOST/PID of the only host that a glob or a beginning before the slash fits; else "".

    OperatorError if it fits several, unless a service begins so.
    """
    begun, _, process = typed.partition("/")
    hosts = _hosts(tables)
    if not process or begun in hosts or _fitting(_services(tables), typed):
        return ""
    fitting = _fitting(hosts, begun)
    if len(fitting) > 1:
        raise _ambiguous(begun, "hosts", fitting)
    return f"{fitting[0]}/{process}" if fitting else ""


def _ambiguous(typed: str, what: str, names: Sequence[str]) -> OperatorError:
    more = ", ..." if len(names) > SHOWN_MAX else ""
    problem = f"fits {len(names):,} {what}: {', '.join(names[:SHOWN_MAX])}{more}"
    return OperatorError(Mistake(typed[:SHOWN_LENGTH_MAX], problem, "give more of the name"))


def _only(tables: Settled, typed: str, looked: int) -> Subject:
    """The only host or service of a run that a glob or a beginning fits."""
    hosts, services = _hosts(tables), _services(tables)
    fitting = [*((name, "host") for name in _fitting(hosts, typed))]
    fitting += [(name, "service") for name in _fitting(services, typed)]
    if len(fitting) == 1:
        ((name, kind),) = fitting
        return _host(tables, name) if kind == "host" else _service(tables, name)
    if fitting:
        raise _ambiguous(typed, "hosts and services", [f"{name} ({kind})" for name, kind in fitting])
    near = difflib.get_close_matches(typed, [*hosts, *services][:_COMPARED_MAX], SHOWN_MAX)
    remedy = f"did you mean {', '.join(near)}? " if near else ""
    remedy += "--scope names other runs, `mapsweep top hosts` lists hosts"
    runs = "run" if looked == 1 else f"{looked} runs"
    problem = f"is no host, service or HOST/PID of the last {runs}"
    raise OperatorError(Mistake(typed[:SHOWN_LENGTH_MAX], problem, remedy))


def _fitting(names: Sequence[str], typed: str) -> list[str]:
    if _GLOB_SIGNS & set(typed):
        return fnmatch.filter(names, typed)
    return [name for name in names if typed and name.startswith(typed)]


def _hosts(tables: Settled) -> list[str]:
    return tables.table(settled.HOSTS, ("name",))["name"].to_list()


def _services(tables: Settled) -> list[str]:
    return tables.table(settled.SERVICES, ("service",))["service"].to_list()


def _host(tables: Settled, name: str) -> Subject:
    return Subject("host", name, tables.manifest.scope.name, HostReader(name))


def _service(tables: Settled, name: str) -> Subject:
    return Subject("service", name, tables.manifest.scope.name, ServiceReader(name))


def _process(tables: Settled, host: str, typed: str) -> Subject | None:
    """A process of a host; None if it has none so or did not answer: then an earlier run is asked."""
    view = _answered(tables, host)
    if view is None or not processes_of(view, typed):
        return None
    own = process_of(view, typed, _listing(tables, host))
    identity = Identity(host, *(own[name] or "" for name in ("service", "exe", "arguments")))
    name = f"{host}, {own['comm'] or own['exe'] or '?'} ({own['pid']})"
    scope = tables.manifest.scope.name
    return Subject("process", name, scope, ProcessReader(identity), identity, own["pid"])


def _check_process(tables: Settled, typed: str) -> None:
    """OperatorError if a process of a host of this run was asked for, which none of the runs has."""
    host, process = _split(_hosts(tables), typed)
    view = _answered(tables, host) if process else None
    if view is not None:
        process_of(view, process, _listing(tables, host))


def _answered(tables: Settled, host: str) -> OneHost | None:
    row = HostReader(host).row(tables)
    is_there = row is not None and row["status"] in ANSWERED
    return one_host(tables, tables.run, host) if is_there else None


def _listing(tables: Settled, host: str) -> str:
    return f"mapsweep show {host} --run {tables.manifest.run_id}"
