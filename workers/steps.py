"""What is done to a run, step by step; both modes call these same functions."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from archive import bugs, dump_file
from archive.mistakes import Mistake, OperatorError, is_the_machines
from archive.records import Closed, Dump, Failure, HostRecord, Stage
from archive.runs import Run, Runs, open_run
from collector.trouble import BUG, HostTrouble
from procmaps.classify import RULES_VERSION, classify
from procmaps.findings import find
from procmaps.footprint import footprints
from procmaps.identity import identify
from procmaps.read import DumpError, read
from reports.status import DEADLINE_REASON

if TYPE_CHECKING:
    from reports.delivery import Delivery, MailSettings

DETAIL_LENGTH_MAX = 400

# Polars starts threads, which do not survive a fork, and costs 0.2 s: the steps that need it import it.


def now() -> str:
    """The time in UTC as the records hold it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@lru_cache(maxsize=8)
def opened(run_url: str, generation: str) -> Run:
    """A run by its URL; kept, because its manifest never changes and a fleet's takes a while to read."""
    run = open_run(run_url)
    return Run(run.store, run.manifest, generation)


@lru_cache(maxsize=8)
def opened_by_id(runs_url: str, run_id: str, signing_key: bytes = b"") -> Run:
    """A run by its id among the runs of one place, kept likewise; OperatorError for whatever else.

    With a key, only one that is signed with it.
    """
    return Runs(runs_url, signing_key).by_id(run_id)


def keep(run: Run, outcome: Dump | Failure) -> None:
    """Store what the collector brought back from a host; what cannot be stored is that host's failure."""
    try:
        if isinstance(outcome, Dump):
            run.write_dump(outcome)
        else:
            run.write_failure(outcome)
    except Exception as error:
        if is_the_machines(error):
            raise
        fail_by(run, outcome.host, Stage.RECORD, error)


def classify_host(run: Run, host: str) -> HostRecord | Failure:
    """Make a host's footprints of its dump. Whatever keeps us from it is that host's failure.

    Raises only what a full or forbidden disk does, which is no host's.
    """
    try:
        return _classified(run, host)
    except (DumpError, OperatorError) as error:
        remedy = "sweep the host again"
        return fail_host(run, host, Stage.CLASSIFY, "unreadable_dump", detail=str(error), remedy=remedy)
    except Exception as error:
        if is_the_machines(error):
            raise
        return fail_by(run, host, Stage.CLASSIFY, error)


def _classified(run: Run, host: str) -> HostRecord:
    """Raises DumpError or OperatorError where the bytes are no dump."""
    from archive.host_results import host_record, host_result  # noqa: PLC0415 # starts Polars

    dump = run.read_dump(host)
    limit_bytes = run.manifest.limits.inflated_bytes
    memory = dump_file.inflate(dump.memory_gz, limit_bytes)
    identity = dump_file.inflate(dump.identity_gz, limit_bytes)
    snapshot = read(memory.text, identity.text, dump.nonce.encode("ascii", "replace"))
    parts = classify(snapshot)
    sums = footprints(snapshot, parts)
    problem = _sentences(dump.problem, memory.problem, identity.problem)
    record = host_record(dump, snapshot, problem, RULES_VERSION)
    run.write_result(host_result(record, snapshot, identify(snapshot), sums, find(snapshot, parts, sums)))
    if not run.manifest.keep_dumps:
        run.remove_dump(host)
    return record


def fail_by(run: Run, host: str, stage: Stage, error: Exception) -> Failure:
    """Record that a host failed by what nothing explains: a bug of ours, or memory that is short."""
    trouble = HostTrouble.of_error(stage, error)
    trace = bugs.trace(error) if trouble.reason == BUG else ""
    return fail_host(
        run, host, stage, trouble.reason, detail=trouble.detail, remedy=trouble.remedy, trace=trace
    )


