"""The records of a run: frozen, and stored with exactly these fields."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Final, TypeAlias

from domain.content import Content, whole

SCHEMA_VERSION = 1

Labels: TypeAlias = tuple[tuple[str, str], ...]  # names and texts, in the order of the names
OWNER: Final = "owner"  # the label that says whose a host is
STRICT: Final = {"strict": True, "extra": "forbid", "allow_inf_nan": False}  # how pydantic validates a record


class Connection(StrEnum):
    """How a host is reached."""

    SSH = "ssh"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Host:
    """A host of the inventory, with everything needed to reach it except secrets."""

    __pydantic_config__: ClassVar = STRICT
    name: str
    address: str  # ansible_host, or the name
    port: int = 22
    user: str = ""  # "": the account that runs mapsweep
    key_file: str = ""  # "": the agent and the account's default keys
    become: bool = False  # run the probe through sudo -n
    root: str = ""  # prefix of /proc, /sys and /etc, such as "/host" if they are mounted there
    connection: Connection = Connection.SSH
    groups: tuple[str, ...] = ()
    labels: Labels = ()  # what its operator calls it: owner, zone, tier
    # the rest is what ssh_config says of the host
    key_files: tuple[str, ...] = ()  # tried in this order if key_file is ""; (): the account's default keys
    certificate_files: tuple[str, ...] = ()  # each is offered with the key that it was made for
    identities_only: bool = False  # the agent is not asked for other keys than these
    host_key_alias: str = ""  # the name of its host key; "": the address and port


class Stage(StrEnum):
    """The stage of a sweep at which a host failed."""

    DNS = "dns"
    TCP = "tcp"
    BANNER = "banner"
    KEX = "kex"
    HOSTKEY = "hostkey"
    AUTH = "auth"
    SUDO = "sudo"
    EXEC = "exec"
    READ = "read"
    CLASSIFY = "classify"
    RECORD = "record"  # the dump could not be stored
    WORKER = "worker"  # the worker died or failed, or the run's deadline passed before the host's turn


class HostKeyCheck(StrEnum):
    """How the key of a host was checked that was let to give its data."""

    NONE = ""  # it was not read over SSH, or by an older mapsweep
    KNOWN = "known"
    CERTIFIED = "certified"  # by a key of a @cert-authority line
    ACCEPTED = "accepted"  # it was new, and accept-new has kept it
    OFF = "unchecked"  # not at all


@dataclass(frozen=True, slots=True)
class Failure:
    """A host that gave no dump, and why; `reason` is a short stable code: auth_rejected, tcp_timeout, ..."""

    __pydantic_config__: ClassVar = STRICT
    host: str
    stage: Stage
    reason: str
    detail: str = ""  # one sentence for people; host-sent text in it is already stripped of control bytes
    remedy: str = ""
    attempt: int = 1
    at: str = ""  # UTC, RFC 3339
    elapsed_s: float = 0.0
    trace: str = ""  # for a bug: what to report
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Dump:
    """The data that one host sent; docs/dump-format.md describes the two parts."""

    host: str
    nonce: str  # hex; marks the records in both parts
    memory: Content = field(repr=False)  # both as gzip, or as the host has sent them
    identity: Content = field(repr=False)
    at: str = ""  # UTC, RFC 3339, when the probe was started
    elapsed_s: float = 0.0
    attempt: int = 1
    complete: bool = True  # False: the stream was cut off, and what came is kept
    problem: str = ""  # why it is not complete, or what else the operator should know
    host_key: HostKeyCheck = HostKeyCheck.NONE
    # of the transfer, and not in the file: None in a dump that was read from there
    received_bytes: int | None = field(default=None, compare=False)
    packed: bool | None = field(default=None, compare=False)  # whether the host has gzip

    @property
    def memory_gz(self) -> bytes:
        """The memory part, in memory."""
        return whole(self.memory)

    @property
    def identity_gz(self) -> bytes:
        """The identity part, in memory."""
        return whole(self.identity)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run reads; two runs are compared if their scopes are equal."""

    __pydantic_config__: ClassVar = STRICT
    name: str  # the schedule's name, or "adhoc"
    hosts: str  # the pattern as typed
    evidence: str = "maps"  # maps or smaps
    become: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Deadlines and caps of a sweep. Every stage has its own deadline."""

    __pydantic_config__: ClassVar = STRICT
    concurrency: int = 64
    dns_s: float = 5.0
    tcp_s: float = 10.0
    banner_s: float = 15.0
    kex_s: float = 15.0
    auth_s: float = 20.0
    exec_s: float = 20.0  # from the request to the first byte of the stream, including a delay by sudo
    idle_s: float = 30.0
    total_s: float = 180.0
    classify_s: float = 300.0  # for one dump, from its start
    received_bytes: int = 128 * 2**20
    inflated_bytes: int = 512 * 2**20
    sweep_bytes: int = 2**32  # on disk, of all hosts that one process sweeps at once
    classify_bytes: int = 5 * 2**29  # of all classifiers of a machine
    smaps_resident_bytes: int = 8 * 2**30  # total VmRSS of the processes whose smaps is read on a host
    attempts: int = 2


class MailWhen(StrEnum):
    """Which runs are mailed; one that failed or is partial always is."""

    ALWAYS = "always"
    CHANGED = "changed"  # something changed beyond noise, for better or worse
    REGRESSED = "regressed"  # something got worse


@dataclass(frozen=True, slots=True)
class OwnerList:
    """Who gets what concerns the hosts with this label `owner`, and nothing of other hosts."""

    __pydantic_config__: ClassVar = STRICT
    owner: str
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mute:
    """Findings that nobody wants to hear of until a day, and why. The first four are shell patterns."""

    __pydantic_config__: ClassVar = STRICT
    code: str
    service: str = "*"
    hosts: str = "*"  # of names of hosts or of their groups; it holds if all hosts of the finding match
    kind: str = "*"
    reason: str = ""
    until: str = ""  # ISO date, UTC: the last day on which it holds


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asked for something, and from where; what is not known is "", or None."""

    __pydantic_config__: ClassVar = STRICT
    # what the kernel of that machine says
    machine: str  # its host name
    uid: int
    account: str
    login_uid: int | None = None  # who logged in, whatever sudo and su did since; None: nobody, as in cron
    login: str = ""
    terminal: str = ""  # pts/3
    # what the environment claims, which whoever starts mapsweep may set as they like
    sudo_uid: int | None = None
    sudo: str = ""  # the account that called sudo
    client: str = ""  # the address from which somebody logged in over SSH
    # what the settings say
    schedule: str = ""  # whose time had come; "": somebody gave a command


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a run is to do. Written once, when it starts."""

    __pydantic_config__: ClassVar = STRICT
    run_id: str
    scope: Scope
    limits: Limits
    hosts: tuple[Host, ...]
    started_at: str  # UTC, RFC 3339
    deadline_at: str  # UTC, RFC 3339: hosts without a result by then fail
    tool_version: str
    rules_version: str
    command: str = ""  # the command that repeats it, without secrets
    keep_dumps: bool = True
    mail_to: tuple[str, ...] = ()
    mail_when: MailWhen = MailWhen.ALWAYS
    mail_owners: tuple[OwnerList, ...] = ()  # of owners of its hosts, by name
    due_at: str = ""  # UTC, RFC 3339: when its schedule wanted it; "": it has none
    mutes: tuple[Mute, ...] = ()
    asker: Asker | None = None  # None: an older mapsweep planned it
    # how the planner's machine treats hosts, for people; "": the workers go by their own settings
    host_key_policy: str = ""
    arguments: str = ""
    schema_version: int = SCHEMA_VERSION


@dataclass(frozen=True, slots=True)
class Refusal:
    """A recipient that did not get a mail, and why: the mail server's code (0: it said none) and words."""

    __pydantic_config__: ClassVar = STRICT
    recipient: str
    code: int
    reason: str

    @property
    def is_final(self) -> bool:
        """Whether another try cannot help (5xx), or none will be made (0)."""
        return not 400 <= self.code < 500

    def __str__(self) -> str:
        return " ".join(f"{self.recipient}: {self.code or ''} {self.reason}".split())


