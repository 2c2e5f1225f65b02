"""The status of a host in a run: ok, partial, failed or waiting, with the reason and the remedy."""

from dataclasses import dataclass

from archive.run import Outcome
from domain.records import Failure, HostRecord

OK, PARTIAL, FAILED = "ok", "partial", "failed"
WAITING = "waiting"  # in a run that is still open
ANSWERED = (OK, PARTIAL)
DEADLINE_REASON = "deadline"  # the deadline of the run passed before the host was done

_REMEDIES = {
    "dns": "check ansible_host and the resolver of this machine",
    "tcp": "check that the host is up, its port, and the firewalls on the way",
    "banner": "check that sshd listens on that port and is not at MaxStartups",
    "kex": "check which key exchange and host key types sshd offers",
    "hostkey": "compare the host's key, then add it to known_hosts (ssh-keyscan)",
    "auth": "check the user, ansible_ssh_private_key_file and the agent (ssh-add -l)",
    "sudo": "allow the probe in sudoers without a password, or sweep without --become",
    "exec": "check the account's shell and its limits on the host",
    "read": "raise the limits of the run, or look at the load of the host",
    "classify": "keep the dump and report it: the classifier should have read it",
    "worker": "run it again; if it fails again, look at the workers' log",
}
_CUT_REMEDY = "sweep it again; if that fails too, raise the limits of the run"
_DENIED_REMEDY = "sweep with --become to read every process"
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
        return _answered(outcome.record)
    if outcome.failure is not None:
        return _failed(outcome.failure)
    return Status(WAITING, "", "no_outcome_yet", "its turn has not ended", _OPEN_REMEDY)


def _answered(record: HostRecord) -> Status:
    if not record.complete:
        return Status(PARTIAL, "read", "cut_off", record.problem or "the dump ends early", _CUT_REMEDY)
    if record.denied > 0:
        detail = f"{record.denied} of {record.listed} processes may not be read by this account"
        return Status(PARTIAL, "read", "denied", detail, _DENIED_REMEDY)
    return Status(OK, detail=record.problem)


def _failed(failure: Failure) -> Status:
    remedy = failure.remedy or _REMEDIES.get(failure.stage.value, "")
    return Status(FAILED, failure.stage.value, failure.reason, failure.detail, remedy)
