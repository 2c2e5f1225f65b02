"""A rule: a named predicate over mappings, the kind it gives, and where its knowledge comes from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.tables import Bytes8, Flags

if TYPE_CHECKING:
    from procmaps.rules.regions import Regions

Find: TypeAlias = Callable[["Regions"], Flags | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the ordered table.

    `find` says which parts of the regions are of this rule's kind; it may cut parts first, and it may name
    parts that an earlier rule has settled: only open ones are taken. None stands for "nothing here".
    A rule without `find` is settled by the mapping's name alone (procmaps.rules.kernel_names).
    """

    name: str
    kind: Kind
    confidence: Confidence
    needs: str  # the evidence it reads: maps, status, cmdline, limits, smaps
    source: str  # kernel, glibc, OpenJDK, ...: whose behaviour it rests on
    # one sentence with the numbers it rests on; {size}, {name}, ... are filled in from procmaps.reasons.WORDS
    why: str
    find: Find | None = None
    runner_up: Kind | None = None  # what else memory with these marks can be; no other rule was asked


@dataclass(frozen=True, slots=True)
class Verdicts:
    """How sure each rule is and what else it could be; one entry a rule.

    What else it could be depends on access: nothing but a reserve is closed, and no reserve is open.
    """

    confidence: Bytes8
    second_if_open: Bytes8
    second_if_closed: Bytes8


def verdicts_of(rules: Sequence[Rule]) -> Verdicts:
    """The verdicts of these rules, in their order."""
    seconds = [(rule.kind, rule.runner_up or rule.kind) for rule in rules]
    return Verdicts(
        confidence=np.array([rule.confidence for rule in rules], np.uint8),
        second_if_open=np.array(
            [Kind.ANONYMOUS if second is Kind.RESERVED else second for _, second in seconds], np.uint8
        ),
        second_if_closed=np.array(
            [second if second is kind else Kind.RESERVED for kind, second in seconds], np.uint8
        ),
    )
