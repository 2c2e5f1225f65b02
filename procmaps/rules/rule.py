"""A rule: a kind of memory, how sure it is, and where the knowledge comes from by which it is recognised."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.tables import Bytes8


class Rule(NamedTuple):
    """What a labeller, or a mapping's name, can say of memory, and why."""

    name: str
    kind: Kind
    confidence: Confidence
    needs: str  # the evidence it reads: maps, status, cmdline, limits, smaps
    source: str  # kernel, glibc, OpenJDK, ...: whose behaviour it rests on
    # one sentence with the numbers it rests on; {size}, {name}, ... are filled in from procmaps.reasons.WORDS
    why: str
    runner_up: Kind | None = None  # what else memory with these marks can be; no other rule was asked


class Verdicts(NamedTuple):
    """How sure each rule is, and what else its memory could be; one entry per rule.

    Memory without access can only be a reserve instead, and memory with access cannot be one.
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
