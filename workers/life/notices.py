"""The words of notices: what did not start or end, why, and what is done about it."""

import textwrap
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from archive.notices import Notice
from archive.run import Run
from domain.moments import written
from workers.life.schedules import Overlap, Schedule

TIMES_SHOWN_MAX: Final = 10
TEXT_WIDTH: Final = 78
REASON_CHARS_MAX: Final = 2000
_SEE: Final = "`mapsweep schedule list` shows what became of each due time, `mapsweep runs` the runs."


def not_started(schedule: Schedule, due: datetime, reason: str, now: datetime) -> Notice:
    """A start fails, and is tried again."""
    return _notice(
        *(schedule, f"{written(due)} fails", now, f"{_when(schedule, due)} has not started"),
        f"The run of the schedule {schedule.name} that was due at {schedule.shown(due)} has not started.",
        f"Why: {_cut(reason)}",
        f"It is tried again until {_late(schedule)}. {_SEE}",
    )


def gone(schedule: Schedule, missed: Sequence[tuple[datetime, str]], now: datetime) -> Notice:
    """Due times of which nothing becomes any more, each with its reason."""
    last = missed[-1][0]
    shown = [f"{schedule.shown(due)}: {_cut(reason)}" for due, reason in missed[:TIMES_SHOWN_MAX]]
    if len(missed) > TIMES_SHOWN_MAX:
        shown.append(f"and others, the last at {schedule.shown(last)}")
    runs = "This run" if len(missed) == 1 else "These runs"
    return _notice(
        *(schedule, f"{written(last)} gone", now, f"{_when(schedule, last)} did not start"),
        f"{runs} of the schedule {schedule.name} did not start, and will not be made up for:",
        *shown,
        f"A start is made up for until {_late(schedule)}, and until the next one is due. Nobody looks after"
        " schedules while beat, Redis, or all workers of the queue `report` are down."
        f" {_SEE}",
    )


def skipped(schedule: Schedule, due: datetime, running: str, now: datetime) -> Notice:
    """A due time was skipped because the run before is still at work."""
    return _notice(
        *(schedule, f"skipped for {running}", now, f"{_when(schedule, due)} was skipped"),
        f"The run of the schedule {schedule.name} that was due at {schedule.shown(due)} was skipped, because"
        f" {running} is still at work. As long as it is, further due times are skipped without another mail.",
        f"With `overlap: {Overlap.QUEUE}` in the settings of the schedule it would wait; with"
        f" `overlap: {Overlap.BOTH}` both would run. {_SEE}",
    )


def untended(schedule: Schedule, reason: str, now: datetime) -> Notice:
    """A schedule of which nothing can be started, nor told."""
    return _notice(
        *(schedule, f"untended: {reason}", now, f"{schedule.name} is not looked after"),
        f"No worker can look after the schedule {schedule.name}, so none of its runs starts.",
        f"Why: {_cut(reason)}",
        "It goes on by itself as soon as that is mended.",
    )


def unseen(names: Sequence[str], to: tuple[str, ...], reason: str, now: datetime) -> Notice:
    """No worker sees the archive, so that no schedule is looked after."""
    shown = ", ".join(names[:TIMES_SHOWN_MAX]) + (", ..." if len(names) > TIMES_SHOWN_MAX else "")
    text = _paragraphs(
        f"No worker can use the folder of the runs, so no run starts or ends. Schedules: {shown}.",
        f"Why: {_cut(reason)}",
        "They go on by themselves as soon as that is mended, and make up for what is not too late by then"
        " (`late_s` in the settings).",
    )
    about = f"archive: unseen by all, to {' '.join(to)}"
    return Notice(about, to, "no run starts: the folder of the runs cannot be used", text, written(now))


def removed(schedule: Schedule, run_id: str, now: datetime) -> Notice:
    """A run of a schedule whose folder is gone before its report was mailed."""
    return _notice(
        *(schedule, f"{run_id} is gone", now, f"{run_id} was removed"),
        f"The run {run_id} of the schedule {schedule.name} was removed before its report was mailed, so there"
        f" is none. The next run of {schedule.name} starts at its time. {_SEE}",
    )


def stuck(schedule: Schedule, run_id: str, reason: str, now: datetime) -> Notice:
    """A run of a schedule that no worker can look after, so that its report does not come."""
    return _notice(
        *(schedule, f"{run_id} is stuck", now, f"{run_id}: the workers cannot go on"),
        f"The workers cannot go on with {run_id} of the schedule {schedule.name}: its report does not come.",
        f"Why: {_cut(reason)}",
        "They go on by themselves as soon as that is mended. Until then the run is kept as it is, and is not"
        f" waited for: the next run of {schedule.name} starts at its time. {_SEE}",
    )


def unfinished(run: Run, now: datetime) -> Notice:
    """A run whose report kills the workers that make it."""
    text = _paragraphs(
        f"The run {run.run_id} was swept, but its report could not be made: each worker that began to close,"
        " render or mail it died, perhaps because memory is short. It is not tried again.",
        "The results are kept. Where there is more memory, this makes the report and mails it:",
        f"    mapsweep collect --resume {run.url}",
    )
    subject = f"{run.run_id}: no report"
    return Notice(f"{run.run_id} unfinished", run.manifest.mail_to, subject, text, written(now), run.run_id)


def _notice(schedule: Schedule, what: str, now: datetime, subject: str, *paragraphs: str) -> Notice:
    about = f"schedule {schedule.name}: {what}"
    return Notice(about, schedule.mail_to, subject, _paragraphs(*paragraphs), written(now))


def _paragraphs(*texts: str) -> str:
    filled = (
        textwrap.fill(each, TEXT_WIDTH, break_long_words=False, break_on_hyphens=False) for each in texts
    )
    return "\n\n".join(filled) + "\n"


def _late(schedule: Schedule) -> str:
    return f"{schedule.late_s // 60} minutes after its time (`late_s` in the settings)"


def _when(schedule: Schedule, due: datetime) -> str:
    local = due.astimezone(ZoneInfo(schedule.time_zone))
    return f"{schedule.name} of {local:%d %b %H:%M}"


def _cut(reason: str) -> str:
    return " ".join(reason[:REASON_CHARS_MAX].split())
