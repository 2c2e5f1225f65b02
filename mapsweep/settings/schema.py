"""Every key of mapsweep.yaml, declared once: type, bounds, unit, default, meaning."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from domain.records import MailWhen
from mapsweep.settings.key import (
    DAY_S,
    HOUR_S,
    About,
    AbsolutePath,
    EvidenceName,
    InventorySource,
    MailAddress,
    OneLine,
)
from mapsweep.settings.mutes import MUTES_MAX, MuteSchema
from mapsweep.settings.sections import (
    ADDRESSES_MAX,
    FleetSchema,
    KeepSchema,
    LimitSchema,
    MailSchema,
    ReportSchema,
    SshSchema,
)
from mapsweep.settings.values import (
    AUDIT_OFF,
    audit_place,
    broker_url,
    crontab,
    digest_crontab,
    host_pattern,
    mask_word,
    recipient,
    runs_place,
    schedule_name,
    time_zone,
)
from mapsweep.settings.webhook_section import WebhookSchema
from procmaps.masking_options import WORDS_LIMIT_COUNT, Arguments
from workers.life.schedules import Overlap

SCHEDULES_MAX = 100
INVENTORIES_MAX = 100
RECIPIENTS_MAX = 20  # each adds some hundred bytes to a dump


def _defaults_of_empty(section: object) -> object:
    """A section that is named and empty has its defaults: `keep:` alone must not mean "for ever"."""
    return {} if section is None else section


def _one_is_a_list(inventory: object) -> object:
    """One inventory may be written without a list."""
    if inventory is None:
        return ()
    if isinstance(inventory, str):
        return (inventory,)
    return tuple(inventory) if isinstance(inventory, list) else inventory  # what it returns is no longer JSON


def _off(value: object) -> object:
    """YAML reads a bare off as false."""
    return AUDIT_OFF if value is False else value


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
    mail_when: Annotated[
        MailWhen,
        About(
            "which runs are mailed: `always`; `changed`, if anything changed beyond noise; `regressed`, if"
            " something got worse. Runs in which a host failed are always mailed"
        ),
    ] = MailWhen.ALWAYS
    digest: Annotated[
        str,
        AfterValidator(digest_crontab),
        About(
            "when `mail` gets a digest of the last 7 days, as in `crontab`: `0 8 * * mon`", default="never"
        ),
    ] = ""
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
        tuple[InventorySource, ...],
        BeforeValidator(_one_is_a_list),
        Field(max_length=INVENTORIES_MAX),
        About(
            "the inventory: a file, a folder, a program, or hosts with commas between; or a list of these,"
            " of which a later one overrides an earlier one",
            default="the first `inventory.yaml` of the search order, or the inventory of ansible.cfg",
        ),
    ] = ()
    evidence: Annotated[
        EvidenceName, About("`maps`, or `smaps` for resident bytes (costs the hosts a page-table walk)")
    ] = EvidenceName.MAPS
    become: Annotated[bool, About("run the probe through sudo on every host")] = False
    keep_dumps: Annotated[
        bool,
        About("keep the dumps of the hosts, for `mapsweep reclassify` and the mappings of `mapsweep show`"),
    ] = True
    dump_recipients: Annotated[
        tuple[Annotated[str, AfterValidator(recipient)], ...],
        Field(max_length=RECIPIENTS_MAX),
        About(
            "public keys for which dumps are encrypted, in the format of age: `age1...`, `ssh-ed25519 ...` or"
            " `ssh-rsa ...`; needs the extra `age`. Read on the machine that collects",
            default="none: dumps are kept as they are",
        ),
    ] = ()
    dump_identity_file: Annotated[
        AbsolutePath | None,
        About(
            "file with the private keys that read encrypted dumps, of age or SSH, without a passphrase. For"
            " workers of `classify`, and for `mapsweep show` and `reclassify`"
        ),
    ] = None
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
    audit: Annotated[
        str,
        BeforeValidator(_off),
        AfterValidator(audit_place),
        About(
            "where a line goes about each run, and about each act that hands out or removes what hosts sent."
            " `off`: nowhere; `syslog`: to the system log of this machine, at /dev/log; `syslog:PATH`: to the"
            " socket there; an absolute path: to that file. If a line is not taken, nothing is done"
        ),
    ] = AUDIT_OFF
    mail: Annotated[MailSchema | None, About("")] = None
    webhook: Annotated[WebhookSchema | None, BeforeValidator(_defaults_of_empty), About("")] = None
    report: Annotated[ReportSchema, About("")] = field(default_factory=ReportSchema)
    fleet: Annotated[FleetSchema, About("")] = field(default_factory=FleetSchema)
    mutes: Annotated[tuple[MuteSchema, ...], Field(max_length=MUTES_MAX), About("")] = ()
    schedules: Annotated[tuple[ScheduleSchema, ...], Field(max_length=SCHEDULES_MAX), About("")] = ()
