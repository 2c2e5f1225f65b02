"""The page as HTML that is read without its script: headline, failures, findings, rankings, short hosts."""

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from procmaps.kind_words import KIND_WORDS
from procmaps.kinds import KIND_BY_LABEL
from reports import doubts, sizes, verdict
from reports.measures import PEERS_MIN
from reports.page import heads, look
from reports.page.rows import Rows
from reports.page.short_hosts import short_hosts
from reports.report import Report
from reports.words import WORDS

TOP_MAX: Final = 50  # hosts and services in each ranking
ADVICE_MAX: Final = 10
DOUBTFUL_HOSTS_MAX: Final = 12  # named at the top
FAILURES_MAX: Final = 20  # reasons
FAILED_HOSTS_MAX: Final = 12  # named per reason


def render(
    report: Report, rows: Rows, data: bytes, left_out: Sequence[str], links: Mapping[str, str] | None = None
) -> bytes:
    """The whole page in UTF-8, with its data; `links` are the pages that hosts have of their own."""
    said = _run(report) | _rankings(report, rows) | {"left_out": left_out}
    return look.render("page.html.j2", data, links, **said)


def _run(report: Report) -> dict[str, object]:
    """What is said of the run as a whole."""
    return {
        "run": report.run,
        "totals": report.totals,
        "word": verdict.word(report).value,
        "late": verdict.late(report),
        "tone": _TONES[verdict.word(report)],
        "took": took(report),
        "failures": report.failures[:FAILURES_MAX],
        "failures_left": len(report.failures[FAILURES_MAX:]),
        "failed_max": FAILED_HOSTS_MAX,
        "native_span": doubts.span(report.totals.native_range),
        "doubt_meaning": doubts.MEANING,
        "doubt_remedy": doubts.remedy(report),
        "words": WORDS,
        "kind_words": [(row.kind, KIND_WORDS[KIND_BY_LABEL[row.kind]]) for row in report.totals.kinds],
        "peers_min": PEERS_MIN,
    }


def _rankings(report: Report, rows: Rows) -> dict[str, object]:
    """The tables, and what is said of the hosts that they name."""
    top = list(report.hosts[:TOP_MAX])
    by_stacks = [row for row in report.by_stacks[:TOP_MAX] if row.rank is not None]
    doubtful = doubts.marked(report.hosts)
    doubtful_first = list(doubtful[:DOUBTFUL_HOSTS_MAX])
    advice = report.advice[:ADVICE_MAX]
    members = [member for group in advice for member in group.members]
    failed = [name for group in report.failures[:FAILURES_MAX] for name in group.hosts[:FAILED_HOSTS_MAX]]
    first = {row.name for row in top}
    linked = [*(row.name for row in (*by_stacks, *doubtful_first)), *(each.host for each in members), *failed]
    others = report.hosts.of(report.hosts.table.filter(pl.col("name").is_in(set(linked) - first)))
    pids: dict[str, set[int]] = {}
    for each in members:
        pids.setdefault(each.host, set()).add(each.pid)
    empty = empty_columns(report)
    return {
        "hosts": top,
        "by_stacks": by_stacks,
        "services": list(report.services[:TOP_MAX]),
        "services_count": len(report.services),
        "advice": advice,
        "advice_left": len(report.advice) - len(advice),
        "doubtful_hosts": doubtful_first,
        "doubtful_left": len(doubtful) - len(doubtful_first),
        "sections": short_hosts(rows, top, pids),
        "others": short_hosts(rows, others, pids, 0, 0),
        "ranged": doubts.is_told(report),
        "host_columns": heads.of_hosts(empty),
        "stack_columns": heads.of_stacks(empty),
        "service_columns": heads.of_services(empty),
        "heap_longest": max((row.native_heap_resident_max_bytes or 0 for row in top), default=0),
        "stacks_longest": max((row.stacks_resident_max_bytes or 0 for row in by_stacks), default=0),
    }


_TONES: Final = {
    verdict.Word.OK: "good",
    verdict.Word.CHANGED: "warn",
    verdict.Word.PARTIAL: "warn",
    verdict.Word.FAILED: "bad",
    verdict.Word.OPEN: "warn",
}


def empty_columns(report: Report) -> frozenset[str]:
    """Columns that would be empty: growth without a run to compare with, ranges where nothing is doubtful."""
    empty = {
        "growth_bytes": not report.run.compared_with,
        "native_heap_range": not doubts.is_told(report),
    }
    return frozenset(name for name, is_empty in empty.items() if is_empty)


def took(report: Report) -> str:
    """How long the run took, or "" if it has not ended."""
    started, closed = sizes.instant(report.run.started_at), sizes.instant(report.run.closed_at)
    return sizes.duration((closed - started).total_seconds()) if started and closed else ""
