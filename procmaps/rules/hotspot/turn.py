"""Turns of the JVM's labellers: several steps, each of which sees what those before it have left."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from procmaps.rules.hotspot.jvm import Jvm, jvm_of
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller, without
from procmaps.rules.process import Process
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

Step: TypeAlias = Callable[[Jvm, Process], Iterable[Claim]]


def turn(
    name: str,
    *,
    steps: Sequence[Step],
    gives: tuple[Rule, ...],
    sees: Callable[[Regions], Flags] | None = None,
    before: tuple[Edge, ...] = (),
    after: tuple[Edge, ...] = (),
) -> ProcessLabeller:
    """A labeller that takes these steps in every JVM, in this order; they claim by the rules in `gives`.

    `sees` is a mask of the regions that it is shown, all by default.
    """

    def find(jvm: Jvm, process: Process) -> list[Claim]:
        claims: list[Claim] = []
        found: list[Claim] = []
        for step in steps:
            process = without(process, found)
            found = list(step(jvm, process))
            claims += found
        return claims

    return ProcessLabeller(
        name, gives, find, marks=("jvm",), sees=sees, state=jvm_of, before=before, after=after
    )
