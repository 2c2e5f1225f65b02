"""A rule: a named predicate over mappings, the kind it gives, and where its knowledge comes from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from procmaps.kinds import Confidence, Kind
from procmaps.tables import Flags

if TYPE_CHECKING:
    from procmaps.rules.draft import Draft

Find: TypeAlias = Callable[["Draft"], Flags | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the ordered table.

    `find` says which parts of the draft are of this rule's kind; it may cut parts first, and it may name
    parts that an earlier rule has settled: only open ones are taken. None stands for "nothing here".
    A rule without `find` is settled by the mapping's name alone (procmaps.rules.names).
    """

    name: str
    kind: Kind
    confidence: Confidence
    needs: str  # the evidence it reads: maps, status, cmdline, limits, smaps
    source: str  # kernel, glibc, OpenJDK, ...: whose behaviour it rests on
    # one sentence with the numbers it rests on; {size}, {name}, ... are filled in from procmaps.reasons.WORDS
    why: str
    find: Find | None = None
    runner_up: Kind | None = None  # what else it could be, where something could
