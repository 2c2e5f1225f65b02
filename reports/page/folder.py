"""The report as a folder: index.html, and a page per host with all of its processes."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

import polars as pl

from archive.host_names import file_name
from reports.page import budget, facts, host_screen, news, page, rows
from reports.page.container import put_together
from reports.page.news import News
from reports.page.part_tables import PartTables, part_by_part
from reports.page.rows import Rows
from reports.page.worst import Worst, worst
from reports.report import Report
from reports.tables.status import ANSWERED

_HOSTS: Final = "hosts"
_SAID_BYTES: Final = 500_000  # of all that is not in tables


def pages(report: Report) -> Iterator[tuple[str, bytes]]:
    """The files of the folder, each with its path in it; the index last, when all that it names is there."""
    names = report.hosts.table.filter(pl.col("status").is_in(ANSWERED))["name"]
    files = {name: f"{_HOSTS}/{file_name(name)}.html" for name in names.to_list()}
    read = rows.read(report.tables)
    mappings, told_news = worst(report.tables, read.processes), news.read(report)
    for part in part_by_part(report.tables):
        for name, content in _of_part(report, part, told_news, mappings):
            yield files[name], content
    yield host_screen.INDEX, page.render(report, links={name: quote(file) for name, file in files.items()})


def _of_part(
    report: Report, part: PartTables, told_news: News, mappings: Worst
) -> Iterator[tuple[str, bytes]]:
    """The names and pages of the hosts of a part that answered."""
    together = rows.read(part)
    kinds = rows.kinds_of(part, together.processes, of_all=True)
    first = 0
    for number, name, status in together.hosts.select("_host", "name", "status").iter_rows():
        host = rows.of_host(together, number)
        last = first + host.processes.height
        if status in ANSWERED:
            process = pl.col("_process").cast(pl.Int64)
            of_host = kinds.filter(process.is_between(first, last - 1)).with_columns(process - first)
            yield name, _page(report, host, news.of_host(told_news, name), of_host, mappings)
        first = last


def _page(report: Report, host: Rows, told_news: News, kinds: pl.DataFrame, mappings: Worst) -> bytes:
    """The page of one host; `kinds` are those of all its processes."""

    def kinds_of(shown: pl.DataFrame) -> pl.DataFrame:
        numbers = shown.select("host_place").with_row_index("_shown")
        places = host.processes.select("host_place", pl.int_range(pl.len()).alias("_process"))
        both = places.join(numbers, on="host_place", maintain_order="left").drop("host_place")
        joined = kinds.join(both, on="_process", maintain_order="left").with_columns(
            _process=pl.col("_shown")
        )
        return joined.drop("_shown")

    content = budget.fill(host, told_news, kinds_of, mappings.of, budget.PAGE_BYTES_MAX - _SAID_BYTES)
    said = facts.left_out(report, content, mappings.locked)
    data = put_together(facts.of_host(report, host, told_news, content, said), facts.DECLARED, content.tables)
    return host_screen.render(report, host, told_news, data, said)
