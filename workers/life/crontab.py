"""When a schedule's runs are due: cron's five fields, read in the schedule's own time zone.

Every matching local time is one instant in UTC. A time that does not exist when the clock goes forward is
moved by the length of the gap; a time that comes twice counts once. As in cron, if both day and weekday are
given, a day matches if either does.

The tests compare this with cronsim where no clock changes. Where one does, cronsim starts 2:30 at 3:00. It
leaves out `*/20 2` in spring and starts it in both hours in autumn, and in the second of these
it says that 2:45 of the first is next. Of a mistake it names the field alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS_SEARCHED = 40 * 366  # so far apart can be two 29 Februaries on one weekday, around 2100
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five fields: its name, its range, and the names of its numbers."""

    name: str
    first: int
    last: int
    names: tuple[str, ...] = ()

    def parse(self, text: str) -> frozenset[int]:
        """The numbers of a list of `*`, `N`, `A-B` and steps."""
        numbers: set[int] = set()
        for term in text.split(","):
            span, slash, step_text = term.partition("/")
            step = self._step(step_text) if slash else 1
            numbers.update(range(*self._bounds(span, stepped=bool(slash)), step))
        return frozenset(numbers)

    def _bounds(self, span: str, *, stepped: bool) -> tuple[int, int]:
        if span == "*":
            return self.first, self.last + 1
        first_text, dash, last_text = span.partition("-")
        if stepped and not dash:
            raise ValueError(f"{self.name}: a step needs a range, as in */5 or 10-50/5")
        first = self._number(first_text)
        last = self._number(last_text) if dash else first
        if last < first:
            raise ValueError(f"{self.name}: the range {span} runs backwards")
        return first, last + 1

    def _step(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= self.last):
            raise ValueError(f"{self.name}: the step {text!r} is not a number from 1 to {self.last}")
        return int(text)

    def _number(self, text: str) -> int:
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.first
        if not (text.isascii() and text.isdigit() and self.first <= int(text[:6]) <= self.last):
            raise ValueError(f"{self.name}: {text!r} is not from {self.first} to {self.last}")
        return int(text)


_MINUTE = _Field("minute", 0, 59)
_HOUR = _Field("hour", 0, 23)
_DAY = _Field("day of the month", 1, 31)
_MONTH = _Field("month", 1, 12, _MONTHS)
_WEEKDAY = _Field("weekday", 0, 7, _WEEKDAYS)


@dataclass(frozen=True, slots=True)
class Crontab:
    """Five fields and a time zone."""

    text: str
    zone: ZoneInfo
    times: tuple[time, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday
    either_day: bool  # day and weekday are both given

    def next_after(self, instant: datetime) -> datetime:
        """The first due time after an instant, in UTC."""
        today = instant.astimezone(self.zone).date()
        for day in _days(today - timedelta(days=1), 1):
            for due in self._due_on(day):
                if due > instant:
                    return due
        raise ValueError(f"{self.text}: no day matches")

    def last_until(self, instant: datetime) -> datetime:
        """The last due time up to an instant and at it, in UTC."""
        today = instant.astimezone(self.zone).date()
        for day in _days(today + timedelta(days=1), -1):
            for due in reversed(self._due_on(day)):
                if due <= instant:
                    return due
        raise ValueError(f"{self.text}: no day matches")

    def _due_on(self, day: date) -> list[datetime]:
        """The instants of a local day, in order."""
        if not self._matches(day):
            return []
        return sorted({datetime.combine(day, at, self.zone).astimezone(UTC) for at in self.times})

    def _matches(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_day or by_weekday if self.either_day else by_day and by_weekday


def parse(text: str, zone: str = "UTC") -> Crontab:
    """`minute hour day month weekday` in an IANA time zone; ValueError with the field at fault."""
    fields = text.split()
    if len(fields) != 5:
        raise ValueError(
            f"a crontab has five fields (minute hour day month weekday), {text!r} has {len(fields)}"
        )
    minute, hour, day, month, weekday = fields
    crontab = Crontab(
        text,
        _zone(zone),
        tuple(time(h, m) for h in sorted(_HOUR.parse(hour)) for m in sorted(_MINUTE.parse(minute))),
        _DAY.parse(day),
        _MONTH.parse(month),
        frozenset(number % 7 for number in _WEEKDAY.parse(weekday)),
        not day.startswith("*") and not weekday.startswith("*"),
    )
    crontab.next_after(datetime(2000, 1, 1, tzinfo=UTC))  # 31 February never comes
    return crontab


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"{name!r} is not a time zone of the IANA database, such as Europe/Berlin"
        ) from error


def _days(first: date, step: int) -> Iterator[date]:
    for index in range(DAYS_SEARCHED):
        yield first + timedelta(days=index * step)
