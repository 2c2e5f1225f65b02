"""Every key of mapsweep.yaml, declared once: type, bounds, unit, default, meaning."""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from archive.retention import Keep
from collector.ssh.known_hosts import Policy
from domain.records import Limits
from mapsweep.settings.values import (
    absolute_path,
    broker_url,
    crontab,
    host_name,
    host_pattern,
    mail_address,
    mask_word,
    one_line,
    runs_place,
    schedule_name,
    time_zone,
    web_address,
)
from procmaps.masking_options import WORDS_LIMIT_COUNT, Arguments
from reports.delivery import Security
from workers.life.pace import Pace
from workers.life.schedules import Overlap

PASSWORD_BYTES_MAX = 4096
SCHEDULES_MAX = 100
ADDRESSES_MAX = 100
HOUR_S, DAY_S = 3600, 86_400
KEEP_DAYS_MAX = 3650
PAST_RUNS_MAX = 14  # growth and bloat compare with so many, as reports.trend says
GIB = 2**30

_LIMITS = Limits()
_PACE = Pace()


@dataclass(frozen=True, slots=True)
class About:
    """What a key means, for people; `default` is shown instead of the declared default."""

    meaning: str
    unit: str = ""
    default: str = ""


class EvidenceName(StrEnum):
    """What a sweep reads on the hosts."""

    MAPS = "maps"
    SMAPS = "smaps"


AbsolutePath = Annotated[str, AfterValidator(absolute_path)]
MailAddress = Annotated[str, AfterValidator(mail_address)]
OneLine = Annotated[str, AfterValidator(one_line)]
Seconds = Annotated[float, Field(gt=0, le=HOUR_S)]


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
        About("connection attempts per host. Only a host that was `throttled` is tried again"),
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
            default="`accepted_keys` in the folder of the runs",
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

    sender: Annotated[MailAddress, Field(alias="from"), About("the sender's address")]
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


def _defaults_of_empty(section: object) -> object:
    """A section that is named and empty has its defaults: `keep:` alone must not mean "for ever"."""
    return {} if section is None else section


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


@dataclass(frozen=True, slots=True)
class ScheduleSchema:
    """A run that `mapsweep beat` starts at fixed times."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: Annotated[
        str,
        AfterValidator(schedule_name),
        About("part of the id of its runs. Runs of the same name are compared with each other"),
    ]
    hosts: Annotated[str, AfterValidator(host_pattern), About("host pattern, as for --hosts")]
    crontab: Annotated[str, AfterValidator(crontab), About("minute, hour, day of the month, month, weekday")]
    timezone: Annotated[
        str, AfterValidator(time_zone), About("IANA time zone in which `crontab` is read")
    ] = "UTC"
    mail: Annotated[
        tuple[MailAddress, ...],
        Field(max_length=ADDRESSES_MAX),
        About("addresses that get the report", default="nobody"),
    ] = ()
    evidence: Annotated[EvidenceName, About("`maps` or `smaps`")] = EvidenceName.MAPS
    become: Annotated[bool, About("run the probe through sudo")] = False
    late_s: Annotated[
        int,
        Field(ge=60, le=7 * DAY_S),
        About(
            "how late a start is made up for, and one that fails is tried again; then it is told by mail", "s"
        ),
    ] = HOUR_S
    overlap: Annotated[
        Overlap,
        About("while the run before is at work: `skip` the due time, `queue` it, or run `both`"),
    ] = Overlap.SKIP


@dataclass(frozen=True, slots=True)
class Schema:
    """The top level of mapsweep.yaml."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    runs: Annotated[
        str,
        AfterValidator(runs_place),
        About(
            "where runs are kept: an absolute path or an fsspec URL",
            default="`/var/lib/mapsweep/runs` for root, `~/.local/state/mapsweep/runs` for others;"
            " `runs` in $STATE_DIRECTORY, which systemd sets, if that is set",
        ),
    ] = ""
    inventory: Annotated[
        AbsolutePath | None,
        About("the inventory file", default="the first `inventory.yaml` of the search order"),
    ] = None
    evidence: Annotated[
        EvidenceName, About("`maps`, or `smaps` for resident bytes (costs the hosts a page-table walk)")
    ] = EvidenceName.MAPS
    become: Annotated[bool, About("run the probe through sudo on every host")] = False
    keep_dumps: Annotated[bool, About("keep the dumps of the hosts, which `mapsweep reclassify` needs")] = (
        True
    )
    keep: Annotated[KeepSchema | None, BeforeValidator(_defaults_of_empty), About("")] = None
    deadline_s: Annotated[
        int,
        Field(ge=60, le=7 * DAY_S),
        About("age of a run from which no host is contacted; hosts without a dump by then fail", "s"),
    ] = 4 * HOUR_S
    arguments: Annotated[
        Arguments,
        About(
            "what is kept of command lines. `masked`: everything except secrets; `names`: the program"
            " and the names of its flags; `none`: nothing. Read on the machine that collects"
        ),
    ] = Arguments.MASKED
    mask_words: Annotated[
        tuple[Annotated[str, AfterValidator(mask_word)], ...],
        Field(max_length=WORDS_LIMIT_COUNT),
        About("further words that mark a name as that of a secret", default="none"),
    ] = ()
    limits: Annotated[LimitSchema, About("")] = field(default_factory=LimitSchema)
    ssh: Annotated[SshSchema, About("")] = field(default_factory=SshSchema)
    broker: Annotated[
        str,
        AfterValidator(broker_url),
        About(
            "`redis://HOST:PORT/DB` or `rediss://`: Redis through which workers get the runs",
            default="none: runs execute here",
        ),
    ] = ""
    broker_password_file: Annotated[
        AbsolutePath | None, About("file with the broker's password; or set MAPSWEEP_BROKER_PASSWORD")
    ] = None
    broker_username: Annotated[
        OneLine,
        About("account on the broker", default="its default account"),
    ] = ""
    broker_ca_file: Annotated[
        AbsolutePath | None,
        About("CA certificates for `rediss://`, in addition to the system's", default="the system's"),
    ] = None
    broker_without_password: Annotated[
        bool, About("allow a broker on another machine to have no password")
    ] = False
    signing_key_file: Annotated[
        AbsolutePath | None,
        About(
            "file with the key that signs runs, at least 32 bytes. For `mapsweep collect` and the workers of"
            " `collect` and `report`, not for those of `classify`; or set MAPSWEEP_SIGNING_KEY"
        ),
    ] = None
    mail: Annotated[MailSchema | None, About("")] = None
    report: Annotated[ReportSchema, About("")] = field(default_factory=ReportSchema)
    fleet: Annotated[FleetSchema, About("")] = field(default_factory=FleetSchema)
    schedules: Annotated[tuple[ScheduleSchema, ...], Field(max_length=SCHEDULES_MAX), About("")] = ()
