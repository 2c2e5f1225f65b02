"""What all hosts of one sweep share."""

from dataclasses import dataclass, field

from archive.records import Limits
from collector.keys import Keyring
from collector.known_hosts import KnownHosts
from collector.processes import Processes
from collector.watchdog import Watchdog
from procmaps.masking_options import Masking
from procmaps.tables import Evidence


@dataclass(frozen=True, slots=True)
class Session:
    """Made once in the process that collects: keys and known hosts are read once, for all threads."""

    limits: Limits = field(default_factory=Limits)
    evidence: Evidence = Evidence.MAPS
    keyring: Keyring = field(default_factory=Keyring)
    known_hosts: KnownHosts = field(default_factory=KnownHosts)
    masking: Masking = field(default_factory=Masking)
    watchdog: Watchdog = field(default_factory=Watchdog, repr=False)
    processes: Processes = field(default_factory=Processes, repr=False)
