"""What stands of a scope, over some days: runs and missed ones, findings, mutes, growth; text and HTML."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from domain.moments import in_zone
from reports.changes.noise import GROWTH_FLOOR_BYTES, GROWTH_FLOOR_SHARE
from reports.findings.rows import FindingGroup, Standing
from reports.mail.mail_templates import templates
from reports.report import Report
from reports.sentence import verdict
from reports.tables import settled
from reports.tables.past_runs import PAST_RUNS_MAX
from reports.text.plain import printable, shortened
from reports.text.sizes import growth, instant, number, size
from reports.text.wrapped import wrapped

DAYS: Final = 7
DAYS_MAX: Final = 90
SHOWN_MAX: Final = 10  # lines of a section
NIGHTS_SHOWN_MAX: Final = 31
LINE_CHARS_MAX: Final = 400
WIDTH: Final = 78


@dataclass(frozen=True, slots=True)
class Night:
    """A run of the scope."""

    at: datetime
    asked: int | None  # None while it is open
    answered: int | None
    is_good: bool = False


@dataclass(frozen=True, slots=True)
class Missed:
    """A due time that did not become a run, and why."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Span:
    """What a digest is about."""

    scope: str
    until: datetime
    days: int = DAYS
    zone: str = "UTC"  # IANA, in which times are shown

    @property
    def since(self) -> datetime:
        """Its beginning."""
        return self.until - timedelta(days=self.days)


@dataclass(frozen=True, slots=True)
class Section:
    """A title and its lines; the count is of all, also of those that are not shown."""

    title: str
    lines: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Digest:
    """What is told: a subject, one sentence, and sections that have lines."""

    subject: str
    sentence: str
    sections: tuple[Section, ...]
    about: str


def digest(span: Span, nights: Sequence[Night], missed: Sequence[Missed], last: Report | None) -> Digest:
    """The digest of a scope, by its runs in the span and the report of its last one, if there is one."""
    groups = _Groups(span, last)
    grown = _grown(span, last) if last else ()
    sections = (
        Section("Runs", tuple(_nights(span, nights, missed)), len(nights) + len(missed)),
        _section(f"Stands for {span.days} days or more", groups.standing, span),
        _section("New in these days", groups.new, span),
        _section("First told in these days, but perhaps older", groups.older, span),
        _section("There since the first run that is kept", groups.first, span),
        _section("Resolved in these days", groups.resolved, span),
        *((_failing(last),) if last else ()),
        Section("Muted", tuple(_muted(groups.muted)), len(groups.muted)),
        Section("Grew most in these days", grown[:SHOWN_MAX], len(grown)),
    )
    counts = (*_dead(nights), *_counts(groups, missed, span))
    runs = f"{_count(len(nights), 'run')} in {_count(span.days, 'day')}"
    sentence = f"{printable(span.scope)}: {', '.join((runs, *counts))}."
    subject = f"{span.days} days: {', '.join(counts)}"
    if not nights:
        subject = f"NO RUN in {_count(span.days, 'day')}"
        sentence += " NO RUN CAME: see below, and `mapsweep schedule list`."
    return Digest(subject, sentence, tuple(each for each in sections if each.count), _about(span, last))


def _dead(nights: Sequence[Night]) -> Iterator[str]:
    """That no host answered in the last run that has ended: nothing else it says is news."""
    ended = [each for each in nights if each.answered is not None and each.asked]
    last = max(ended, key=lambda each: each.at, default=None)
    if last is not None and not last.answered:
        yield "NO HOST ANSWERED in the last run"


def _failing(last: Report) -> Section:
    """The hosts without a whole result in the run that the findings are of, by reason."""
    lines = (shortened(verdict.failure_line(each), LINE_CHARS_MAX) for each in last.failures[:SHOWN_MAX])
    return Section(f"Hosts failed or read in part in {last.run.run_id}", tuple(lines), len(last.failures))


def _first_run(last: Report) -> str:
    """The id of the first run that is kept, or "" if there may be earlier ones than the history has."""
    ids = last.tables.table(settled.HISTORY_RUNS)["run_id"]
    return str(ids[0]) if 0 < len(ids) <= PAST_RUNS_MAX else ""


def _no_news(last: Report) -> frozenset[str]:
    """The fingerprints that were no news when they were told first: looked for anew, by other rules, ..."""
    groups = last.tables.table(settled.FINDING_GROUPS, ("fingerprint", "first_standing"))
    return frozenset(groups.filter(pl.col("first_standing") == Standing.SAME)["fingerprint"])


def _counts(groups: "_Groups", missed: Sequence[Missed], span: Span) -> tuple[str, ...]:
    """What there is, the most important first; what there is not is left out."""
    standing = len(groups.standing)
    stands = "stands" if standing == 1 else "stand"
    return (
        *((f"{_count(len(missed), 'due time')} missed",) if missed else ()),
        f"{_count(standing, 'finding')} {stands} for {span.days} days or more",
        *(
            f"{number(len(found))} {what}"
            for found, what in (
                (groups.new, "new"),
                (groups.older, "first told, but perhaps older"),
                (groups.first, "there since the first run"),
                (groups.resolved, "resolved"),
                (groups.muted, "muted"),
            )
            if found
        ),
    )


def text(made: Digest) -> str:
    """The digest as plain text, at most 78 columns wide."""
    return "".join(f"{line}\n" for line in _text_lines(made))


