"""The summary of a sweep on the terminal: the largest hosts, what changed, what to do, the sentence last."""

from collections.abc import Iterator
from typing import Final

from mapsweep.terminal import change_table, host_table
from mapsweep.terminal.prose import command_lines, prose
from mapsweep.terminal.terminal import Style, Terminal, visible
from reports.report import Report
from reports.sentence import doubts, finding_words, first_advice, verdict
from reports.sentence.change_list import short_list
from reports.sentence.headline import headline
from reports.sentence.verdict import TOP_HOSTS, News, Word
from reports.text.sizes import day_time, number

CHANGES_MAX: Final = 5  # rows
FINDINGS_MAX: Final = 2
_WORD_STYLES: Final = {
    Word.OK: Style.GOOD,
    Word.PARTIAL: Style.ODD,
    Word.FAILED: Style.BAD,
    Word.OPEN: Style.ODD,
}


def summary_lines(
    report: Report, terminal: Terminal, places: tuple[str, ...], hints: tuple[str, ...], top: int = TOP_HOSTS
) -> Iterator[str]:
    """The lines of the summary; `places` are the paths of the report, `hints` the commands to run next.

    What matters most is nearest the prompt: the sentence is the last line, below it is nothing.
    """
    for block in (
        host_table.lines(report, terminal, top),
        _changes(report, terminal),
        _findings(report, terminal),
        _failures(report, terminal),
    ):
        lines = list(block)
        yield from lines
        if lines:
            yield ""
    yield from prose(f"{verdict.sums(report)} {verdict.counts(report)}.", terminal)
    if doubtful := doubts.line(report):
        yield from prose(doubtful, terminal)
    yield from (f"report: {visible(place)}" for place in places)
    for hint in hints:
        yield from command_lines("next:   ", hint, terminal)
    yield from _sentence(report, terminal)


def trouble_lines(report: Report, terminal: Terminal, places: tuple[str, ...]) -> Iterator[str]:
    """What --quiet tells of a run that did not go well: the sentence, the failures, where to read more."""
    yield from _sentence(report, terminal)
    yield from _failures(report, terminal)
    yield from (f"report: {visible(place)}" for place in places)


def _sentence(report: Report, terminal: Terminal) -> Iterator[str]:
    words, word = verdict.words(report), verdict.word(report)
    style = Style.ODD if verdict.news(report) is News.CHANGED and word is Word.OK else _WORD_STYLES[word]
    first, *rest = prose(f"{words}: {headline(report).sentence}", terminal)
    yield terminal.styled(words, style) + first.removeprefix(words)
    yield from rest


def _changes(report: Report, terminal: Terminal) -> Iterator[str]:
    """The first changes, the most important last: nearest the prompt."""
    told = short_list(report, CHANGES_MAX)
    if not told.rows:
        return
    since = f" since {day_time(report.run.compared_at)}" if report.run.compared_at else ""
    yield terminal.styled(f"changed{since}", Style.FAINT)
    if told.is_cut:
        yield f"  and {number(told.more)} more in the report"
    yield from change_table.lines(reversed(told.rows), terminal)


def _findings(report: Report, terminal: Terminal) -> Iterator[str]:
    """How many there are, then the first of different services with their advice, the most important last."""
    if not (counts := finding_words.counts(report)):
        return
    yield from prose(f"findings: {counts}", terminal)
    first = first_advice.of_services(report, FINDINGS_MAX)
    if (more := len(first_advice.asked_for(report)) - len(first)) > 0:
        yield f"  and {number(more)} more in the report"
    for group in reversed(first):
        yield from prose(finding_words.head(report, group), terminal, "  ")
        yield from prose(f"to do: {group.advice}", terminal, "    ")


def _failures(report: Report, terminal: Terminal) -> Iterator[str]:
    for line in verdict.failures(report):
        yield from prose(line, terminal)
