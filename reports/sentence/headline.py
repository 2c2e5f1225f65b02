"""The one sentence of a run: what changed, where and why; for the page, the mail, the terminal and JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reports.changes.noise import GROWTH_FLOOR_BYTES
from reports.changes.rows import Change, ChangeRow, Subject
from reports.findings.rows import Standing
from reports.report import Report
from reports.sentence import change_clauses, verdict
from reports.sentence.change_clauses import Clause
from reports.sentence.change_words import NAME_WIDTH
from reports.sentence.verdict import News
from reports.text.plain import shortened, told
from reports.text.sizes import day_time, number, size

SHORT_LENGTH_MAX: Final = 50
SENTENCE_LENGTH_MAX: Final = 1000
UNCHECKED_KEYS: Final = (
    "Host keys were not checked (ssh.host_key_policy: off), so others may have answered in place of hosts."
)
_MANY_PART: Final = 10  # failing hosts are the first news from one host in so many on ...
_MANY_HOSTS: Final = 2  # ... and from so many hosts on


@dataclass(frozen=True, slots=True)
class Headline:
    """What a reader needs first; its texts are printable, and ASCII if they were asked for as plain."""

    sentence: str  # at most SENTENCE_LENGTH_MAX characters
    short: str  # at most SHORT_LENGTH_MAX characters, the most important news first
    clauses: tuple[str, ...]  # of the sentence, the most important first
    lead: ChangeRow | None  # the change of size that it names first
    leads_with_failures: bool  # many hosts newly fail, which it names before that


def headline(report: Report, *, plain: bool = True) -> Headline:
    """The sentence of a run; `plain` keeps it in ASCII."""
    lead = change_clauses.lead(report)
    first = _first(report, plain=plain)
    clauses = [*([first] if first is not None else []), *_changes(report, lead, plain=plain)]
    old = [] if _is_dead(report) else list(change_clauses.of_old_failures(report, plain=plain))
    rests_on = told(report.run.rests_on, SENTENCE_LENGTH_MAX // 2, plain=plain, quoted=False)
    whole = _so_far(report) + " ".join(
        _closed(text) for text in (_joined([*clauses, *old]), rests_on[:1].upper() + rests_on[1:]) if text
    )
    unchecked = f" {UNCHECKED_KEYS}" if report.run.unchecked_keys else ""
    return Headline(
        sentence=shortened(whole, SENTENCE_LENGTH_MAX - len(unchecked)) + unchecked,
        short=_short([clause.short for clause in clauses if clause.short]),
        clauses=tuple(clause.long for clause in (*clauses, *old)),
        lead=lead,
        leads_with_failures=_many_fail(report),
    )


def _changes(report: Report, lead: ChangeRow | None, *, plain: bool) -> list[Clause]:
    """What changed, the most important first; many hosts that newly fail come before all else."""
    sizes = [change_clauses.of_lead(report, lead, plain=plain)] if lead is not None else []
    failed = list(change_clauses.of_failures(report, plain=plain))
    are_many = _many_fail(report)
    return [
        *(failed if are_many else []),
        *sizes,
        *([] if are_many else failed),
        *change_clauses.of_sizes(report, lead, plain=plain),
        *change_clauses.of_findings(report, Standing.NEW, Standing.WORSE, plain=plain),
        *change_clauses.of_fleet(report, plain=plain),
        *change_clauses.of_restarts(report, plain=plain),
        *change_clauses.of_findings(report, Standing.RESOLVED, plain=plain),
    ]


def _many_fail(report: Report) -> bool:
    """Whether so many hosts newly fail that this is the first news."""
    count = report.changes.count(Change.FAILED, Subject.HOST)
    return count >= _MANY_HOSTS and count * _MANY_PART >= report.run.asked


def _first(report: Report, *, plain: bool) -> Clause | None:
    """What stands in the place of news, or before it; None if there is news and some host answered."""
    run, heap = report.run, _heap(report, plain=plain)
    if not run.asked:
        return Clause("No host was asked", "no host was asked")
    if _is_dead(report):
        none = f"None of {number(run.asked)} hosts answered" if run.asked > 1 else "The host did not answer"
        return Clause(none + _why(report, plain=plain), "no host answered")
    match verdict.news(report):
        case News.CHANGED:
            return None
        case News.QUIET:
            floor = size(GROWTH_FLOOR_BYTES, plain=True)
            since = f"since {day_time(run.compared_at)} " if run.compared_at else ""
            return Clause(
                f"Nothing changed {since}beyond {floor}: {_on_hosts(report, heap)}",
                f"nothing changed, {heap}",
            )
        case News.FIRST:
            scope = told(run.scope, NAME_WIDTH, plain=plain)
            none = f"Nothing to compare with, because no earlier run of {scope} is complete"
            return Clause(
                f"{none}: {_largest(report, plain=plain) or _on_hosts(report, heap)}", f"first run, {heap}"
            )
        case _:
            why = "the run is not closed" if not run.closed_at else "it was closed by an older mapsweep"
            return Clause(f"What changed is not known, because {why}: {_on_hosts(report, heap)}", heap)


def _is_dead(report: Report) -> bool:
    """Whether no host answered, so that there is nothing else to tell."""
    return not report.run.answered


def _heap(report: Report, *, plain: bool) -> str:
    heap = report.totals.native_heap
    return f"native heap {size(heap.resident_max_bytes, bound=heap.is_bound, plain=plain)}"


def _on_hosts(report: Report, heap: str) -> str:
    run = report.run
    return f"{heap} on {number(run.answered)} of {verdict.hosts(run.asked)}"


def _largest(report: Report, *, plain: bool) -> str:
    """`largest app-03, native heap <= 805 MiB, most of it in java (4711)`, or "" if no host has a size."""
    row = next(iter(report.hosts[:1]), None)
    if row is None or row.native_heap_resident_max_bytes is None:
        return ""
    heap = size(row.native_heap_resident_max_bytes, bound=row.native_heap.is_bound, plain=plain)
    process = f", largest process {told(row.largest, NAME_WIDTH, plain=plain)}" if row.largest else ""
    return f"largest host {told(row.name, NAME_WIDTH, plain=plain)}, native heap {heap}{process}"


def _why(report: Report, *, plain: bool) -> str:
    """`: tcp_timeout (8), auth_rejected (4)`: the most frequent reasons."""
    groups = report.failures[:2]
    named = [told(group.reason or group.stage, NAME_WIDTH, plain=plain) for group in groups]
    said = [f"{name} ({number(group.count)})" for name, group in zip(named, groups, strict=True)]
    return f": {', '.join(said)}" if said else ""


def _so_far(report: Report) -> str:
    """What an open run must say before all else."""
    run = report.run
    return (
        ""
        if run.closed_at
        else f"So far, with {number(run.asked - run.waiting)} of {verdict.hosts(run.asked)}: "
    )


def _joined(clauses: Sequence[Clause]) -> str:
    """Semicolons after the first clause and around those that have commas of their own, otherwise commas."""
    text = ""
    for place, clause in enumerate(clauses):
        ends = place == 1 or clause.stands_alone or (place > 0 and clauses[place - 1].stands_alone)
        text += ("; " if ends else ", ") if text else ""
        text += clause.long
    return text


def _closed(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _short(parts: Sequence[str]) -> str:
    """As many of the first parts as there is room for."""
    said = shortened(parts[0], SHORT_LENGTH_MAX) if parts else ""
    for part in parts[1:]:
        longer = f"{said}, {part}"
        if len(longer) > SHORT_LENGTH_MAX:
            break
        said = longer
    return said
