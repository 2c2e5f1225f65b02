"""The sections of mapsweep.yaml: of each key type, bounds, unit, default, meaning."""

from dataclasses import dataclass, field, fields
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from archive.retention import Keep
from collector.ssh.policy import Policy
from domain.records import Limits
from domain.troubles.table import RETRIED
from mapsweep.settings.key import DAY_S, HOUR_S, About, AbsolutePath, MailAddress, OneLine
from mapsweep.settings.values import host_name, mailbox, owner_name, web_address
from reports.mail.delivery import Security
from workers.life.pace import Pace

KEEP_DAYS_MAX = 3650
PAST_RUNS_MAX = 14  # growth and bloat compare with so many, as reports.tables.past_runs says
GIB = 2**30
ADDRESSES_MAX = 100  # of one list
OWNERS_MAX = 1000

Seconds = Annotated[float, Field(gt=0, le=HOUR_S)]

_LIMITS = Limits()
_PACE = Pace()


@dataclass(frozen=True, slots=True)
class LimitSchema:
    """Deadlines and caps of a sweep, per host unless said otherwise."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    concurrency: Annotated[
        int, Field(ge=1, le=1000), About("hosts swept at once by one process", "hosts")
    ] = _LIMITS.concurrency
    attempts: Annotated[
        int,
        Field(ge=1, le=10),
        About(
            "connections to a host, at most: the first one, and those after a trouble that time can cure"
            f" ({', '.join(sorted(RETRIED))})"
        ),
    ] = _LIMITS.attempts
    dns_s: Annotated[Seconds, About("time to resolve the name", "s")] = _LIMITS.dns_s
    tcp_s: Annotated[Seconds, About("time to connect", "s")] = _LIMITS.tcp_s
    banner_s: Annotated[Seconds, About("time until the greeting of sshd", "s")] = _LIMITS.banner_s
    kex_s: Annotated[Seconds, About("time to exchange keys", "s")] = _LIMITS.kex_s
    auth_s: Annotated[Seconds, About("time to log in", "s")] = _LIMITS.auth_s
    exec_s: Annotated[
        Seconds, About("time from the request to the first byte, including a delay by sudo", "s")
    ] = _LIMITS.exec_s
    idle_s: Annotated[Seconds, About("longest time without a byte, after the first one", "s")] = (
        _LIMITS.idle_s
    )
    total_s: Annotated[
        Seconds,
        About("time for the whole host; its last quarter, at most 30 s, is kept for unpacking the dump", "s"),
    ] = _LIMITS.total_s
    classify_s: Annotated[Seconds, About("time to classify the dump of a host", "s")] = _LIMITS.classify_s
    received_bytes: Annotated[
        int, Field(ge=2**20, le=4 * GIB), About("most bytes that a host may send, compressed", "bytes")
    ] = _LIMITS.received_bytes
    inflated_bytes: Annotated[
        int, Field(ge=2**20, le=16 * GIB), About("most bytes that this may become when unpacked", "bytes")
    ] = _LIMITS.inflated_bytes
    sweep_bytes: Annotated[
        int,
        Field(ge=64 * 2**20, le=1024 * GIB),
        About(
            "disk space for what all hosts of one collecting process send at once, in files without a name in"
            " the folder of the run (or that for temporary files, if runs are in a bucket); most hosts send"
            " so little that it stays in memory. A host that sends much waits until others are done, and the"
            " largest fails if all wait. Each Celery worker has as much as this for itself",
            "bytes",
        ),
    ] = _LIMITS.sweep_bytes
    classify_bytes: Annotated[
        int,
        Field(ge=256 * 2**20, le=1024 * GIB),
        About(
            "memory for the dumps that all classifiers of a machine work on at once: a dump that needs more"
            " than is free waits, and one that needs more than all fails",
            "bytes",
        ),
    ] = _LIMITS.classify_bytes
    smaps_resident_bytes: Annotated[
        int,
        Field(ge=0, le=2**50),
        About("with `smaps`, the total VmRSS of the processes whose smaps is read on a host", "bytes"),
    ] = _LIMITS.smaps_resident_bytes

    def limits(self) -> Limits:
        """The limits in the form of the collector."""
        return Limits(**{name: getattr(self, name) for name in Limits.__slots__})


def _policy(value: object) -> Policy:
    """The policy itself: behind a validator of ours, the strict mode of pydantic 2.9 takes no text for it."""
    named = {policy.value: policy for policy in Policy} | {
        False: Policy.OFF
    }  # YAML reads a bare off as false
    if isinstance(value, str | bool) and value in named:
        return named[value]
    raise ValueError(f"must be 'strict', 'accept-new' or 'off', not {value!r}")


@dataclass(frozen=True, slots=True)
class SshSchema:
    """Host keys, and the keys to log in with."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    known_hosts: Annotated[
        tuple[AbsolutePath, ...],
        Field(validate_default=True),
        About(
            "known_hosts files, read in this order",
            default="`~/.ssh/known_hosts`, `/etc/ssh/ssh_known_hosts`",
        ),
    ] = ("~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts")
    config: Annotated[
        tuple[AbsolutePath, ...],
        Field(validate_default=True),
        About(
            "files of ssh_config, of which the first value counts; `[]`: none is read",
            default="`~/.ssh/config`, `/etc/ssh/ssh_config`",
        ),
    ] = ("~/.ssh/config", "/etc/ssh/ssh_config")
    host_key_policy: Annotated[
        Policy,
        BeforeValidator(_policy),
        About(
            "`strict`: unknown keys are refused; `accept-new`: a new host's key is kept; `off`: not checked"
        ),
    ] = Policy.STRICT
    accepted_keys: Annotated[
        AbsolutePath | None,
        About(
            "the file in which `accept-new` keeps keys",
            default="`accepted_keys` in the folder of the runs;"
            " with a broker, or if they are in a bucket, in the state folder of this machine",
        ),
    ] = None
    use_agent: Annotated[bool, About("offer the keys of the agent in SSH_AUTH_SOCK")] = True
    passphrase_file: Annotated[
        AbsolutePath | None,
        About("file with the passphrase of the key files; or set MAPSWEEP_KEY_PASSPHRASE"),
    ] = None


