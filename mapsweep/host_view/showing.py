"""What `mapsweep show` prints: of a host or a process, for people or for programs."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from archive.run import Run
from domain.mistakes import Mistake, OperatorError
from domain.records import Host
from mapsweep.documents import SCHEMA_VERSION
from mapsweep.host_view import documents, target
from mapsweep.host_view.host_lines import host_lines
from mapsweep.host_view.kept_process import DENIED, Kept, kept
from mapsweep.host_view.process_lines import kept_lines, process_lines
from mapsweep.host_view.process_table import PROCESSES_MAX, Order, Wanted
from mapsweep.process_view.csv_line import HEADER, csv_line
from mapsweep.process_view.labelled_process import LabelledProcess
from mapsweep.process_view.range_lines import range_lines
from mapsweep.terminal.terminal import Terminal
from reports.sentence import next_commands
from reports.tables.settled import Settled
from reports.views.one_host import OneHost, Row, one_host
from workers.life import ending

CSV, RANGES, JSON = "csv", "ranges", "json"


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the command."""

    form: str  # plain, csv, ranges or json
    order: str  # of the processes of a host
    limit: int | None  # how many of them; None: PROCESSES_MAX for people, all for programs
    flags: tuple[str, ...] = ()  # those that the next command must have too
    whole: bool = False  # all processes, kinds, findings and mappings
    mappings: bool = False
    why: bool = False
    header: bool = False

    @property
    def wanted(self) -> Wanted:
        """Which processes."""
        is_all = self.limit is None and (self.whole or self.form == JSON)
        return Wanted(Order(self.order), None if is_all else self.limit or PROCESSES_MAX, self.whole)

    @property
    def of_process(self) -> str:
        """An option that only a process has; "" if none was given."""
        if self.form in {CSV, RANGES}:
            return f"--format {self.form}"
        return "--why" if self.why else "--mappings" if self.mappings else ""


def shown(run: Run, typed: str, asked: Asked, terminal: Terminal) -> Iterable[str]:
    """The lines. OperatorError for a host or a process that is not there, or not known."""
    host, process = target.split(run, typed)
    if not process and asked.of_process:
        problem = f"{asked.of_process} is for a process"
        raise OperatorError(Mistake(host.name, problem, f"name one as {host.name}/PID"))
    view = _view(run, host)
    if process:
        return _process(run, view, process, asked, terminal)
    if asked.form == JSON:
        return [_text(documents.host_document(view, run, asked.wanted))]
    return host_lines(view, run, terminal, asked.wanted, _hints_of_host(run, view, asked))


def _view(run: Run, host: Host) -> OneHost:
    """What the run knows of the host, or knows so far."""
    with ending.so_far(run, (host,)) as settled:
        return one_host(Settled(settled), run, host.name)


def _process(run: Run, view: OneHost, typed: str, asked: Asked, terminal: Terminal) -> Iterable[str]:
    if not view.answered:
        raise OperatorError(_no_answer(run, view))
    listing = next_commands.show(view.host["name"], None, run.run_id, asked.flags)
    row = target.process_of(view, typed, listing)
    if asked.form in {CSV, RANGES}:
        return _of_dump(run, view, row, asked)
    found = kept(run, view, row) if asked.mappings or asked.why else None
    if asked.form == JSON:
        return [_text(documents.process_document(view, run, row, found, why=asked.why))]
    return _lines(run, view, row, asked, terminal, found=found)


def _lines(
    run: Run, view: OneHost, row: Row, asked: Asked, terminal: Terminal, *, found: Kept | None
) -> Iterator[str]:
    hints = () if found else _hints_of_process(run, view, row, asked)
    yield from process_lines(view, run, row, terminal, whole=asked.whole, hints=hints)
    if found:
        yield from kept_lines(found, terminal, why=asked.why, whole=asked.whole)


def _of_dump(run: Run, view: OneHost, row: Row, asked: Asked) -> Iterable[str]:
    """The forms that only the mappings give."""
    process = _needed(run, view, row)
    if asked.form == RANGES:
        return range_lines(process, why=asked.why)
    return (HEADER, csv_line(process)) if asked.header else (csv_line(process),)


def _needed(run: Run, view: OneHost, row: Row) -> LabelledProcess:
    found = kept(run, view, row)
    if found.process is None:
        place = f"{run.run_id}: {view.host['name']}/{row['pid']}"
        raise OperatorError(Mistake(place, found.missing, found.remedy))
    return found.process


def _no_answer(run: Run, view: OneHost) -> Mistake:
    """Why there are no processes of a host."""
    host = view.host
    why = ": ".join(filter(None, (host["stage"], host["reason"], host["detail"])))
    return Mistake(f"{run.run_id}: {host['name']}", f"{host['status']}: {why}", host["remedy"])


def _hints_of_host(run: Run, view: OneHost, asked: Asked) -> tuple[str, ...]:
    """The command that shows the first process."""
    if view.processes.is_empty():
        return ()
    pid = int(view.processes["pid"][0])
    return (next_commands.show(view.host["name"], pid, run.run_id, asked.flags),)


def _hints_of_process(run: Run, view: OneHost, row: Row, asked: Asked) -> tuple[str, ...]:
    """The command that shows its mappings, if the run keeps them."""
    name = view.host["name"]
    if not run.has_dump(name) or row["evidence"] == DENIED:
        return ()
    return (next_commands.show(name, row["pid"], run.run_id, ("--why", *asked.flags)),)


def _text(document: dict[str, Any]) -> str:
    return json.dumps({"schema_version": SCHEMA_VERSION, **document}, indent=1)
