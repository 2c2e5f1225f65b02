"""The end of a run: closed, rendered, mailed. Each step can be repeated, and goes on where it was stopped."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from archive.runs import Run, runs_beside
from domain.moments import now
from domain.records import Closed

if TYPE_CHECKING:
    from reports.delivery import Delivery, MailSettings

PAGE: Final = "index.html"
NO_SERVER: Final = "no mail server is set"
NOT_MAILED: Final = "the workers did not mail it; their log says why"

log = logging.getLogger("workers")

# Polars starts threads, which do not survive a fork, and costs 0.2 s: the steps that need it import it.


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended, and what became of the mail to those whom it names."""

    closed: Closed
    delivery: "Delivery | None" = None  # None where nothing was sent: to nobody, not again, or not at all
    unmailed: str = ""  # why nobody got what all should have


def finish(run: Run, mail: "MailSettings | None") -> Ended:
    """End a run whose hosts all have an outcome; it is mailed once, to its list.

    Where it cannot be mailed, `unmailed` says so: the report is there anyway.
    """
    from reports.delivery import DeliveryError  # noqa: PLC0415

    closed = close_run(run)
    render_report(run)
    if not _is_to_be_mailed(run):
        return Ended(closed)
    if mail is None:
        return Ended(closed, unmailed=NO_SERVER)
    try:
        return Ended(closed, mail_to_list(run, mail))
    except DeliveryError as error:
        return Ended(closed, unmailed=error.reason)


def left_by_workers(run: Run) -> Ended | None:
    """How a run ended that others finished; None where it is open."""
    closed = run.closed()
    if closed is None:
        return None
    return Ended(closed, unmailed=NOT_MAILED if _is_to_be_mailed(run) else "")


def close_run(run: Run) -> Closed:
    """Settle a run whose hosts all have an outcome: its tables, how many answered. Closed stays closed."""
    closed = run.closed()
    if closed is not None:
        return closed
    from reports.settle import settle  # noqa: PLC0415 # starts Polars

    began_s = time.monotonic()
    closed = settle(run, runs_beside(run), now())
    if not run.manifest.keep_dumps:
        for host in run.dumped() & run.standing().done:  # of one who was killed before the removal
            run.remove_dump(host)
    if not run.close(closed):
        return close_run(run)
    run.forget_replaced()
    log.debug(
        "%s: close: %d ok, %d partial, %d failed, %d parts of each table, %.3f s",
        *(run.run_id, closed.ok, closed.partial, closed.failed, closed.parts, time.monotonic() - began_s),
    )
    return closed


def render_report(run: Run) -> None:
    """Write the report of a closed run; the page last, so that its presence says that all is there."""
    from reports import render_csv, render_html, render_json  # noqa: PLC0415 # start Polars and Jinja
    from reports.rank import report  # noqa: PLC0415 # likewise

    settled = report(run)
    _write(run, "hosts.csv", lambda: render_csv.hosts(settled))
    _write(run, "processes.csv", lambda: render_csv.processes(settled))
    _write(run, "footprints.csv", lambda: render_csv.footprints(settled.tables))
    _write(run, "report.json", lambda: render_json.render(settled))
    _write(run, PAGE, lambda: render_html.render(settled))


def _write(run: Run, name: str, render: Callable[[], bytes]) -> None:
    """Render one file of the report, and keep it."""
    began_s = time.monotonic()
    content = render()
    rendered_s = time.monotonic() - began_s
    run.write_report(name, content)
    log.debug("%s: render: %s, %d bytes, %.3f s", run.run_id, name, len(content), rendered_s)


def mail_report(run: Run, to: tuple[str, ...], mail: "MailSettings") -> "Delivery":
    """Send the report of a closed run; DeliveryError where nobody gets it."""
    from reports import render_email  # noqa: PLC0415 # starts Polars and Jinja
    from reports.delivery import send  # noqa: PLC0415
    from reports.rank import report  # noqa: PLC0415

    return send(render_email.message(report(run), to, mail), mail)


def mail_to_list(run: Run, mail: "MailSettings") -> "Delivery":
    """Send the report to those whom the run names, and mark that; DeliveryError where nobody gets it."""
    delivery = mail_report(run, run.manifest.mail_to, mail)
    run.mark_mailed(delivery.message_id)
    return delivery


def _is_to_be_mailed(run: Run) -> bool:
    return bool(run.manifest.mail_to) and not run.is_mailed()
