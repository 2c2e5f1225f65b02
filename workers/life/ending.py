"""The end of a run: closed, rendered, mailed. Each step can be repeated, and goes on where it was stopped."""

import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from archive.dump_keys import DumpKeys
from archive.folder import Folder
from archive.mail_record import Sender
from archive.run import PAGE, Run
from archive.runs import open_run, runs_beside
from collector.process_beside import ProcessLostError
from collector.processes import Processes
from domain.mistakes import Mistake, OperatorError
from domain.moments import now
from domain.records import Closed, Host
from workers.life import outbox
from workers.life.audit import SILENT, Audit
from workers.life.outbox import Mailed, mail_run
from workers.life.tries import Tell, to_nobody
from workers.life.webhook import post_run

if TYPE_CHECKING:
    from reports.mail.delivery import MailSettings
    from reports.webhook.hook_settings import HookSettings

SO_FAR: Final = "so-far.html"  # the page of a run that is open
KEPT_TABLES: Final = ("hosts", "services")  # as CSV in report/; `mapsweep report` prints all others
_FILES: Final = ((*(f"{table}.csv" for table in KEPT_TABLES), "report.json"), (PAGE,))
_OF_OLDER: Final = ("processes.csv", "footprints.csv")  # would tell what the run was before it was made again

log = logging.getLogger("workers")

# Polars starts threads, which do not survive a fork, and takes 0.2 s: only steps that need it import it.


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, and what became of the mail to those whom it names."""

    closed: Closed
    mailed: Mailed = field(default_factory=Mailed)
    posted: Mailed | None = None  # to the webhook; None: nothing was to be posted now


def finish(
    run: Run,
    mail: "MailSettings | None",
    sender: Sender,
    hook: "HookSettings | None" = None,
    *,
    tell: Tell = to_nobody,
    audit: Audit = SILENT,
) -> Ended:
    """End a run whose hosts all have an outcome; it is mailed once, to its list, and its news are posted.

    Where that cannot be done, `mailed` and `posted` say so, and it is tried again: the report is there.
    `tell` gets a sentence before each pause between attempts.
    """
    was_open = run.closed() is None
    closed = close_run(run)
    if was_open:
        audit.ended(run.manifest, closed)
    _render_beside(run)
    return Ended(closed, mail_run(run, mail, sender, tell), post_run(run, hook, sender, tell=tell))


def left_by_workers(run: Run) -> Ended | None:
    """How a run ended that others finished; None if it is open."""
    closed = run.closed()
    return None if closed is None else Ended(closed, outbox.so_far(run.mail))


@contextmanager
def so_far(run: Run, hosts: tuple[Host, ...] | None = None) -> Iterator[Run]:
    """What has come in of an open run, settled elsewhere to be reported; a closed run as it is.

    With `hosts`, of these alone: what compares them with other hosts of the run is not known then.
    """
    if run.closed() is not None:
        yield run
        return
    from reports.closing.settle import settle  # noqa: PLC0415 # starts Polars

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
    from reports.closing.settle import settle  # noqa: PLC0415 # starts Polars

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
    for line in _written(run, tuple(chain.from_iterable(_FILES))):
        log.debug("%s", line)


def _render_beside(run: Run) -> None:
    """`render_report` in processes of their own: each keeps the memory that a large table took before."""
    for files in _FILES:
        beside = Processes(1)
        try:
            lines = beside.run(
                lambda: False, lambda: math.inf, _lines, run.url, run.generation, run.keys, files
            )
        except ProcessLostError:
            problem = "closed, but without a report: the process that rendered it was killed"
            remedy = f"see that there is enough memory, then: mapsweep report {run.run_id}"
            raise OperatorError(Mistake(run.run_id, problem, remedy)) from None
        finally:
            beside.stop()
        for line in lines:
            log.debug("%s", line)


def _lines(run_url: str, generation: str, keys: DumpKeys, files: tuple[str, ...]) -> list[str]:
    """Runs in a process beside, which has nowhere to log."""
    run = open_run(run_url)
    return list(_written(Run(run.store, run.manifest, generation, keys), files))


def _written(run: Run, files: tuple[str, ...]) -> Iterator[str]:
    """Write some files of the report, with a line on each."""
    from reports.formats import exports, render_json  # noqa: PLC0415 # start Polars and Jinja
    from reports.page import page  # noqa: PLC0415 # likewise
    from reports.report import report  # noqa: PLC0415 # likewise

    settled = report(run)
    renderers: dict[str, Callable[[], Iterable[bytes]]] = {
        **{f"{name}.csv": partial(exports.rows, settled.tables, name, exports.CSV) for name in KEPT_TABLES},
        "report.json": partial(render_json.render, settled),
        PAGE: lambda: [page.render(settled)],
    }
    for name in files:
        yield _write(run, name, renderers[name])
    if PAGE in files:
        for name in (SO_FAR, *_OF_OLDER):
            run.remove_report(name)


def _write(run: Run, name: str, render: Callable[[], Iterable[bytes]]) -> str:
    """Render one file of the report, and keep it piece by piece; what it took."""
    began_s, written_bytes = time.monotonic(), 0

    def pieces() -> Iterator[bytes]:
        nonlocal written_bytes
        for piece in render():
            written_bytes += len(piece)
            yield piece

    run.write_report(name, pieces())
    return f"{run.run_id}: render: {name}, {written_bytes} bytes, {time.monotonic() - began_s:.3f} s"
