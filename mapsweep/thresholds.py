"""Thresholds of a sweep: `--fail-on native-heap=20G`, `--fail-on regressed` end it with exit code 1."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from domain.mistakes import Mistake, OperatorError
from reports.findings.rows import Standing
from reports.report import Report
from reports.rows import HostRow
from reports.sentence import verdict
from reports.sentence.headline import headline
from reports.text.sizes import parse, size

MEASURES: Final[dict[str, Callable[[HostRow], int | None]]] = {
    "native-heap": lambda host: host.native_heap_resident_max_bytes,
    "stacks": lambda host: host.stacks_resident_max_bytes,
    "growth": lambda host: host.growth_bytes,
    "bloat": lambda host: host.bloat_bytes,
}


def _has_new_finding(report: Report) -> bool:
    compared = bool(report.run.findings_compared_with)
    return compared and any(one.is_news and one.standing == Standing.NEW for one in report.findings)


NEWS: Final[dict[str, Callable[[Report], bool]]] = {  # against the run compared with; none without one
    "changed": lambda report: verdict.news(report) is verdict.News.CHANGED,
    "regressed": verdict.regressed,
    "new-finding": _has_new_finding,
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A measure of a host with the size at which the threshold is met, or a sort of news."""

    measure: str
    limit_bytes: int | None = None  # None: news

    @property
    def typed(self) -> str:
        """What to type for it."""
        return self.measure if self.limit_bytes is None else f"{self.measure}={self.limit_bytes}"

    def met_by(self, host: HostRow) -> bool:
        """Whether the host has at least that much; an unknown size meets no threshold."""
        amount_bytes = MEASURES[self.measure](host)
        return amount_bytes is not None and self.limit_bytes is not None and amount_bytes >= self.limit_bytes


def thresholds(typed: tuple[str, ...]) -> tuple[Threshold, ...]:
    """The thresholds as typed, MEASURE=SIZE or a sort of news; OperatorError with every mistake in them."""
    found: list[Threshold] = []
    mistakes: list[Mistake] = []
    for text in typed:
        measure, equals, amount = text.partition("=")
        place = f"--fail-on {text}"
        if text in NEWS:
            found.append(Threshold(text))
            continue
        if measure not in MEASURES or not equals:
            remedy = f"measures: {', '.join(MEASURES)}; news: {', '.join(NEWS)}"
            mistakes.append(Mistake(place, "is neither MEASURE=SIZE nor a sort of news", remedy))
            continue
        try:
            found.append(Threshold(measure, parse(amount)))
        except ValueError as error:
            mistakes.append(Mistake(place, str(error)))
    if mistakes:
        raise OperatorError(*mistakes)
    return tuple(found)


def met(wanted: tuple[Threshold, ...], report: Report) -> Iterator[str]:
    """One sentence per threshold that is met: with the host that has the most, or with the news."""
    for threshold in wanted:
        if threshold.limit_bytes is None:
            if NEWS[threshold.measure](report):
                yield f"{threshold.measure}: {headline(report).short}"
            continue
        measure = MEASURES[threshold.measure]
        over = [host for host in report.hosts if threshold.met_by(host)]
        if over:
            worst = max(over, key=lambda host: measure(host) or 0)
            limit = size(threshold.limit_bytes, plain=True)
            most = size(measure(worst), plain=True)
            hosts = f"{len(over)} of {len(report.hosts)} hosts"
            yield f"{threshold.measure} of {limit} is met by {hosts}; the largest: {worst.name}, {most}"
