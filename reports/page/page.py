"""report/index.html: one file that loads nothing, with its data once, compressed.

All text is escaped. A policy in the page allows only its one style and its one script, by their hashes, so
that text which was not escaped could neither run nor load anything.
"""

import polars as pl

from reports.page import budget, facts, fields, first_screen, rows
from reports.page.container import put_together
from reports.page.rows import KINDS_REMADE_MAX
from reports.report import Report

PAGE_BYTES_MAX = budget.PAGE_BYTES_MAX
_TRIES_MAX = 8
_SAID_BYTES = 4_000  # of the sentences on what is left out


def render(report: Report, *, page_bytes_max: int = PAGE_BYTES_MAX) -> bytes:
    """The page in UTF-8. What does not fit into `page_bytes_max` is left out, and said."""
    read = rows.read(report.tables)
    of_fleet = int(read.hosts["_count"].sum())

    def kinds_of(processes: pl.DataFrame) -> pl.DataFrame:
        return rows.kinds_of(report.tables, processes, of_all=of_fleet <= KINDS_REMADE_MAX)

    def mappings_of(processes: pl.DataFrame) -> pl.DataFrame:
        del processes
        return pl.DataFrame(schema={"_process": pl.UInt32, **fields.MAPPINGS})

    limit = min(page_bytes_max, budget.bytes_max(of_fleet))
    fixed = len(first_screen.render(report, read, b"", [])) + _SAID_BYTES
    room = limit - fixed
    for _ in range(_TRIES_MAX):
        content = budget.fill(read, kinds_of, mappings_of, room)
        said = facts.left_out(report.run, content)
        data = put_together(facts.of(report, content, said), facts.DECLARED, content.tables)
        page = first_screen.render(report, read, data, said)
        if len(page) <= limit:
            break
        room -= len(page) - limit
    return page
