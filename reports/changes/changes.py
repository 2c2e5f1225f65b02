"""What changed since the run compared with, as a report tells it."""

from dataclasses import dataclass

from reports.changes.noise import SENTENCE
from reports.changes.rows import ChangeCount, ChangeRow
from reports.columns.change_columns import CHANGE_COUNTS, CHANGES
from reports.columns.column import names_of
from reports.row_table import RowTable
from reports.tables import settled
from reports.tables.settled import Settled


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes of a run: the most important first, and how many there are of each sort."""

    rows: RowTable[ChangeRow]
    counts: tuple[ChangeCount, ...]
    is_known: bool = True  # False: the run was closed before changes were computed
    not_told: str = SENTENCE  # what counts as noise, in a sentence

    def count(self, change: str, subject: str) -> int:
        """How many changes of a sort there are."""
        return sum(each.count for each in self.counts if (each.change, each.subject) == (change, subject))


def changes(tables: Settled) -> Changes:
    """The changes of a closed run; none in a run that was closed before they were known."""
    rows = tables.table(settled.CHANGES, names_of(CHANGES)).sort("place")
    counts = tables.table(settled.CHANGE_COUNTS, names_of(CHANGE_COUNTS))
    return Changes(
        RowTable(rows, ChangeRow),
        tuple(ChangeCount(*row) for row in counts.iter_rows()),
        is_known=tables.has(settled.CHANGES),
    )
