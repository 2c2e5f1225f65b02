"""The page of one host as HTML that is read without its script."""

from collections.abc import Sequence
from typing import Final

import polars as pl

from reports.changes.rows import ChangeRow
from reports.host_rows import kind_rows
from reports.page import first_news, first_screen, heads, look
from reports.page.news import News
from reports.page.rows import Rows
from reports.page.short_hosts import short_hosts
from reports.report import Report
from reports.rows import HostRow, field_names
from reports.sentence import change_words

INDEX: Final = "index.html"
PROCESSES_MAX: Final = 50
FINDINGS_MAX: Final = 100
_FIELDS: Final = sorted(field_names(HostRow))


def render(report: Report, rows: Rows, news: News, data: bytes, left_out: Sequence[str]) -> bytes:
    """The whole page in UTF-8, with its data; `rows` are those of the host alone."""
    row = HostRow(**rows.hosts.select(_FIELDS).row(0, named=True))
    first = news.changes.head(first_news.CHANGES_MAX)
    found = rows.findings.head(FINDINGS_MAX)["pid"]
    (host,) = short_hosts(rows, [row], {row.name: set(found.to_list())}, PROCESSES_MAX, FINDINGS_MAX)
    return look.render(
        "host.html.j2",
        data,
        run=report.run,
        host=host,
        changes=[ChangeRow(place=at, **row) for at, row in enumerate(first.iter_rows(named=True))],
        change_word=change_words.word,
        news_tones=first_news.TONES,
        others=rows.processes.height - len(host.processes),
        kinds=list(kind_rows(rows.host_kinds.with_columns(pl.lit(0, pl.Int64).alias("block_bytes")))),
        process_columns=heads.of_processes(first_screen.empty_columns(report)),
        index=INDEX,
        left_out=left_out,
    )
