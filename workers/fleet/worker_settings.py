"""What a worker, beat, and a command line that gives runs to workers have to know."""

from dataclasses import dataclass, field
from pathlib import Path

from archive.dump_keys import NO_KEYS, DumpKeys
from archive.retention import Keep
from archive.runs import Runs
from collector.inventory.sources import Surroundings
from collector.session import Access
from domain.records import Limits, Mute, OwnerList
from reports.mail.delivery import MailSettings
from reports.webhook.hook_settings import HookSettings
from workers.life.audit import SILENT, Audit
from workers.life.pace import Pace
from workers.life.schedules import Schedule


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Everything that a worker, beat, or a command line that gives runs to workers needs to know.

    The command line makes it from the settings file: `broker_url` without a password, `broker_password` from
    the environment or a secret's file, `runs_url` as every machine can reach it, `credentials` with the
    passphrase already read. Each run has its own limits, evidence and mail list in its manifest; `limits`,
    `deadline_s`, `keep_dumps` and `mutes` here are for runs that a schedule starts.
    """

    broker_url: str  # redis://HOST:PORT/DB, or rediss://
    runs_url: str
    broker_password: str = field(default="", repr=False)
    broker_username: str = ""
    broker_ca_file: Path | None = None  # CA certificates for rediss://, in addition to the system's
    broker_without_password: bool = False  # True: Redis on another machine may have no password
    signing_key: bytes = field(default=b"", repr=False)  # b"": runs are checked against the settings below
    inventory: Path | tuple[str, ...] | None = None  # for schedules, and for runs without a signing key
    surroundings: Surroundings = field(default_factory=Surroundings)  # of the inventory; no program is run
    schedules: tuple[Schedule, ...] = ()
    access: Access = field(default_factory=Access, repr=False)
    mail_owners: tuple[OwnerList, ...] = ()  # for runs that a schedule starts
    mail: MailSettings | None = None  # None: runs with a mail list are rendered but not mailed
    webhook: HookSettings | None = None  # None: news are posted to nobody
    limits: Limits = field(default_factory=Limits)
    deadline_s: int = 4 * 3600
    keep_dumps: bool = True
    dump_keys: DumpKeys = NO_KEYS  # by which dumps are written encrypted, and read
    mutes: tuple[Mute, ...] = ()
    keep: Keep | None = None  # None: nothing is removed when a run is closed
    pace: Pace = field(default_factory=Pace)
    audit: Audit = SILENT

    @property
    def runs(self) -> Runs:
        """The archive as all that work in it open it: what is written there is signed, if there is a key."""
        return Runs(self.runs_url, self.signing_key)