@dataclass(frozen=True, slots=True)
class HostRecord:
    """The facts of a host that answered, stored in its result."""

    __pydantic_config__: ClassVar = STRICT
    host: str
    at: str
    elapsed_s: float
    attempt: int
    complete: bool
    problem: str
    listed: int
    sent: int
    kernel_threads: int
    denied: int
    vanished: int
    kernel: str
    os_name: str
    cores: int
    page_bytes: int
    boot_id: str
    clock_s: float
    mem_total_bytes: int
    meminfo_bytes: dict[str, int]
    overcommit_memory: int
    max_map_count: int
    thp_mode: str
    rules_version: str
    notes: tuple[str, ...] = ()
    sees_init: bool = True  # process 1 was read; every /proc has it, and hidepid keeps it from accounts
    finding_codes: dict[str, int] = field(default_factory=dict)  # looked for, and the version of each
    host_key: HostKeyCheck = HostKeyCheck.NONE


@dataclass(frozen=True, slots=True)
class Closed:
    """How a run ended. If this record exists, the run is closed."""

    __pydantic_config__: ClassVar = STRICT
    run_id: str
    closed_at: str
    asked: int
    ok: int
    partial: int
    failed: int
    complete: bool  # no host was failed by the deadline of the run
    rules_version: str = ""  # the version that made all results; "" if there were several
    results: str = ""  # the folders of results/, failures/ and settled/ that count; "" before there were any
    parts: int = 0  # number of parts of each table in settled/
    # what `mapsweep runs` shows without the manifest; empty in runs that an older mapsweep closed
    scope: str = ""  # the name of the scope
    hosts: str = ""  # the pattern as typed
    started_at: str = ""  # UTC, RFC 3339
    native_heap_resident_max_bytes: int | None = None  # of all hosts; None if no host's is known
    dumps_bytes: int | None = None
    results_bytes: int | None = None  # results, failures and settled tables
    # the codes of findings that were looked for on every host, with their versions; empty if nobody kept them
    finding_codes: dict[str, int] = field(default_factory=dict)
    asker: Asker | None = None  # as in the manifest
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        """ValueError if `results` is no name of a folder: whoever may write into a run chooses it."""
        if re.fullmatch(r"(?!\.)[\w.%~-]*", self.results, re.ASCII) is None:
            raise ValueError("results is not the name of a folder")

    @property
    def answered(self) -> int:
        """Hosts that answered, whole or in part."""
        return self.ok + self.partial

    @property
    def is_dead(self) -> bool:
        """Whether hosts were asked, and none answered."""
        return self.asked > 0 and not self.answered

    @property
    def is_good(self) -> bool:
        """Whether no host was given up at the deadline, and at least one host answered."""
        return self.complete and self.answered > 0