@dataclass(frozen=True, slots=True)
class MailSchema:
    """How reports are mailed; without this section none is."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    sender: Annotated[
        str,
        AfterValidator(mailbox),
        Field(alias="from"),
        About("the sender: an address, or a name and the address in angle brackets"),
    ]
    server: Annotated[str, AfterValidator(host_name), About("name or address of the mail server")]
    port: Annotated[
        int | None,
        Field(ge=1, le=65_535),
        About("port of the mail server", default="587 for `starttls`, 465 for `tls`, 25 for `none`"),
    ] = None
    security: Annotated[
        Security,
        About("`starttls`, `tls` (from the first byte) or `none`; never falls back to a weaker one"),
    ] = Security.STARTTLS
    username: Annotated[OneLine, About("account on the mail server; without it there is no login")] = ""
    password_file: Annotated[
        AbsolutePath | None, About("file with its password; or set MAPSWEEP_MAIL_PASSWORD")
    ] = None
    ca_file: Annotated[
        AbsolutePath | None, About("certificates to trust instead of the system's", default="the system's")
    ] = None
    subject_prefix: Annotated[
        OneLine, Field(max_length=60), About("text at the beginning of each subject")
    ] = "mapsweep"
    attach_max_bytes: Annotated[
        int,
        Field(ge=0, le=25 * 2**20),
        About("a larger attachment is left out, and the mail says so", "bytes"),
    ] = 2 * 2**20
    timeout_s: Annotated[
        float, Field(gt=0, le=600), About("time to wait for each answer of the server", "s")
    ] = 30.0
    owners: Annotated[
        dict[
            Annotated[str, AfterValidator(owner_name)],
            Annotated[tuple[MailAddress, ...], Field(min_length=1, max_length=ADDRESSES_MAX)],
        ],
        Field(max_length=OWNERS_MAX),
        About(
            "addresses by owner: who gets what concerns the hosts with this label `owner`, and nothing else."
            " For runs of schedules that have `mail`, and of `collect --mail-owners`",
            default="nobody",
        ),
    ] = field(default_factory=dict)
    keep_trying_s: Annotated[
        int,
        Field(ge=0, le=7 * DAY_S),
        About("how long a report that the server does not take is sent again, after 1 to 15 min each", "s"),
    ] = DAY_S


@dataclass(frozen=True, slots=True)
class ReportSchema:
    """What a report shows."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    top: Annotated[
        int,
        Field(ge=1, le=100),
        About("hosts in the ranking that `collect` prints; the mail always shows 25"),
    ] = 10
    base_url: Annotated[
        str,
        AfterValidator(web_address),
        About(
            "where a web server shows the folder `runs`. Mails link to the report there",
            default="mails name the report's path",
        ),
    ] = ""


@dataclass(frozen=True, slots=True)
class KeepSchema:
    """How long runs are kept; without this section for ever."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    days: Annotated[
        int,
        Field(ge=0, le=KEEP_DAYS_MAX),
        About("age from which a run is removed: results, tables, report. 0: never", "days"),
    ] = 90
    dumps_days: Annotated[
        int,
        Field(ge=0, le=KEEP_DAYS_MAX),
        About("age from which the dumps of a closed run are removed. 0: only with their run", "days"),
    ] = 7
    runs_at_least: Annotated[
        int,
        Field(ge=1, le=1000),
        About("so many good runs of each schedule, and of `adhoc`, are kept however old they are", "runs"),
    ] = PAST_RUNS_MAX

    def keep(self) -> Keep:
        """The same for the archive."""
        return Keep(days=self.days, dumps_days=self.dumps_days, runs_at_least=self.runs_at_least)


@dataclass(frozen=True, slots=True)
class FleetSchema:
    """How soon the fleet notices what is lost. Give it to all its workers, and to beat."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    lease_s: Annotated[
        int,
        Field(ge=2, le=900),
        About("time after the death of a worker until its hosts are free for another; below `task_s`", "s"),
    ] = _PACE.lease_s
    tend_s: Annotated[
        int,
        Field(ge=1, le=300),
        About("how often runs are looked after; at most `lease_s`", "s"),
    ] = _PACE.tend_s
    again_s: Annotated[
        int,
        Field(ge=1, le=900),
        About("time after which a message about a host may be sent again; below `task_s`", "s"),
    ] = _PACE.again_s
    rest_s: Annotated[
        int,
        Field(ge=1, le=300),
        About("longest time for which a worker that cannot work takes no message; below `task_s`", "s"),
    ] = _PACE.rest_s
    attempts: Annotated[
        int, Field(ge=2, le=10), About("workers that may die at a host before it fails", "workers")
    ] = _PACE.attempts
    task_s: Annotated[
        int,
        Field(ge=10, le=3000),
        About("a task that takes longer is killed; the deadlines of a host must fit into it", "s"),
    ] = _PACE.task_s

    def pace(self) -> Pace:
        """The pace in the form of the workers."""
        return Pace(**{each.name: getattr(self, each.name) for each in fields(self)})