def fail_host(
    run: Run, host: str, stage: Stage, reason: str, *, detail: str, remedy: str = "", trace: str = ""
) -> Failure:
    """Record that a host gave nothing that can be reported, after the attempts there may have been before."""
    of_dump = run.has_dump(host)
    failure = Failure(
        host=host,
        stage=stage,
        reason=reason,
        detail=detail[:DETAIL_LENGTH_MAX],
        remedy=remedy,
        attempt=1 if of_dump else run.last_attempt(host) + 1,
        at=now(),
        trace=trace,
    )
    run.write_failure(failure, of_dump=of_dump)
    return failure


def fail_missing(run: Run) -> int:
    """Past the run's deadline: what has no outcome gets one; how many those were."""
    missing = run.pending()
    for host in missing:
        detail = f"the run's deadline ({run.manifest.deadline_at}) passed before the host was done"
        fail_host(
            run,
            host.name,
            Stage.WORKER,
            DEADLINE_REASON,
            detail=detail,
            remedy="add workers, or raise the deadline",
        )
    return len(missing)


def is_past_deadline(run: Run) -> bool:
    """Whether the time that the run was given is over."""
    return datetime.fromisoformat(run.manifest.deadline_at) <= datetime.now(UTC)


def close_run(run: Run) -> Closed:
    """Settle a run whose hosts all have an outcome: its tables, how many answered. Closed stays closed."""
    closed = run.closed()
    if closed is not None:
        return closed
    from reports.settle import settle  # noqa: PLC0415 # starts Polars

    closed = settle(run, runs_beside(run), now())
    if not run.manifest.keep_dumps:
        for host in run.dumped() & run.standing().done:  # of one who was killed before the removal
            run.remove_dump(host)
    if not run.close(closed):
        return close_run(run)
    run.forget_replaced()
    return closed


def render_report(run: Run) -> None:
    """Write the report of a closed run; index.html last, so that its presence says that all is there."""
    from reports import render_csv, render_html, render_json  # noqa: PLC0415 # start Polars and Jinja
    from reports.rank import report  # noqa: PLC0415 # likewise

    settled = report(run)
    run.write_report("hosts.csv", render_csv.hosts(settled))
    run.write_report("processes.csv", render_csv.processes(settled.tables))
    run.write_report("footprints.csv", render_csv.footprints(settled.tables))
    run.write_report("report.json", render_json.render(settled))
    run.write_report("index.html", render_html.render(settled))


def is_rendered(run: Run) -> bool:
    """Whether the report is there, whole."""
    return run.has_report("index.html")


def mail_report(run: Run, to: tuple[str, ...], mail: "MailSettings") -> "Delivery":
    """Send the report of a closed run; DeliveryError where nobody gets it."""
    from reports import render_email  # noqa: PLC0415 # starts Polars and Jinja
    from reports.delivery import send  # noqa: PLC0415
    from reports.rank import report  # noqa: PLC0415

    return send(render_email.message(report(run), to, mail), mail)


def mail_to_list(run: Run, mail: "MailSettings") -> "Delivery | None":
    """Send the report to those whom the run names, once; None where it names nobody or has been mailed.

    DeliveryError where nobody gets it.
    """
    to = run.manifest.mail_to
    if not to or run.is_mailed():
        return None
    delivery = mail_report(run, to, mail)
    run.mark_mailed(delivery.message_id)
    return delivery


def runs_beside(run: Run) -> Runs:
    """The runs in the same place, which growth is read against."""
    return Runs(run.url.rpartition("/")[0] or "/")


def remade(run: Run) -> Run:
    """A closed run with all to be made anew of its dumps, beside what there is until it is closed.

    OperatorError where a dump is missing.
    """
    if not run.manifest.keep_dumps:
        problem = "kept no dumps, so nothing can be made anew"
        raise OperatorError(Mistake(run.run_id, problem, "sweep again with dumps kept"))
    anew = run.remade(RULES_VERSION)
    lost = sorted({host.name for host in anew.pending()} - run.dumped())  # no host is asked again
    if lost:
        problem = f"has no dump any more for {len(lost)} hosts, {lost[0]!r} is the first"
        raise OperatorError(Mistake(run.run_id, problem, "put the dumps back, or sweep again"))
    return anew


def _sentences(*problems: str) -> str:
    return "; ".join(problem for problem in problems if problem)
