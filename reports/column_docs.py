"""docs/report-columns.md, out of the declarations (`python -m reports.column_docs` prints it)."""

from collections.abc import Iterator

from reports.column import Column
from reports.columns import FOOTPRINTS, HOSTS, PROCESSES, SERVICES

_INTRODUCTION = """\
# Columns of the reports

Every column is declared once, in `reports/columns.py`; CSV, JSON, HTML, mail and this page follow it
(`python -m reports.column_docs > docs/report-columns.md` writes it). The name is the heading in CSV and
the key in JSON.

- Sizes are integers in bytes and end in `_bytes`. An empty cell in CSV and `null` in JSON is unknown,
  never 0; for people it prints as a dash.
- `resident_max_bytes` without a `resident_bytes` beside it is an upper bound and prints with `<=`. A
  process's native heap and stacks are never shown above its RssAnon, even where the bounds of its
  footprints add up to more.
- A sum is over what could be read. `denied` says how many processes could not.
- RSS counts shared pages in every process, so a sum of RSS can pass the host's RAM. To count shared
  memory once takes the inode of each mapping, which footprints do not keep. Compare the sum of RssAnon
  with AnonPages instead.
- A peer baseline needs 5 processes of a service over the fleet; `bloated` counts those of at least
  twice the median and 64 MiB above it. Growth and the own baseline need earlier complete runs of the same
  scope and rules version.
- A text cell in CSV that starts with `=`, `+`, `-`, `@`, a tab or a carriage return gets a leading `'`;
  control bytes are written as `\\xNN`.
- `hosts.csv` and `report.json` rank by native heap, ties by name. Hosts without a figure come last,
  without a rank.
"""

_TABLES: tuple[tuple[str, str, tuple[Column, ...]], ...] = (
    ("Hosts", "`hosts.csv`, and `hosts` in `report.json`.", HOSTS),
    ("Services", "`services` in `report.json`.", SERVICES),
    (
        "Processes",
        "`processes.csv`; the largest of each host as `processes` under `hosts` in `report.json`.",
        PROCESSES,
    ),
    ("Footprints", "`footprints.csv`, a line a process, kind and block size.", FOOTPRINTS),
)


def page() -> str:
    """The page in Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _INTRODUCTION.rstrip()
    for title, where, columns in _TABLES:
        yield from ("", f"## {title}", "", where, "")
        yield from ("| column | title | unit | source | meaning |", "|---|---|---|---|---|")
        for column in columns:
            cells = (f"`{column.name}`", column.title, column.unit.value, column.source, column.meaning)
            yield "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print(page(), end="")
