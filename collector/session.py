"""What all hosts of one sweep share."""

from dataclasses import dataclass, field
from pathlib import Path

from collector.processes import Processes
from collector.ssh.keys import Credentials, Keyring
from collector.ssh.known_hosts import KnownHosts, Policy
from collector.watchdog import Watchdog
from domain.records import Limits, Manifest
from procmaps.masking_options import Masking
from procmaps.tables import Evidence


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

    def of(self, manifest: Manifest) -> Session:
        """A session with the limits and evidence of the run."""
        evidence = Evidence[manifest.scope.evidence.upper()]
        return Session(manifest.limits, evidence, self._keyring, self._known_hosts, masking=self._masking)
