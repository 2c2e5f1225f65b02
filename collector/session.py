"""What all hosts of one sweep share."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from collector.budget import Budget
from collector.processes import Processes
from collector.spool import ALL_MEMORY_BYTES, MEMORY_BYTES, Spool
from collector.ssh.keys import Credentials, Keyring
from collector.ssh.known_host_lines import HostKey
from collector.ssh.known_hosts import KnownHosts
from collector.ssh.policy import Policy
from collector.watchdog import Watchdog
from domain.records import Limits, Manifest
from procmaps.masking_options import Masking
from procmaps.tables import Evidence


def _not_told(_host: str, _key: str, _detail: str) -> None:
    """Nobody wants to know which key a host has."""


@dataclass(frozen=True, slots=True)
class Session:
    """Made once per collecting process; keys and known hosts are read once for all threads."""

    limits: Limits = field(default_factory=Limits)
    evidence: Evidence = Evidence.MAPS
    keyring: Keyring = field(default_factory=Keyring)
    known_hosts: KnownHosts = field(default_factory=KnownHosts)
    masking: Masking = field(default_factory=Masking)
    watchdog: Watchdog = field(default_factory=Watchdog, repr=False)
    processes: Processes = field(default_factory=Processes, repr=False)
    # for what is too large for memory, until it is unpacked
    folder: Path = field(default_factory=lambda: Path(tempfile.gettempdir()), compare=False)
    # the host, its key's type and fingerprint, what is told of it
    on_host_key: Callable[[str, str, str], None] = field(default=_not_told, repr=False)
    budget: Budget = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        budget = Budget(self.limits.sweep_bytes, self.limits.concurrency)
        object.__setattr__(self, "budget", budget)  # frozen

    def spool(self) -> Spool:
        """Where one more host's bytes are kept until its dump is written."""
        return Spool(self.folder, min(MEMORY_BYTES, ALL_MEMORY_BYTES // max(1, self.limits.concurrency)))


@dataclass(frozen=True, slots=True)
class Access:
    """Credentials, host keys and masking; they come from the settings of this machine, never from a run."""

    credentials: Credentials = field(default_factory=Credentials)
    known_hosts: tuple[Path, ...] = ()
    host_key_policy: Policy = Policy.STRICT
    accepted_keys: Path | None = None  # the file in which accept-new keeps keys
    masking: Masking = field(default_factory=Masking)


class Sessions:
    """A session for each run. Keys and known hosts are read once; OperatorError if that fails."""

    def __init__(self, access: Access) -> None:
        self._keyring = Keyring(access.credentials)
        self._known_hosts = KnownHosts(access.known_hosts, access.host_key_policy, access.accepted_keys)
        self._masking = access.masking

    @property
    def warning(self) -> str:
        """A warning about the known hosts; "" if there is none."""
        return self._known_hosts.warning

    @property
    def accepted_keys(self) -> Path | None:
        """The file in which new keys are kept; None if they are not."""
        return self._known_hosts.accepted_path

    @property
    def learnt(self) -> tuple[tuple[str, HostKey], ...]:
        """The names and keys of hosts that were new, and are accepted from now on."""
        return self._known_hosts.learnt

    def of(self, manifest: Manifest, folder: Path | None = None) -> Session:
        """A session with the limits and evidence of the run, and host keys as the files have them now.

        What is too large for memory is put into `folder`, or where temporary files are.
        """
        self._known_hosts.refresh()
        evidence = Evidence[manifest.scope.evidence.upper()]
        session = Session(manifest.limits, evidence, self._keyring, self._known_hosts, masking=self._masking)
        return session if folder is None else replace(session, folder=folder)
