"""The section mutes of mapsweep.yaml: findings that nobody wants to hear of until a day, and why."""

import re
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, ConfigDict

from domain.records import Mute
from mapsweep.settings.key import About
from mapsweep.settings.values import one_line

MUTES_MAX: Final = 200
MUTED_DAYS_MAX: Final = 366
PATTERN_CHARS_MAX: Final = 200
REASON_CHARS_MAX: Final = 200

_CODE: Final = re.compile(r"[a-z0-9_*?\[\],]{1,200}")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def code_pattern(text: str) -> str:
    if not _CODE.fullmatch(text):
        raise ValueError(f"must be the code of a finding such as many_arenas, or a pattern, not {text!r}")
    return text


def pattern(text: str) -> str:
    if not one_line(text).strip(" ,") or len(text) > PATTERN_CHARS_MAX:
        raise ValueError(f"must be a pattern of 1 to {PATTERN_CHARS_MAX} characters; * is everything")
    return text


def reason(text: str) -> str:
    if not one_line(text).strip() or len(text) > REASON_CHARS_MAX:
        raise ValueError(f"must say why, in one line of at most {REASON_CHARS_MAX} characters")
    return text


def last_day(text: str) -> str:
    """A day of at most MUTED_DAYS_MAX from today: what is muted for longer is forgotten."""
    try:
        day = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None:
        raise ValueError(f"must be a day such as 2027-06-30, not {text!r}")
    if day > datetime.now(UTC).date() + timedelta(days=MUTED_DAYS_MAX):
        raise ValueError(f"must be at most {MUTED_DAYS_MAX} days from today, not {text}")
    return text


@dataclass(frozen=True, slots=True)
class MuteSchema:
    """Findings that are counted and not told. Patterns are those of a shell, several with commas between."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    code: Annotated[
        str,
        AfterValidator(code_pattern),
        About("code of the finding, or a pattern of codes; see finding-codes.md"),
    ]
    reason: Annotated[str, AfterValidator(reason), About("why it is muted; every output can show it")]
    until: Annotated[
        str,
        AfterValidator(last_day),
        About(f"last day of the mute (UTC), at most {MUTED_DAYS_MAX} days from today"),
    ]
    service: Annotated[str, AfterValidator(pattern), About("pattern of services")] = "*"
    hosts: Annotated[
        str,
        AfterValidator(pattern),
        About("pattern of hosts or groups; all hosts that have the finding must match"),
    ] = "*"
    kind: Annotated[str, AfterValidator(pattern), About("pattern of kinds of memory")] = "*"

    def mute(self) -> Mute:
        """The mute in the form of a run."""
        return Mute(**asdict(self))

    @property
    def is_of_everything(self) -> bool:
        """Whether it would mute every finding."""
        return {self.code, self.service, self.hosts, self.kind} <= {"*", "all"}