def html(made: Digest) -> str:
    """The digest as HTML that loads nothing."""
    return templates().get_template("digest.html.j2").render(digest=made)


def _text_lines(made: Digest) -> Iterator[str]:
    yield from wrapped(made.sentence, "", WIDTH)
    for section in made.sections:
        yield from ("", section.title, "-" * len(section.title))
        for line in section.lines:
            yield from wrapped(line, "  ", WIDTH)
        if section.count > len(section.lines):
            yield f"  and {number(section.count - len(section.lines))} more"
    yield ""
    yield from wrapped(made.about, "", WIDTH)


class _Groups:
    """The findings by what a digest says of them; muted ones are only there."""

    def __init__(self, span: Span, last: Report | None) -> None:
        every = last.findings if last else ()
        first_run = _first_run(last) if last else ""
        no_news = _no_news(last) if last else frozenset()
        told = [each for each in every if not each.is_muted]
        self.muted = [each for each in every if each.is_muted and each.standing != Standing.RESOLVED]
        there = [each for each in told if each.standing != Standing.RESOLVED]
        lately = [each for each in there if _is_in(span, each.since_at)]
        self.first = [each for each in lately if each.since_run == first_run]  # nobody knows since when
        later = [each for each in lately if each.since_run != first_run]
        self.new = [each for each in later if each.fingerprint not in no_news]
        self.older = [each for each in later if each.fingerprint in no_news]
        self.standing = [each for each in there if not _is_in(span, each.since_at)]
        self.resolved = [
            each for each in told if each.standing == Standing.RESOLVED and _is_in(span, each.resolved_at)
        ]


def _is_in(span: Span, time_utc: str) -> bool:
    at = instant(time_utc)
    return at is not None and span.since < at <= span.until


def _section(title: str, groups: Sequence[FindingGroup], span: Span) -> Section:
    return Section(title, tuple(_line(each, span) for each in groups[:SHOWN_MAX]), len(groups))


def _line(group: FindingGroup, span: Span) -> str:
    since = instant(group.since_at)
    words = (
        shortened(group.title, LINE_CHARS_MAX),
        f"since {_day(since, span)}" if since else "",
        f"owner {shortened(group.owner, 40)}" if group.owner else "",
        f"concerns {size(group.bytes, plain=True)}" if group.bytes is not None else "",
    )
    found = "; ".join(filter(None, words))
    return f"{found}. {shortened(group.advice, LINE_CHARS_MAX)}" if group.advice else found


def _muted(groups: Sequence[FindingGroup]) -> Iterator[str]:
    for each in groups[:SHOWN_MAX]:
        until = f" until {printable(each.muted_until)}" if each.muted_until else ""
        yield f"{shortened(each.title, LINE_CHARS_MAX)}; muted{until}: {shortened(each.mute_reason, 200)}"


def _nights(span: Span, nights: Sequence[Night], missed: Sequence[Missed]) -> Iterator[str]:
    lines = [(each.at, _night(each)) for each in nights]
    lines += [(each.at, f"DID NOT RUN: {shortened(each.reason, LINE_CHARS_MAX)}") for each in missed]
    for at, line in sorted(lines)[-NIGHTS_SHOWN_MAX:]:
        yield f"{in_zone(at, span.zone)}: {line}"


def _night(night: Night) -> str:
    if night.answered is None or night.asked is None:
        return "not ended"
    return f"{number(night.answered)} of {_count(night.asked, 'host')} answered" + (
        "" if night.is_good else ", not complete"
    )


def _grown(span: Span, last: Report) -> tuple[str, ...]:
    """The hosts and services that grew beyond noise between the first and the last run of the span."""
    runs = last.tables.table(settled.HISTORY_RUNS)
    inside = [place for place, at in enumerate(runs["started_at"]) if _is_in(span, at)]
    if len(inside) < 2:
        return ()
    sizes = pl.col("anon_bytes").list
    rows = (
        last.tables.table(settled.HISTORY)
        .with_columns(
            before=sizes.get(inside[0], null_on_oob=True), now=sizes.get(inside[-1], null_on_oob=True)
        )
        .with_columns(change=pl.col("now") - pl.col("before"))
        .filter(
            (pl.col("change") >= GROWTH_FLOOR_BYTES)
            & (pl.col("change") >= GROWTH_FLOOR_SHARE * pl.col("before"))
        )
        .sort("change", "name", descending=[True, False])
        .select("subject", "name", "before", "now", "change")
    )
    return tuple(
        f"{subject} {shortened(name, 60)}: {growth(change, plain=True)}"
        f" ({size(before, plain=True)} to {size(now, plain=True)})"
        for subject, name, before, now, change in rows.iter_rows()
    )


def _about(span: Span, last: Report | None) -> str:
    words = (
        f"From {in_zone(span.since, span.zone)} to {in_zone(span.until, span.zone)}."
        " Growth is of resident anonymous memory and swap, between the first and the last of these runs;"
        " that of a service includes members that were added and lacks those that are gone."
    )
    if last is None:
        return f"{words} No run of {printable(span.scope)} is closed, so nothing is known of its hosts."
    return f"{words} Findings are those of {last.run.run_id}."


def _day(at: datetime, span: Span) -> str:
    return in_zone(at, span.zone).partition(" (")[0]


def _count(count: int, what: str) -> str:
    return f"{number(count)} {what}{'' if count == 1 else 's'}"
