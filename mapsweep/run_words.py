"""How a run is named for people: what it is called and when it began, in place of its id."""

from reports.tables import settled
from reports.tables.settled import Settled
from reports.text.sizes import day_time


def run_words(tables: Settled) -> str:
    """`nightly, Sun 29 Nov 02:00`: a closed run."""
    ((fleet),) = tables.table(settled.FLEET, ("scope", "started_at")).iter_rows(named=True)
    return f"{fleet['scope']}, {day_time(fleet['started_at'])}"
