"""Thresholds of a sweep: `--fail-on native-heap=20G` ends it with exit code 1."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from domain.mistakes import Mistake, OperatorError
from reports.report import Report
from reports.rows import HostRow
from reports.sizes import parse, size

MEASURES: dict[str, Callable[[HostRow], int | None]] = {
    "native-heap": lambda host: host.native_heap_resident_max_bytes,
    "stacks": lambda host: host.stacks_resident_max_bytes,
    "growth": lambda host: host.growth_bytes,
    "bloat": lambda host: host.bloat_bytes,
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """A measure of a host, and the size at which the threshold is met."""

    measure: str
    limit_bytes: int

    def met_by(self, host: HostRow) -> bool:
        """Whether the host has at least that much; an unknown size meets no threshold."""
        amount_bytes = MEASURES[self.measure](host)
        return amount_bytes is not None and amount_bytes >= self.limit_bytes


def thresholds(typed: tuple[str, ...]) -> tuple[Threshold, ...]:
    """The thresholds as typed, MEASURE=SIZE each; OperatorError with every mistake in them."""
    found: list[Threshold] = []
    mistakes: list[Mistake] = []
    for text in typed:
        measure, equals, amount = text.partition("=")
        place = f"--fail-on {text}"
        if measure not in MEASURES or not equals:
            mistakes.append(Mistake(place, "is not MEASURE=SIZE", f"measures: {', '.join(MEASURES)}"))
            continue
        try:
            found.append(Threshold(measure, parse(amount)))
        except ValueError as error:
            mistakes.append(Mistake(place, str(error)))
    if mistakes:
        raise OperatorError(*mistakes)
    return tuple(found)


def met(wanted: tuple[Threshold, ...], report: Report) -> Iterator[str]:
    """One sentence per threshold that is met, with the host that has the most."""
    for threshold in wanted:
        measure = MEASURES[threshold.measure]
        over = [host for host in report.hosts if threshold.met_by(host)]
        if over:
            worst = max(over, key=lambda host: measure(host) or 0)
            limit = size(threshold.limit_bytes, plain=True)
            most = size(measure(worst), plain=True)
            hosts = f"{len(over)} of {len(report.hosts)} hosts"
            yield f"{threshold.measure} of {limit} is met by {hosts}; the largest: {worst.name}, {most}"
