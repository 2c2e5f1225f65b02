"""The conditions of ssh_config: Host and Match."""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

PATTERNS_KEPT: Final = 20_000  # compiled patterns in memory, of all files
_WITHOUT_VALUE: Final = frozenset(("all", "canonical", "final"))
_COMPARED: Final = frozenset(("host", "originalhost", "user", "localuser"))
_NOT_KNOWN: Final = frozenset(
    ("exec", "localnetwork", "tagged", "version", "sessiontype", "command")
)  # what only ssh itself can tell


class Verdict(Enum):
    """Whether a section counts for a host."""

    NO = "no"
    YES = "yes"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class Target:
    """What conditions are about: the host as it was named, and what is known of it so far."""

    name: str
    host_name: str
    user: str
    local_user: str


@dataclass(frozen=True, slots=True)
class HostCondition:
    """Host PATTERN ...: one must match the name, and no negated one may. Letters' case counts."""

    patterns: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The only names that it can match; () if it has a pattern or a negated name."""
        return () if any(set(pattern) & set("*?!") for pattern in self.patterns) else self.patterns

    def verdict(self, target: Target) -> Verdict:
        return Verdict.YES if _any_of(target.name, self.patterns) else Verdict.NO


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of Match, perhaps negated."""

    name: str
    value: str
    negated: bool

    def verdict(self, target: Target) -> Verdict:
        if self.name in _NOT_KNOWN or self.name == "final":
            return Verdict.CANNOT_TELL
        if self.name in ("all", "canonical"):  # names are not made canonical here
            fulfilled = self.name == "all"
        else:
            fulfilled = _any_of(*self._compared(target))
        return Verdict.YES if fulfilled is not self.negated else Verdict.NO

    def _compared(self, target: Target) -> tuple[str, Sequence[str]]:
        match self.name:
            case "host":
                return target.host_name.lower(), self.value.lower().split(",")
            case "originalhost":
                return target.name.lower(), self.value.lower().split(",")
            case "user":
                return target.user, self.value.split(",")
            case _:
                return target.local_user, self.value.split(",")


@dataclass(frozen=True, slots=True)
class MatchCondition:
    """Match CRITERION ...: all must be fulfilled; one that is not decides, whatever the others are."""

    criteria: tuple[Criterion, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The only names that it can match; () because it may match any."""
        return ()

    def verdict(self, target: Target) -> Verdict:
        verdicts = {criterion.verdict(target) for criterion in self.criteria}
        return next((each for each in (Verdict.NO, Verdict.CANNOT_TELL) if each in verdicts), Verdict.YES)


def read_match(words: Sequence[str]) -> MatchCondition:
    """The condition of a Match line; ValueError for one that ssh refuses."""
    criteria: list[Criterion] = []
    left = [part for word in words for part in _parts(word)]
    while left:
        word = left.pop(0)
        name, negated = word.removeprefix("!").lower(), word.startswith("!")
        if name in _WITHOUT_VALUE:
            criteria.append(Criterion(name, "", negated))
        elif name not in _COMPARED | _NOT_KNOWN:
            raise ValueError(f"Match has no criterion {name!r}")
        elif not left or not left[0]:
            raise ValueError(f"Match {name} needs a value")
        else:
            criteria.append(Criterion(name, left.pop(0), negated))
    if not criteria:
        raise ValueError("Match needs a criterion")
    names = [criterion.name for criterion in criteria]
    if "all" in names[:-1] or (names[-1] == "all" and len(names) > 2):
        raise ValueError("Match all cannot be combined with other criteria")
    return MatchCondition(tuple(criteria))


def _parts(word: str) -> list[str]:
    """CRITERION=VALUE is one word in the file."""
    name, equals, value = word.partition("=")
    if equals and name.removeprefix("!").lower() in _COMPARED | _NOT_KNOWN:
        return [name, value] if value else [name]
    return [word]


def _any_of(text: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns matches, and no negated one does."""
    found = False
    for pattern in patterns:
        if _pattern(pattern.removeprefix("!")).fullmatch(text):
            if pattern.startswith("!"):
                return False
            found = True
    return found


@lru_cache(maxsize=PATTERNS_KEPT)
def _pattern(text: str) -> re.Pattern[str]:
    """OpenSSH knows only * and ?."""
    return re.compile(fnmatch.translate(text.replace("[", "[[]")))
