"""report/index.html: one file that loads nothing, with its data once, compressed.

All text is escaped. A policy in the page allows only its one style and its one script, by their hashes, so
that text which was not escaped could neither run nor load anything.
"""

from collections.abc import Mapping
from typing import Final

import polars as pl

from reports.page import budget, facts, first_screen, news, rows
from reports.page.container import put_together
from reports.page.rows import KINDS_REMADE_MAX
from reports.page.worst import worst
from reports.report import Report
from reports.tables.settled import Settled

PAGE_BYTES_MAX: Final = budget.PAGE_BYTES_MAX
_TRIES_MAX: Final = 8
_SPARE_BYTES: Final = 64
_SAID_BYTES: Final = 8_000  # of what the script is told, and of the sentences on what is left out


def render(
    report: Report, *, page_bytes_max: int = PAGE_BYTES_MAX, links: Mapping[str, str] | None = None
) -> bytes:
    """The page in UTF-8. What does not fit into `page_bytes_max` is left out, and said.

    The least page has the first screen alone; it can be larger than `page_bytes_max`. `links` are the pages
    that hosts have of their own.
    """
    read, told_news = rows.read(report.tables), news.read(report)
    of_fleet = int(read.hosts["_count"].sum())
    mappings = worst(report.tables, read.processes)
    kinds = _Kinds(report.tables, of_all=of_fleet <= KINDS_REMADE_MAX)
    limit = min(page_bytes_max, budget.bytes_max(of_fleet))
    room = limit - len(first_screen.render(report, read, b"", [], links)) - _SAID_BYTES
    for _ in range(_TRIES_MAX):
        content = budget.fill(read, told_news, kinds.of, mappings.of, room)
        said = [*facts.left_out(report, content, mappings.locked), *mappings.troubles]
        told = facts.of(report, told_news, content, said)
        if links is not None:
            told |= {"layout": "dir", "links": dict(links)}
        data = put_together(told, facts.DECLARED, content.tables)
        page = first_screen.render(report, read, data, said, links)
        if len(page) <= limit:
            break
        room -= len(page) - limit + _SPARE_BYTES  # by so little a table does not lose a row
    return page


class _Kinds:
    """The kinds of processes, read once as long as the same processes are asked for."""

    def __init__(self, tables: Settled, *, of_all: bool) -> None:
        self._tables = tables
        self._of_all = of_all
        self._last: tuple[pl.DataFrame, pl.DataFrame] | None = None

    def of(self, processes: pl.DataFrame) -> pl.DataFrame:
        """As `rows.kinds_of`."""
        asked = processes.select("host", "pid")
        if self._last is None or not self._last[0].equals(asked):
            self._last = asked, rows.kinds_of(self._tables, processes, of_all=self._of_all)
        return self._last[1]
