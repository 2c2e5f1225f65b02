"""Labellers and their claims. A labeller looks at memory and says whose it is; it changes nothing."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from procmaps.rules.process import BY_START, Process
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, Ints64


class Edge(NamedTuple):
    """Another labeller, and why the order of the two matters, in one sentence."""

    labeller: str
    reason: str


class Claim(NamedTuple):
    """A range of one process's memory, and the rule by which it is claimed."""

    start: int
    end: int
    rule: Rule
    # requested at once, as a stack with its guard: shown as one block; otherwise each region is its own
    one_block: bool = True


def without(process: Process, claims: Sequence[Claim]) -> Process:
    """The process as it is after these claims: for a labeller whose later steps must see its earlier ones.

    Claimed memory is cut out and has the kind of its rule; of what is claimed twice the first claim has it.
    """
    if not claims:
        return process
    cut = process.cut({edge for claim in claims for edge in (claim.start, claim.end)})
    regions = list(cut.regions)
    for claim in claims:
        first = bisect_left(regions, claim.start, key=BY_START)
        kind = int(claim.rule.kind)
        for position in range(first, bisect_left(regions, claim.end, lo=first, key=BY_START)):
            if not regions[position].claimed:
                regions[position] = regions[position]._replace(kind=kind, unclaimed=False)
    return cut.with_regions(tuple(regions))


class Ranges(NamedTuple):
    """Claims of one rule in any number of processes, as columns: what a RegionLabeller can return."""

    process: Ints64  # row in the ProcessTable
    start: Ints64
    end: Ints64
    one_block: bool = True


# whole regions that are claimed, or ranges; None if there is nothing
FindRegions: TypeAlias = Callable[[Regions], Flags | Ranges | None]


@dataclass(frozen=True, slots=True)
class ProcessLabeller:
    """Looks at one process at a time, in plain Python: what an owner (an allocator, a runtime) maps.

    It runs only in processes that carry one of its marks, or, without marks, in those that `where` selects.
    With `sees` it is shown the regions of that mask alone, and runs only in processes that have some: for
    what concerns few of the regions of a process, which may have tens of thousands.
    If it has a `state`, that is made once per process and given to `find` as the first argument: labellers
    that share a state are the turns of one owner, and nobody else can see it.
    """

    name: str
    gives: tuple[Rule, ...]
    find: Callable[..., Iterable[Claim]]
    marks: tuple[str, ...] = ()
    where: Callable[[Regions], Flags] | None = None
    sees: Callable[[Regions], Flags] | None = None
    state: Callable[[Process], Any] | None = None
    before: tuple[Edge, ...] = ()  # labellers that must come later
    after: tuple[Edge, ...] = ()  # labellers that must have come


@dataclass(frozen=True, slots=True)
class RegionLabeller:
    """Asks one question of every region of the host at once, over columns: cheap where most regions qualify.

    For what a region's own numbers and its neighbours tell; what takes more than that is a ProcessLabeller.
    """

    name: str
    gives: tuple[Rule]
    find: FindRegions
    before: tuple[Edge, ...] = ()
    after: tuple[Edge, ...] = ()


Labeller: TypeAlias = ProcessLabeller | RegionLabeller
