"""mapsweep schedule: what is due, and what became of it."""

import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mapsweep import documents
from mapsweep.options import config_option, json_option, load, runs_option
from mapsweep.terminal.exits import Exit
from mapsweep.terminal.prose import under_its_indent
from mapsweep.terminal.terminal import terminal_of

if TYPE_CHECKING:
    from archive.schedule_records import Due, ScheduleRecord
    from workers.life.schedules import Schedule

_FURTHER = " " * 12  # below what became of a due time


@click.group(short_help="Show what is due, and what became of it.")
def schedule() -> None:
    """Show what is due, and what became of it."""


@schedule.command("list")
@click.option(
    "--limit", type=click.IntRange(1, 60), default=5, show_default=True, help="Due times per schedule."
)
@json_option
@runs_option
@config_option
def list_(*, limit: int, as_json: bool, runs_url: str | None, config: Path | None) -> int:
    """List the schedules, when each is due next, and what became of its last due times.

    Exit code 1 if the last due time of a schedule did not become a run. The broker is not asked.
    """
    from archive.runs import Runs  # noqa: PLC0415 - --help does not wait for it
    from archive.schedule_records import ScheduleRecords  # noqa: PLC0415 - likewise
    from mapsweep.due_lines import last_bad, owed_at  # noqa: PLC0415 - likewise
    from mapsweep.settings.for_workers import schedules  # noqa: PLC0415 - likewise

    settings, now = load(config, runs=runs_url), datetime.now(UTC)
    records = ScheduleRecords(Runs(settings.runs).store)
    known = [(each, records.read(each.name)) for each in schedules(settings)]
    if as_json:
        documents.echo(schedules=[_as_json(*each, now, limit) for each in known])
    else:
        terminal = terminal_of(sys.stdout)
        if not known:
            click.echo("no schedule is set; add one to mapsweep.yaml", err=True)
        for number, each in enumerate(known):
            if number:
                click.echo()
            for line in _lines(*each, now, limit):
                for shown in under_its_indent(line, terminal):
                    click.echo(shown)
    is_bad = any(last_bad(record) or owed_at(each, record, now) for each, record in known)
    return Exit.THRESHOLD if is_bad else Exit.OK


def _as_json(
    schedule: "Schedule", record: "ScheduleRecord | None", now: datetime, limit: int
) -> dict[str, object]:
    from mapsweep.due_lines import owed_at  # noqa: PLC0415 - --help does not wait for it

    dues = record.dues[-limit:] if record else ()
    owed = owed_at(schedule, record, now)
    return {
        **{key: value for key, value in asdict(schedule).items() if key != "mail_to"},
        "mail": list(schedule.mail_to),
        "next_at": schedule.due.next_after(now).isoformat(timespec="seconds"),
        "since": record.since if record else None,
        "owed_at": owed.isoformat(timespec="seconds") if owed else None,
        "dues": [asdict(due) for due in dues],
    }


def _lines(schedule: "Schedule", record: "ScheduleRecord | None", now: datetime, limit: int) -> Iterator[str]:
    from mapsweep.due_lines import NOBODY, OWED, owed_at  # noqa: PLC0415 - --help does not wait for it
    from reports.text.sizes import duration  # noqa: PLC0415 - likewise

    due = schedule.due.next_after(now)
    yield f"{schedule.name}: {schedule.hosts}, {schedule.crontab} {schedule.time_zone}"
    yield f"  next  {schedule.shown(due)}, in {duration((due - now).total_seconds())}"
    if record is None:
        yield "  nobody has looked after it yet: it needs `mapsweep beat` and a worker"
        return
    if owed := owed_at(schedule, record, now):
        yield f"  {OWED:<9} {schedule.shown(owed)}"
        yield f"{_FURTHER}{NOBODY}"
    for each in reversed(record.dues[-limit:]):
        at = datetime.fromisoformat(each.due_at)
        yield from _due_lines(each, f"  {each.state:<9} {schedule.shown(at)}")


def _due_lines(due: "Due", start: str) -> Iterator[str]:
    yield start
    if due.run_id:
        yield f"{_FURTHER}{due.run_id}"
    if due.reason:
        yield f"{_FURTHER}{due.reason}"
