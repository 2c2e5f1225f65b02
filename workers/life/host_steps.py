"""What is done to one host of a run: kept, classified, or failed. Whoever executes the run calls these."""

import logging
import time

from archive import bugs
from archive.dump_file import inflated_bytes
from archive.dump_keys import LockedError
from archive.dump_snapshot import unpack
from archive.results import Result
from archive.run import Run
from collector.trouble import BUG, HostTrouble
from domain.about import about
from domain.mistakes import OperatorError, is_the_machines, placed
from domain.moments import now
from domain.records import Dump, Failure, HostRecord, Stage
from domain.troubles.table import remedy
from procmaps.classify import RULES_VERSION, classify
from procmaps.doubts import doubts
from procmaps.findings import find
from procmaps.footprint import footprints
from procmaps.identity import identify
from procmaps.other_texts import IN_PLACE
from procmaps.read import DumpError
from workers.life import memory

DETAIL_LENGTH_MAX = 400
OTHERS_TOLD_MAX = 3  # processes of a host that sent another file in place of their mappings

log = logging.getLogger("workers")

# Polars starts threads, which do not survive a fork, and takes 0.2 s: only steps that need it import it.


def keep(run: Run, outcome: Dump | Failure) -> None:
    """Store a host's dump or failure; if the dump cannot be stored, that is the host's failure."""
    try:
        if isinstance(outcome, Dump):
            run.write_dump(outcome)
        else:
            run.write_failure(outcome)
            _tell(run, outcome)
    except Exception as error:
        if is_the_machines(error):
            raise
        fail_by(run, outcome.host, Stage.RECORD, error)


def classify_host(run: Run, host: str) -> HostRecord | Failure:
    """Classify a host's dump and keep the result. If that fails, it is the host's failure.

    Raises only errors that are not the host's fault: of a full or forbidden disk, or LockedError.
    """
    made = make_result(run, host)
    return made if isinstance(made, Failure) else keep_result(run, made)


def make_result(run: Run, host: str) -> Result | Failure:
    """The result of a host's dump, not yet kept, or the failure that was recorded.

    Raises as above, and NoRoomError while others hold the memory that it needs.
    """
    try:
        return _made(run, host)
    except memory.NoRoomError:
        raise
    except (DumpError, OperatorError) as error:
        return fail_host(run, host, Stage.CLASSIFY, "unreadable_dump", detail=str(error))
    except Exception as error:
        if is_the_machines(error):
            raise
        return fail_by(run, host, Stage.CLASSIFY, error)


def keep_result(run: Run, result: Result) -> HostRecord | Failure:
    """Write the result of a host, which is then done. Raises as above; OperatorError if it is gone."""
    host = result.record.host
    try:
        run.write_result(result)
        if not run.manifest.keep_dumps:
            run.remove_dump(host)
    except OperatorError:
        raise
    except Exception as error:
        if is_the_machines(error):
            raise
        return fail_by(run, host, Stage.CLASSIFY, error)
    return result.record


def _made(run: Run, host: str) -> Result:
    """The result of a dump; DumpError or OperatorError if the bytes are not a dump."""
    import archive.host_results  # noqa: F401, PLC0415 # starts Polars, whose memory is no dump's

    began_s = time.monotonic()
    dump = run.read_dump(host)
    limits = run.manifest.limits
    text_bytes = min(inflated_bytes(dump), 2 * limits.inflated_bytes)
    with memory.held(text_bytes, limits.classify_bytes):
        return _of_dump(run, dump, began_s)


def _of_dump(run: Run, dump: Dump, began_s: float) -> Result:
    from archive.host_results import host_record, host_result  # noqa: PLC0415 # starts Polars

    host = dump.host
    unpacked = unpack(dump, run.manifest.limits.inflated_bytes)
    snapshot = unpacked.snapshot
    parts = classify(snapshot)
    sums = footprints(snapshot, parts)
    others = [note for note in snapshot.notes if IN_PLACE in note][:OTHERS_TOLD_MAX]
    problem = _sentences(*unpacked.problems, *others)
    record = host_record(dump, snapshot, problem, RULES_VERSION)
    unsure, found = doubts(snapshot, parts), find(snapshot, parts, sums)
    result = host_result(record, snapshot, identify(snapshot), sums, unsure=unsure, found=found)
    log.debug(
        "%s: classify: %d processes, %d mappings, %.3f s",
        *(host, len(snapshot.processes), len(snapshot.maps), time.monotonic() - began_s),
    )
    return result


def fail_by(run: Run, host: str, stage: Stage, error: Exception) -> Failure:
    """Record that a host failed because of a bug, or because memory is short."""
    trouble = HostTrouble.of_error(stage, error)
    trace = bugs.trace(error) if trouble.reason == BUG else ""
    if trace:
        log.debug("%s: %s", host, trace)
    return fail_host(run, host, stage, trouble.reason, detail=trouble.detail, trace=trace)


def fail_locked(run: Run, host: str, error: LockedError) -> Failure:
    """Record that a host's dump cannot be decrypted here; it stays, and can be classified again."""
    return fail_host(run, host, Stage.CLASSIFY, "dump_locked", detail=placed(error, "its dump"))


def fail_host(run: Run, host: str, stage: Stage, reason: str, *, detail: str, trace: str = "") -> Failure:
    """Record a failure of a host, numbered after its earlier attempts, with the remedy of its reason."""
    of_dump = run.has_dump(host)
    failure = Failure(
        host=host,
        stage=stage,
        reason=reason,
        detail=detail[:DETAIL_LENGTH_MAX],
        remedy=remedy(reason, stage),
        attempt=1 if of_dump else run.last_attempt(host) + 1,
        at=now(),
        trace=trace,
    )
    run.write_failure(failure, of_dump=of_dump)
    _tell(run, failure)
    return failure


def _tell(run: Run, failure: Failure) -> None:
    """A line that the log of a worker has for each host without a result."""
    with about(run=run.run_id, host=failure.host, stage=failure.stage, reason=failure.reason):
        log.info("%s: %s: failed, %s: %s", failure.host, failure.stage, failure.reason, failure.detail)


def _sentences(*problems: str) -> str:
    return "; ".join(problem for problem in problems if problem)
