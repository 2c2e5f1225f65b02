"""Every key of mapsweep.yaml, declared once: type, bounds, unit, default, meaning."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field

from mapsweep.settings.key import DAY_S, HOUR_S, About, AbsolutePath, EvidenceName, MailAddress, OneLine
from mapsweep.settings.sections import (
    FleetSchema,
    KeepSchema,
    LimitSchema,
    MailSchema,
    ReportSchema,
    SshSchema,
)
from mapsweep.settings.values import (
    broker_url,
    crontab,
    host_pattern,
    mask_word,
    runs_place,
    schedule_name,
    time_zone,
)
from procmaps.masking_options import WORDS_LIMIT_COUNT, Arguments
from workers.life.schedules import Overlap

SCHEDULES_MAX = 100
ADDRESSES_MAX = 100


def _defaults_of_empty(section: object) -> object:
    """A section that is named and empty has its defaults: `keep:` alone must not mean "for ever"."""
    return {} if section is None else section


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
    keep_dumps: Annotated[
        bool,
        About("keep the dumps of the hosts, for `mapsweep reclassify` and the mappings of `mapsweep show`"),
    ] = True
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
