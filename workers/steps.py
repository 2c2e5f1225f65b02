"""The steps of a run; both modes call these functions."""

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

# Polars starts threads, which do not survive a fork, and takes 0.2 s: only steps that need it import it.


def now() -> str:
    """The current time in UTC in the format of the records."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@lru_cache(maxsize=8)
def opened(run_url: str, generation: str) -> Run:
    """A run by its URL; cached, because its manifest never changes and a large one takes a while to read."""
    run = open_run(run_url)
    return Run(run.store, run.manifest, generation)


@lru_cache(maxsize=8)
def opened_by_id(runs_url: str, run_id: str, signing_key: bytes = b"") -> Run:
    """A run by its id in one folder of runs, also cached; OperatorError for anything else.

    With a key, only a run that is signed with it.
    """
    return Runs(runs_url, signing_key).by_id(run_id)


def keep(run: Run, outcome: Dump | Failure) -> None:
    """Store a host's dump or failure; if the dump cannot be stored, that is the host's failure."""
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
    """Classify a host's dump. If that fails, it is the host's failure.

    Raises only errors of a full or forbidden disk, which are not the host's fault.
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
    """The result of a dump; DumpError or OperatorError if the bytes are not a dump."""
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
    """Record that a host failed because of a bug, or because memory is short."""
    trouble = HostTrouble.of_error(stage, error)
    trace = bugs.trace(error) if trouble.reason == BUG else ""
    return fail_host(
        run, host, stage, trouble.reason, detail=trouble.detail, remedy=trouble.remedy, trace=trace
    )


def fail_host(
    run: Run, host: str, stage: Stage, reason: str, *, detail: str, remedy: str = "", trace: str = ""
) -> Failure:
    """Record a failure of a host, numbered after its earlier attempts."""
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
    """Fail all hosts without an outcome, after the run's deadline; gives their number."""
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
    """Whether the deadline of the run has passed."""
    return datetime.fromisoformat(run.manifest.deadline_at) <= datetime.now(UTC)


def close_run(run: Run) -> Closed:
    """Close a run whose hosts all have an outcome, and write its tables. A closed run stays closed."""
    closed = run.closed()
    if closed is not None:
        return closed
    from reports.settle import settle  # noqa: PLC0415 # starts Polars

    closed = settle(run, runs_beside(run), now())
    if not run.manifest.keep_dumps:
        # dumps of a process that was killed before it removed them
        for host in run.dumped() & run.standing().done:
            run.remove_dump(host)
    if not run.close(closed):
        return close_run(run)
    run.forget_replaced()
    return closed


def render_report(run: Run) -> None:
    """Write the report of a closed run; index.html is last, so that if it exists, the report is complete."""
    from reports import render_csv, render_html, render_json  # noqa: PLC0415 # start Polars and Jinja
    from reports.rank import report  # noqa: PLC0415 # likewise

    settled = report(run)
    run.write_report("hosts.csv", render_csv.hosts(settled))
    run.write_report("processes.csv", render_csv.processes(settled))
    run.write_report("footprints.csv", render_csv.footprints(settled.tables))
    run.write_report("report.json", render_json.render(settled))
    run.write_report("index.html", render_html.render(settled))


def is_rendered(run: Run) -> bool:
    """Whether the complete report exists."""
    return run.has_report("index.html")


def mail_report(run: Run, to: tuple[str, ...], mail: "MailSettings") -> "Delivery":
    """Send the report of a closed run; DeliveryError if nobody gets it."""
    from reports import render_email  # noqa: PLC0415 # starts Polars and Jinja
    from reports.delivery import send  # noqa: PLC0415
    from reports.rank import report  # noqa: PLC0415

    return send(render_email.message(report(run), to, mail), mail)


def mail_to_list(run: Run, mail: "MailSettings") -> "Delivery | None":
    """Send the report to the run's mail list, once; None if the list is empty or the report was mailed.

    DeliveryError if nobody gets it.
    """
    to = run.manifest.mail_to
    if not to or run.is_mailed():
        return None
    delivery = mail_report(run, to, mail)
    run.mark_mailed(delivery.message_id)
    return delivery


def runs_beside(run: Run) -> Runs:
    """The runs in the same folder, with which growth is compared."""
    return Runs(run.url.rpartition("/")[0] or "/")


def remade(run: Run) -> Run:
    """A closed run to be classified again from its dumps, in new folders until it is closed again.

    OperatorError if a dump is missing.
    """
    if not run.manifest.keep_dumps:
        problem = "kept no dumps, so it cannot be classified again"
        raise OperatorError(Mistake(run.run_id, problem, "sweep again with keep_dumps: true"))
    anew = run.remade(RULES_VERSION)
    lost = sorted({host.name for host in anew.pending()} - run.dumped())  # no host is contacted again
    if lost:
        problem = f"lacks the dumps of {len(lost)} hosts, the first is {lost[0]!r}"
        raise OperatorError(Mistake(run.run_id, problem, "put the dumps back, or sweep again"))
    return anew


def _sentences(*problems: str) -> str:
    return "; ".join(problem for problem in problems if problem)
