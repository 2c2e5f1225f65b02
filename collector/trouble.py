"""Trouble with one host: its stage, its reason, and what the operator can do about it."""

from typing import Final, Self

from domain.records import Stage
from procmaps.masking import mask_line
from procmaps.masking_options import AS_BY_DEFAULT, Masking

DETAIL_CHARS: Final = 300
BUG: Final = "bug"

REMEDIES: Final[dict[str, str]] = {
    "dns_not_found": "correct the name, or give ansible_host in the inventory",
    "dns_timeout": "check the resolver of this machine",
    "tcp_refused": "check ansible_port, and that sshd listens there",
    "tcp_timeout": "check that the host is up and no firewall drops the connection",
    "tcp_unreachable": "check the route to the host",
    "too_many_open_files": "raise the limit of open files (ulimit -n), or lower --concurrency",
    "throttled": "sshd closes connections before greeting: see MaxStartups and PerSourcePenalties there,"
    " or lower --concurrency",
    "not_ssh": "check ansible_port: what answers there is not an SSH server",
    "peer_too_old": "the server offers only algorithms that are no longer safe: update it",
    "hostkey_unknown": "check the key and add it to known_hosts (ssh-keyscan), or use the policy accept-new",
    "hostkey_type_unknown": "known_hosts has other types of keys for this host: add one of the offered type",
    "hostkey_changed": "if the host was reinstalled, remove the old key from known_hosts (ssh-keygen -R)"
    " and add the new one; otherwise somebody may be intercepting the connection",
    "hostkey_revoked": "known_hosts marks this key as revoked: give the host a new one",
    "hostkey_not_kept": "let this account write the file of accepted keys (ssh.accepted_keys)",
    "auth_rejected": "add the public key to authorized_keys of that account, and check ansible_user",
    "auth_incomplete": "the server asks for a second factor: exempt this account and key",
    "no_account": "give ansible_user",
    "no_key": "give ansible_ssh_private_key_file, or load a key into the agent",
    "key_unreadable": "check the file that ansible_ssh_private_key_file names",
    "key_timeout": "the file system of the key does not answer: check the mount, or name another file",
    "certificate_unreadable": "sign a new certificate for the key (ssh-keygen -s), or remove it:"
    " then the key is offered without a certificate",
    "agent_timeout": "restart the agent that SSH_AUTH_SOCK names, or set ssh.use_agent: false",
    "key_encrypted": "load the key into an agent, or give its passphrase in the environment or a file",
    "sudo_refused": "allow the probe with the line that `mapsweep sudoers` prints (docs/security.md)",
    "sudo_missing": "install sudo there, or remove ansible_become from the host",
    "root_refused": "the probe refuses root= through sudo: connect as root, or remove ansible_become",
    "no_shell": "the account needs a shell that runs commands",
    "no_proc": "check mapsweep_root of the host in the inventory",
    "no_tool": "the host has neither awk nor grep: install one of them",
    "exec_refused": "sshd refuses commands of this account: see ForceCommand and restrict in authorized_keys",
    "unpack_timeout": "see what makes the host send so much; raise limits.total_s if it is that large",
    "worker_lost": "look for the OOM killer in the kernel's log of this machine",
    "out_of_memory": "give this machine more memory, or lower --concurrency or limits.inflated_bytes",
    "bug": "a bug in mapsweep: please report it with the host's file under failures/ in the run",
    "received_limit": "raise limits.received_bytes if the host is that large",
    "inflated_limit": "raise limits.inflated_bytes if the host is that large",
}


class HostTrouble(Exception):  # noqa: N818  # it is caught in the collector, where it becomes a Failure
    """One host cannot be read further; `detail` may hold text that the host sent."""

    def __init__(self, stage: Stage, reason: str, detail: str = "") -> None:
        super().__init__(f"{stage}: {reason}: {detail}")
        self.stage = stage
        self.reason = reason
        self.detail = one_line(detail)

    def __reduce__(self) -> tuple[type[Self], tuple[Stage, str, str]]:
        """Keeps all fields when it is pickled; by default, only the text survives."""
        return type(self), (self.stage, self.reason, self.detail)

    @classmethod
    def of_error(cls, stage: Stage, error: Exception) -> Self:
        """An error without a known cause: a bug, unless memory is short."""
        reason = "out_of_memory" if isinstance(error, MemoryError) else BUG
        trouble = cls(stage, reason, f"{type(error).__name__}: {error}")
        trouble.__cause__ = error
        return trouble

    @property
    def remedy(self) -> str:
        """What to do about it; "" if unknown."""
        return REMEDIES.get(self.reason, "")


def one_line(text: str | bytes, most_chars: int = DETAIL_CHARS, masking: Masking = AS_BY_DEFAULT) -> str:
    """Text of a host as one line: no control or direction marks, blanks folded, cut to `most_chars`.

    Secrets in it are masked: login shells and failing commands print them.
    """
    most = 8 * most_chars
    whole = len(text) <= most
    if isinstance(text, bytes):
        text = text[:most].decode("utf-8", "replace")
    if not whole:
        # half a word may be half a secret that no pattern recognises
        text = text[:most].rpartition(" ")[0] or text[:most_chars]
    lines = (mask_line(_printable(line), masking) for line in text.splitlines())
    shown = " ".join(filter(None, lines))
    return shown if len(shown) <= most_chars else shown[: most_chars - 1] + "…"


def _printable(line: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in line).split())
