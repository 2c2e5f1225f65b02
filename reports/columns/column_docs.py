"""docs/report-columns.md, made from the declarations (`python -m reports.columns.column_docs` prints it)."""

from collections.abc import Iterator

from reports.columns.columns import TABLES

_INTRODUCTION = """\
# Columns of the reports

Every column is declared once, in `reports/columns/`; CSV, JSON, Parquet, HTML, mail and this page are made
from that declaration (`make docs` writes this page). The name of a column is its heading in CSV, its key in
JSON and its name in Parquet.

`mapsweep report RUN --format csv|ndjson|json|parquet --table TABLE` writes all rows of a table;
`report/` in the run's folder has `hosts.csv` and `services.csv` as well. `report.json` has the sums, and the
first rows of each ranking with the same columns, those of processes without `arguments`; its schema is
[report.schema.json](report.schema.json). [queries.md](queries.md) reads the tables of several runs together.

- Sizes are integers in bytes, and their names end in `_bytes`. An empty cell in CSV and `null` in JSON mean
  unknown, never 0; the page, the mail and the terminal show a dash.
- If `resident_bytes` is unknown, `resident_max_bytes` is an upper bound and is shown with `<=`. The native
  heap and the stacks of a process are never shown larger than its RssAnon, even if the bounds of its
  footprints add up to more.
- A sum includes only what could be read. `denied` is the number of processes that could not be read.
- RSS counts a shared page in every process that maps it, so the sum of RSS can exceed the host's RAM.
  Counting it once needs the inode of each mapping, which footprints do not keep. Compare the sum of
  RssAnon with AnonPages instead.
- `native_heap_least_bytes`, `native_heap_most_bytes`, `doubtful` and `guessed_bytes` tell how far the labels
  can be trusted; [doubtful-labels.md](doubtful-labels.md) describes them. Runs that an older mapsweep closed
  have them empty.
- The baseline of peers needs at least 5 processes of a service in the fleet. Changes need an earlier complete
  run of the same scope; growth of native heap and the service's own baseline need the same rules as well.
  [changes.md](changes.md) says what is compared, and what is noise.
- A text cell in CSV that starts with `=`, `+`, `-`, `@`, a tab or a carriage return gets a leading `'`,
  because a spreadsheet would read it as a formula. Control bytes are written as `\\xNN`.
- Hosts and services are sorted by native heap, then by name. Hosts without a figure come last and have no
  rank. The other tables are sorted by host.
"""

_SAID: dict[str, str] = {
    "hosts": "One row per host of the run, whether it answered or not.",
    "services": "One row per service over the fleet.",
    "processes": "One row per process of each host.",
    "footprints": "One row per process, kind and block size.",
    "findings": "One row per finding about a process, the most severe of a host first.",
    "kinds": "One row per host and kind. Native heap and stacks are bounded by the RssAnon of each process.",
    "changes": "One row per change since the run compared with, the most important first.",
    "finding_groups": "One row per finding of a service, what a reader should see first comes first. "
    "[findings.md](findings.md) describes them.",
}


def page() -> str:
    """The page in Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _INTRODUCTION.rstrip()
    for table, columns in TABLES.items():
        yield from (
            "",
            f"## {table.replace('_', ' ').capitalize()}",
            "",
            f"`--table {table}`: {_SAID[table]}",
            "",
        )
        yield from ("| column | title | unit | source | meaning |", "|---|---|---|---|---|")
        for column in columns:
            cells = (f"`{column.name}`", column.title, column.unit.value, column.source, column.meaning)
            yield "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    print(page(), end="")
