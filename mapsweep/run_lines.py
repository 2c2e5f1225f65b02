"""What `mapsweep runs` says of each run, for people and as JSON."""

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from archive.catalogue import Catalogue, Entry
from archive.mail_record import MailRecord, refusals_of, withheld_of
from archive.run import WEBHOOK
from archive.run_mail import refusals_of_run
from archive.runs import Runs
from domain.records import Asker, Refusal
from reports.text import asker_words
from workers.here.locks import is_held
from workers.life.progress import progress_of


class State(StrEnum):
    """What is being done of a run."""

    CLOSED = "closed"
    AT_WORK = "at work"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run. Counts are unknown while it is open; what an older mapsweep did not count is unknown too."""

    run: str
    started_at: str  # UTC, RFC 3339
    closed_at: str | None
    age_s: int
    scope: str
    hosts: str
    asked: int
    ok: int | None
    partial: int | None
    failed: int | None
    complete: bool | None  # no host was given up at the deadline
    state: State
    done: int  # hosts that need nothing more
    native_heap_resident_max_bytes: int | None
    size_bytes: int | None
    has_dumps: bool
    rules_version: str | None
    note: str  # what an operator should know, or ""
    asker: Asker | None = None  # None: an older mapsweep planned it


def line_of(entry: Entry, catalogue: Catalogue, runs: Runs, now: datetime) -> RunLine:
    """The line of a run; of an open one, its folders are listed."""
    closed = entry.closed
    return RunLine(
        run=entry.run_id,
        started_at=entry.started_at,
        closed_at=closed.closed_at if closed else None,
        age_s=int(entry.age(now).total_seconds()),
        scope=entry.scope,
        hosts=entry.hosts,
        asked=entry.asked,
        ok=closed.ok if closed else None,
        partial=closed.partial if closed else None,
        failed=closed.failed if closed else None,
        complete=closed.complete if closed else None,
        state=State.CLOSED if closed else _state_of_open(entry, runs),
        done=closed.asked if closed else progress_of(catalogue.run(entry.run_id)).ended,
        native_heap_resident_max_bytes=closed.native_heap_resident_max_bytes if closed else None,
        size_bytes=entry.size_bytes,
        has_dumps=entry.has_dumps,
        rules_version=closed.rules_version if closed else None,
        note="; ".join(
            filter(None, (_note(entry), _mail_note(entry, catalogue, runs), _webhook_note(entry, runs)))
        ),
        asker=entry.asker,
    )


def as_json(line: RunLine) -> dict[str, object]:
    """A line for --json; what is not known of who asked is null."""
    return {**asdict(line), "asker": asker_words.document(line.asker)}


def _state_of_open(entry: Entry, runs: Runs) -> State:
    is_at_work = entry.is_queued or is_held(runs.store.under(entry.run_id))
    return State.AT_WORK if is_at_work else State.STOPPED


def _note(entry: Entry) -> str:
    if entry.closed is not None and not entry.closed.complete:
        return "the deadline came before all hosts were done"
    return ""


def _mail_note(entry: Entry, catalogue: Catalogue, runs: Runs) -> str:
    """Who has not got the mail and why, and when it is tried again."""
    if entry.closed is None:
        return ""
    if not entry.is_unmailed:
        place = runs.store.under(entry.run_id)
        withheld = withheld_of(place)
        return "; ".join(
            filter(None, (withheld and f"no mail: {withheld}", _refused(refusals_of_run(place))))
        )
    mail = catalogue.run(entry.run_id).mail
    if mail.is_over():
        return ""
    posted = mail.posted()
    following = posted.next_at()
    when = f", next try {following:%H:%M} UTC" if following else ""
    why = posted.why()
    return f"not mailed yet{when}" + (f": {why}" if why else "")


def _webhook_note(entry: Entry, runs: Runs) -> str:
    """Whether the webhook has not got its news, and why."""
    place = runs.store.under(f"{entry.run_id}/{WEBHOOK}")
    if not entry.is_unposted:
        gone = refusals_of(place)
        return f"not posted to {gone[0]}" if gone else ""
    why = MailRecord(place, (WEBHOOK,)).posted().why()
    return "its news are not posted yet" + (f": {why}" if why else "")


def _refused(refusals: tuple[Refusal, ...]) -> str:
    """Who did not get it in the end."""
    if not refusals:
        return ""
    more = f" (and {len(refusals) - 1} more)" if len(refusals) > 1 else ""
    return f"not mailed to {refusals[0]}{more}"
