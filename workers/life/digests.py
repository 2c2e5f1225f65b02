"""Makes the digest of a scope from the archive, as a notice that the outbox mails."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final

from archive.notices import Notice
from archive.retries import retried
from archive.run_ids import name_in_ids, name_of, started_of
from archive.runs import Runs
from archive.schedule_records import ScheduleRecords, State
from domain.mistakes import OperatorError
from domain.moments import written

if TYPE_CHECKING:
    from reports.mail.digest import Missed, Night, Span
    from reports.report import Report

_NO_RUN: Final = frozenset({State.FAILED, State.MISSED, State.SKIPPED})

# Polars and Jinja take 0.2 s to start: only what is rendered imports them.


def digest_notice(runs: Runs, span: "Span", to: tuple[str, ...]) -> Notice:
    """What stands of a scope at the end of a span; there is one notice about one scope and end."""
    from reports.mail import digest  # noqa: PLC0415 # see above

    ids = tuple(_ids(runs, span.scope, span.until))
    nights = tuple(night for night in _nights(runs, span, ids) if span.since < night.at)
    made = digest.digest(span, nights, tuple(_missed(runs, span)), _last(runs, span.scope, ids))
    return Notice(
        about=f"digest of {span.scope} to {written(span.until)}",
        to=to,
        subject=f"{span.scope}, {made.subject}",
        text=digest.text(made),
        at=written(span.until),
        html=digest.html(made),
    )


def _ids(runs: Runs, scope: str, until: datetime) -> Iterator[str]:
    """The ids of the runs that have the name of the scope, and began by then, the newest first."""
    name = name_in_ids(scope)
    for run_id in reversed(runs.ids()):
        started = started_of(run_id)
        if started is not None and started <= until and name_of(run_id) == name:
            yield run_id


def _nights(runs: Runs, span: "Span", ids: tuple[str, ...]) -> Iterator["Night"]:
    from reports.mail.digest import Night  # noqa: PLC0415 # see above

    for run_id in ids:
        started = started_of(run_id)
        if started is None or started <= span.since:
            return
        closed = runs.closed(run_id)
        if closed is None:
            yield Night(started, None, None)
        elif closed.scope in ("", span.scope) and not retried(closed.hosts)[1]:
            yield Night(started, closed.asked, closed.answered, closed.is_good)


def _missed(runs: Runs, span: "Span") -> Iterator["Missed"]:
    from reports.mail.digest import Missed  # noqa: PLC0415 # see above

    record = ScheduleRecords(runs.store).read(span.scope) if _is_file_name(span.scope) else None
    for due in record.dues if record else ():
        at = datetime.fromisoformat(due.due_at)
        if due.state in _NO_RUN and span.since < at <= span.until:
            yield Missed(at, due.reason or due.state.value)


def _is_file_name(scope: str) -> bool:
    return "/" not in scope and scope not in ("", ".", "..")


def _last(runs: Runs, scope: str, ids: tuple[str, ...]) -> "Report | None":
    """The report of the last run that is complete, or else closed; None if it cannot be read."""
    from reports.report import report  # noqa: PLC0415 # see above

    ended = (each for each in map(runs.closed, ids) if each is not None and each.scope in ("", scope))
    closed = [each for each in ended if not retried(each.hosts)[1]]
    for each in sorted(closed, key=lambda one: not one.is_good)[:1]:
        try:
            return report(runs.by_id(each.run_id))
        except OperatorError:  # closed by an older mapsweep, or its tables are gone
            return None
    return None
