"""The end of a run: closed, rendered, mailed. Each step can be repeated, and goes on where it was stopped."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from archive.folder import Folder
from archive.mail_record import Sender
from archive.run import PAGE, Run
from archive.runs import runs_beside
from domain.mistakes import Mistake, OperatorError
from domain.moments import now
from domain.records import Closed, Host
from workers.life import outbox
from workers.life.outbox import Mailed, mail_run

if TYPE_CHECKING:
    from reports.delivery import MailSettings

SO_FAR: Final = "so-far.html"  # the page of a run that is open
KEPT_TABLES: Final = ("hosts", "services")  # as CSV in report/; `mapsweep report` prints all others
_OF_OLDER: Final = ("processes.csv", "footprints.csv")  # would tell what the run was before it was made again

log = logging.getLogger("workers")

# Polars starts threads, which do not survive a fork, and takes 0.2 s: only steps that need it import it.


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, and what became of the mail to those whom it names."""

    closed: Closed
    mailed: Mailed = field(default_factory=Mailed)


def finish(run: Run, mail: "MailSettings | None", sender: Sender) -> Ended:
    """End a run whose hosts all have an outcome; it is mailed once, to its list.

    Where it cannot be mailed, `mailed` says so, and the outbox has it: the report is there anyway.
    """
    closed = close_run(run)
    render_report(run)
    return Ended(closed, mail_run(run, mail, sender))


def left_by_workers(run: Run) -> Ended | None:
    """How a run ended that others finished; None if it is open."""
    closed = run.closed()
    return None if closed is None else Ended(closed, outbox.so_far(run.mail_record))


@contextmanager
def so_far(run: Run, hosts: tuple[Host, ...] | None = None) -> Iterator[Run]:
    """What has come in of an open run, settled elsewhere to be reported; a closed run as it is.

    With `hosts`, of these alone: what compares them with other hosts of the run is not known then.
    """
    if run.closed() is not None:
        yield run
        return
    from reports.settle import settle  # noqa: PLC0415 # starts Polars

    with TemporaryDirectory(prefix="mapsweep-so-far-") as folder:
        place = Path(folder, run.run_id)
        place.mkdir()
        manifest = run.manifest if hosts is None else replace(run.manifest, hosts=hosts)
        shown = Run(Folder(str(place)), manifest, run.generation)
        part = Run(run.store, manifest, run.generation)
        shown.close(settle(part, runs_beside(run), "", into=shown))
        yield shown


def close_run(run: Run) -> Closed:
    """Close a run whose hosts all have an outcome, and write its tables. A closed run stays closed."""
    closed = run.closed()
    if closed is not None:
        return closed
    from reports.settle import settle  # noqa: PLC0415 # starts Polars

    if lost := run.lost_by_remaking():
        raise _would_lose(run, lost)
    began_s = time.monotonic()
    closed = settle(run, runs_beside(run), now())
    if not run.manifest.keep_dumps:
        # dumps of a process that was killed before it removed them
        for host in run.dumped() & run.standing().done:
            run.remove_dump(host)
    if not run.close(closed):
        return close_run(run)
    run.forget_replaced()
    log.info(
        "%s: close: %d ok, %d partial, %d failed, %d parts of each table, %.3f s",
        *(run.run_id, closed.ok, closed.partial, closed.failed, closed.parts, time.monotonic() - began_s),
    )
    return closed


def _would_lose(run: Run, lost: Sequence[str]) -> OperatorError:
    """Hosts with a result would have none. The failures are forgotten, so that it can be repeated."""
    failure = next(each.failure for each in run.each_outcome([run.host(lost[0])]))
    reason = f"{failure.reason}: {failure.detail}" if failure else "no outcome"
    run.forget_unreadable()
    problem = f"stays as it was: {len(lost)} hosts with a result would lose it, first {lost[0]!r} ({reason})"
    return OperatorError(
        Mistake(
            run.run_id,
            problem,
            "restore the dump from a copy; if this machine was at fault, run the same command again",
        )
    )


def render_report(run: Run) -> None:
    """Write the report of a closed run; the page last, so that its presence says that all is there."""
    from reports import exports, render_json  # noqa: PLC0415 # start Polars and Jinja
    from reports.page import page  # noqa: PLC0415 # likewise
    from reports.report import report  # noqa: PLC0415 # likewise

    settled = report(run)
    for table in KEPT_TABLES:
        _write(run, f"{table}.csv", partial(exports.rows, settled.tables, table, exports.CSV))
    _write(run, "report.json", lambda: render_json.render(settled))
    _write(run, PAGE, lambda: [page.render(settled)])
    for name in (SO_FAR, *_OF_OLDER):
        run.remove_report(name)


def _write(run: Run, name: str, render: Callable[[], Iterable[bytes]]) -> None:
    """Render one file of the report, and keep it piece by piece."""
    began_s, written_bytes = time.monotonic(), 0

    def pieces() -> Iterator[bytes]:
        nonlocal written_bytes
        for piece in render():
            written_bytes += len(piece)
            yield piece

    run.write_report(name, pieces())
    log.debug("%s: render: %s, %d bytes, %.3f s", run.run_id, name, written_bytes, time.monotonic() - began_s)
