"""What can go wrong with one host, and what cures it: the table that all outputs read."""

from typing import Final

from domain.records import Stage
from domain.troubles.connecting import GREETING, HOST_KEYS, LOG_IN, NETWORK
from domain.troubles.reading import PROGRAM, READING

TROUBLES: Final = (*NETWORK, *GREETING, *HOST_KEYS, *LOG_IN, *PROGRAM, *READING)
RETRIED: Final = frozenset(trouble.reason for trouble in TROUBLES if trouble.is_retried)
PASSING: Final = frozenset(trouble.reason for trouble in TROUBLES if trouble.may_pass)

_BY_REASON: Final = {trouble.reason: trouble for trouble in TROUBLES}
# for the reasons of older runs, which no table has any more
_BY_STAGE: Final = {
    Stage.DNS: "check ansible_host and the resolver of this machine",
    Stage.TCP: "check that the host is up, its port, and the firewalls on the way",
    Stage.BANNER: "check that sshd listens on that port and is not at MaxStartups",
    Stage.KEX: "check which key exchange and host key types sshd offers",
    Stage.HOSTKEY: "compare the host's key, then add it to known_hosts (ssh-keyscan)",
    Stage.AUTH: "check the user, ansible_ssh_private_key_file and the agent (ssh-add -l)",
    Stage.SUDO: "allow the probe in sudoers without a password, or sweep without --become",
    Stage.EXEC: "check the account's shell and its limits on the host",
    Stage.READ: "raise the limits of the run, or look at the load of the host",
    Stage.CLASSIFY: "keep the dump and report it: the classifier should have read it",
    Stage.RECORD: "let this account write everything in the folder of the run",
    Stage.WORKER: "run it again; if it fails again, look at the workers' log",
}


def remedy(reason: str, stage: Stage | None = None) -> str:
    """What to do about a reason; of one that the table does not have, what to do at that stage, or ""."""
    known = _BY_REASON.get(reason)
    if known is not None:
        return known.remedy
    return _BY_STAGE[stage] if stage is not None else ""
