"""The status of a host in a run: ok, partial, failed or waiting, with the reason and the remedy."""

from dataclasses import dataclass
from typing import Final

from archive.run import Outcome
from domain.records import Failure, Host, HostRecord
from domain.troubles import table as troubles

ROOT: Final = "root"
OK, PARTIAL, FAILED = "ok", "partial", "failed"
WAITING = "waiting"  # in a run that is still open
ANSWERED = (OK, PARTIAL)
DEADLINE_REASON = "deadline"  # the deadline of the run passed before the host was done

_CUT_REMEDY = "sweep it again; if that fails too, raise the limits of the run"
_BECOME_REMEDY = "sweep with --become to read every process"
_ROOT_REMEDY = "see what keeps root from them there: a container's capabilities, or a security module"
PARTIALS: Final = (  # reason, what it means, remedy
    ("cut_off", "the host's dump ends early", _CUT_REMEDY),
    ("hidden", "/proc hides the processes of other accounts (hidepid)", _BECOME_REMEDY),
    ("denied", "the account may not read some processes", _BECOME_REMEDY),
    ("denied_to_root", "not even root may read some processes", _ROOT_REMEDY),
)
_OPEN_REMEDY = "wait for the run, or resume it"


@dataclass(frozen=True, slots=True)
class Status:
    """ok, partial, failed or waiting, and the reason for the last three."""

    status: str
    stage: str = ""
    reason: str = ""  # a short code
    detail: str = ""
    remedy: str = ""


def status(outcome: Outcome) -> Status:
    """The status of an outcome."""
    if outcome.record is not None:
        return _answered(outcome.record, outcome.host)
    if outcome.failure is not None:
        return _failed(outcome.failure)
    return Status(WAITING, "", "no_outcome_yet", "its turn has not ended", _OPEN_REMEDY)


def _answered(record: HostRecord, host: Host) -> Status:
    if not record.complete:
        return Status(PARTIAL, "read", "cut_off", record.problem or "the dump ends early", _CUT_REMEDY)
    if hides_processes(record, host):
        detail = f"only {record.sent} processes are seen, /proc hides those of other accounts (hidepid)"
        return Status(PARTIAL, "read", "hidden", _with(record.problem, detail), _BECOME_REMEDY)
    if record.denied > 0:
        by_root = host.become or host.user == ROOT
        who, remedy = ("root", _ROOT_REMEDY) if by_root else ("this account", _BECOME_REMEDY)
        detail = f"{record.denied} of {record.sent} processes may not be read by {who}"
        return Status(
            PARTIAL, "read", "denied_to_root" if by_root else "denied", _with(record.problem, detail), remedy
        )
    return Status(OK, detail=record.problem)


def _with(problem: str, detail: str) -> str:
    return f"{detail}; {problem}" if problem else detail


def hides_processes(record: HostRecord, host: Host) -> bool:
    """Whether /proc hid the processes of other accounts; a recorded tree need not have process 1."""
    return record.complete and not record.sees_init and not host.root


def _failed(failure: Failure) -> Status:
    remedy = failure.remedy or troubles.remedy(failure.reason, failure.stage)
    return Status(FAILED, failure.stage.value, failure.reason, failure.detail, remedy)
