"""The page as HTML that is read without its script: headline, failures, findings, rankings, short hosts."""

from collections.abc import Mapping, Sequence
from typing import Final

import polars as pl

from procmaps.kind_words import KIND_WORDS
from procmaps.kinds import KIND_BY_LABEL
from reports.changes import noise
from reports.page import first_news, heads, look
from reports.page.rows import Rows
from reports.page.short_hosts import short_hosts
from reports.report import Report, RunFacts
from reports.sentence import change_words, doubts, next_commands, verdict
from reports.sentence.headline import headline
from reports.tables.measures import PEERS_MIN
from reports.text import asker_words, sizes
from reports.text.words import WORDS

TOP_MAX: Final = 50  # hosts and services in each ranking
STACKS_MAX: Final = 20  # hosts by thread stacks
SECTIONS_MAX: Final = 10  # hosts with their largest processes, without the script
ADVICE_MAX: Final = 10  # of a run that was closed before findings were grouped
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
    head = headline(report, plain=False)
    return {
        "run": report.run,
        "totals": report.totals,
        "headline": first_news.split(head),
        "to_do": first_news.to_do(report),
        "word": verdict.words(report),
        "late": verdict.late(report),
        "tone": _tone(report),
        "took": took(report),
        "read": _read(report.run),
        "asked_by": asker_words.told(report.run.asker) if report.run.asker else "",
        "failures": report.failures[:FAILURES_MAX],
        "failures_left": len(report.failures[FAILURES_MAX:]),
        "failed_max": FAILED_HOSTS_MAX,
        "native_span": doubts.span(report.totals.native_range),
        "doubt_meaning": doubts.MEANING,
        "doubt_remedy": doubts.remedy(report),
        "words": WORDS,
        "commands": next_commands.WHERE,
        "kind_words": [(row.kind, KIND_WORDS[KIND_BY_LABEL[row.kind]]) for row in report.totals.kinds],
        "peers_min": PEERS_MIN,
    }


def _rankings(report: Report, rows: Rows) -> dict[str, object]:
    """The tables, and what is said of the hosts that they name."""
    top = list(report.hosts[:TOP_MAX])
    by_stacks = [row for row in report.by_stacks[:STACKS_MAX] if row.rank is not None]
    doubtful = doubts.marked(report.hosts)
    doubtful_first = list(doubtful[:DOUBTFUL_HOSTS_MAX])
    advice = report.advice[:ADVICE_MAX] if not report.findings else ()
    news = first_news.first_news(report)
    members = {(each.host, each.pid) for group in advice for each in group.members} | news.processes
    failed = [name for group in report.failures[:FAILURES_MAX] for name in group.hosts[:FAILED_HOSTS_MAX]]
    first = {row.name for row in top}
    linked = [
        *(row.name for row in (*by_stacks, *doubtful_first)),
        *(host for host, _ in members),
        *news.hosts,
        *failed,
    ]
    sections = top[:SECTIONS_MAX]
    short = {row.name for row in top[SECTIONS_MAX:]} | set(linked) - first
    others = report.hosts.of(report.hosts.table.filter(pl.col("name").is_in(short)))
    pids: dict[str, set[int]] = {}
    for host, pid in members:
        pids.setdefault(host, set()).add(pid)
    empty = empty_columns(report)
    services = list(report.services[:TOP_MAX])
    return {
        "news": news,
        "folded_max": first_news.FOLDED_MAX,
        "not_told": noise.SENTENCE,
        "known_hosts": first | set(others.table["name"].to_list()),
        "known_services": {row.service for row in services},
        "known_processes": members,
        "known_kinds": {row.kind for row in report.totals.kinds},
        "change_word": change_words.word,
        "news_tones": first_news.TONES,
        "hosts": top,
        "by_stacks": by_stacks,
        "services": services,
        "services_count": len(report.services),
        "advice": advice,
        "advice_left": len(report.advice) - len(advice) if advice else 0,
        "doubtful_hosts": doubtful_first,
        "doubtful_left": len(doubtful) - len(doubtful_first),
        "sections": short_hosts(rows, sections, pids),
        "others": short_hosts(rows, others, pids, 0, 0),
        "ranged": doubts.is_told(report),
        "host_columns": heads.of_hosts(empty),
        "stack_columns": heads.of_stacks(empty),
        "service_columns": heads.of_services(empty),
        "heap_longest": max((row.native_heap_resident_max_bytes or 0 for row in top), default=0),
        "stacks_longest": max((row.stacks_resident_max_bytes or 0 for row in by_stacks), default=0),
    }


def _tone(report: Report) -> str:
    """How the verdict looks."""
    word = verdict.word(report)
    if word is verdict.Word.FAILED:
        return "bad"
    calm = word is verdict.Word.OK and verdict.news(report) is not verdict.News.CHANGED
    return "good" if calm else "warn"


def empty_columns(report: Report) -> frozenset[str]:
    """Columns that would be empty: growth without a run to compare with, ranges where nothing is doubtful."""
    empty = {
        "growth_bytes": not report.run.compared_with,
        "native_heap_range": not doubts.is_told(report),
    }
    return frozenset(name for name, is_empty in empty.items() if is_empty)


def _read(run: RunFacts) -> str:
    """What was read on the hosts, and how they were treated as far as it is known."""
    if run.become_hosts is None:  # an older mapsweep closed it
        root = ", as root" if run.become else ""
    else:
        of = f"{sizes.number(run.become_hosts)} of {sizes.number(run.asked)} hosts"
        root = f", as root through sudo on {of}" if run.become_hosts else ""
    keys = f"; host keys: {run.host_key_policy}" if run.host_key_policy else ""
    arguments = f"; command lines: {run.arguments}" if run.arguments else ""
    return f"{run.evidence}{root}{keys}{arguments}"


def took(report: Report) -> str:
    """How long the run took, or "" if it has not ended."""
    started, closed = sizes.instant(report.run.started_at), sizes.instant(report.run.closed_at)
    return sizes.duration((closed - started).total_seconds()) if started and closed else ""
