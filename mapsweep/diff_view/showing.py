"""What `mapsweep diff` prints: tables for people, or rows and documents for programs."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from archive.run import Run
from mapsweep.diff_view.asked import OneRun, TwoRuns
from mapsweep.diff_view.change_lines import CHANGES_MAX, change_lines
from mapsweep.diff_view.side_lines import ROWS_MAX, side_lines
from mapsweep.diff_view.sides import Pair, one_of_two_runs, two_of_a_run, with_peers
from mapsweep.places import place_flags
from mapsweep.tabular import JSON, PLAIN, document, filled, rows_in
from mapsweep.terminal.prose import what_next
from mapsweep.terminal.terminal import Terminal
from reports.columns.change_columns import CHANGES
from reports.sentence import next_commands
from reports.sentence.headline import headline
from reports.text.sizes import day_time
from reports.views import compare
from reports.views.run_changes import RunChanges, run_changes


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options about what is printed."""

    form: str  # of mapsweep.tabular.FORMATS
    limit: int | None = None  # of each table for people; None: the default
    whole: bool = False

    def rows_max(self, default: int) -> int | None:
        """How many rows; None: all."""
        return None if self.whole else self.limit or default


def shown(asked: TwoRuns | OneRun, wanted: Wanted, terminal: Terminal) -> Iterator[str]:
    """The lines. OperatorError if a run, a host or a process is not there."""
    if isinstance(asked, TwoRuns) and not asked.host:
        yield from _changes(run_changes(asked.before, asked.now), wanted, terminal)
    elif isinstance(asked, TwoRuns):
        pair = one_of_two_runs(asked.before, asked.now, asked.host)
        about = f"{asked.host}: {_run(asked.before)} to {_run(asked.now)}"
        if asked.before.manifest.scope.name == asked.now.manifest.scope.name:
            about = f"{asked.host}: {_run(asked.before)} to {day_time(asked.now.manifest.started_at)}"
        yield from _sides(about, (asked.before, asked.now), pair, wanted, terminal)
    else:
        run = asked.run
        pair = two_of_a_run(run, asked.first, asked.second) if asked.second else with_peers(run, asked.first)
        yield from _sides(_run(run), (run,), pair, wanted, terminal)


def _run(run: Run) -> str:
    return f"{run.manifest.scope.name}, {day_time(run.manifest.started_at)}"


def _sides(
    about: str, runs: tuple[Run, ...], pair: Pair, wanted: Wanted, terminal: Terminal
) -> Iterator[str]:
    table = compare.rows(pair.left, pair.right)
    if wanted.form == PLAIN:
        yield from side_lines(about, pair, table, terminal, wanted.rows_max(ROWS_MAX))
        yield ""
        looking = next_commands.show(pair.host, pair.pid, runs[-1].run_id, place_flags(runs[-1]))
        yield from what_next(pair.advice, looking, terminal)
    elif wanted.form == JSON:
        sides = {name: side.title for name, side in (("left", pair.left), ("right", pair.right))}
        rows = filled(table.iter_rows(named=True))
        yield document({"runs": [*map(_named, runs)], **sides, "notes": list(pair.notes), "rows": rows})
    else:
        yield from rows_in(wanted.form, table, compare.COLUMNS)


def _changes(found: RunChanges, wanted: Wanted, terminal: Terminal) -> Iterator[str]:
    if wanted.form == PLAIN:
        yield from change_lines(found, terminal, wanted.rows_max(CHANGES_MAX))
    elif wanted.form == JSON:
        counts = [asdict(each) for each in found.report.changes.counts]
        runs = (("before", found.before), ("now", found.now))
        yield document(
            {
                **{name: _named(run) for name, run in runs},
                "sentence": headline(found.report).sentence,
                "rests_on": found.rests_on or None,
                "not_told": found.noise,
                "counts": counts,
                "changes": filled(found.table.iter_rows(named=True)),
            }
        )
    else:
        yield from rows_in(wanted.form, found.table, CHANGES)


def _named(run: Run) -> dict[str, str]:
    return {"run_id": run.run_id, "started_at": run.manifest.started_at}
