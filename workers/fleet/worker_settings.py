"""What a worker, beat, and a command line that gives runs to workers have to know."""

from dataclasses import dataclass, field
from pathlib import Path

from archive.retention import Keep
from collector.session import Access
from domain.records import Limits
from reports.delivery import MailSettings
from workers.life.pace import Pace
from workers.life.schedules import Schedule


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """Everything that a worker, beat, or a command line that gives runs to workers needs to know.

    The command line makes it from the settings file: `broker_url` without a password, `broker_password` from
    the environment or a secret's file, `runs_url` as every machine can reach it, `credentials` with the
    passphrase already read. Each run has its own limits, evidence and mail list in its manifest; `limits`,
    `deadline_s` and `keep_dumps` here are for runs that a schedule starts.
    """

    broker_url: str  # redis://HOST:PORT/DB, or rediss://
    runs_url: str
    broker_password: str = field(default="", repr=False)
    broker_username: str = ""
    broker_ca_file: Path | None = None  # CA certificates for rediss://, in addition to the system's
    broker_without_password: bool = False  # True: Redis on another machine may have no password
    signing_key: bytes = field(default=b"", repr=False)  # b"": runs are checked against the settings below
    inventory: Path | None = None  # for schedules, and to check runs if there is no signing key
    schedules: tuple[Schedule, ...] = ()
    access: Access = field(default_factory=Access, repr=False)
    mail: MailSettings | None = None  # None: runs with a mail list are rendered but not mailed
    limits: Limits = field(default_factory=Limits)
    deadline_s: int = 4 * 3600
    keep_dumps: bool = True
    keep: Keep | None = None  # None: nothing is removed when a run is closed
    pace: Pace = field(default_factory=Pace)
