"""What `mapsweep history` prints: a row a run, for people or for programs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from archive.runs import Runs
from mapsweep.history_view.lines import history_lines
from mapsweep.history_view.subject import Subject, closed_tables, found
from mapsweep.tabular import JSON, PLAIN, document, filled, rows_in
from mapsweep.terminal.terminal import Terminal
from reports.views.run_history import COLUMNS, ProcessReader, history


@dataclass(frozen=True, slots=True)
class Asked:
    """The options of the command."""

    last: int | None  # runs; None: all
    scope: str  # "": that of the last run which has the subject
    form: str  # of mapsweep.tabular.FORMATS


def shown(runs: Runs, typed: str, asked: Asked, terminal: Terminal) -> Iterator[str]:
    """The lines. OperatorError for a name that no run has, or a damaged run."""
    subject = found(runs, typed, asked.scope)
    before = None if asked.last is None else asked.last + 1  # what the first one grew by is known from it
    newest = list(islice(closed_tables(runs, subject.scope), before))
    table = history(reversed(newest), subject.read).tail(asked.last or len(newest))
    if asked.form == PLAIN:
        yield from history_lines(subject, table, terminal)
    elif asked.form == JSON:
        about = {"subject": subject.kind, "name": subject.name, "scope": subject.scope}
        yield document({**about, **_pids(subject), "runs": filled(table.iter_rows(named=True))})
    else:
        yield from rows_in(asked.form, table, COLUMNS)


def _pids(subject: Subject) -> Mapping[str, int | list[int]]:
    """Of a process the pid by which it was found, and those that it has in the last run."""
    if not isinstance(subject.read, ProcessReader):
        return {}
    return {"pid": subject.pid, "last_pids": [*subject.read.pids]}
