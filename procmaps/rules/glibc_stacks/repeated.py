"""Stacks of other sizes with a guard that is seen, as long as threads are left without a stack."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_stacks.guards import (
    Pairs,
    find_pairs,
    has_usual_guard,
    stacks_of,
)
from procmaps.rules.glibc_stacks.threads import CACHE_BYTES, MOST_FACTOR, NPTL, live_threads
from procmaps.rules.groups import among, count_alike, slices_of
from procmaps.rules.labeller import Edge, Ranges, RegionLabeller
from procmaps.rules.process import SMALL_GUARD_BYTES
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Ints64, which

LARGE_GUARD_MIN_COUNT: Final = 4  # stacks of one size with a guard larger than any default

REPEATED_SIZE = Rule(
    "stack.repeated",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, status",
    NPTL,
    "{size} of a stack of {block_size}, an inaccessible guard and the writable memory directly above "
    "it; for some of the {threads} threads no stack was found otherwise",
    runner_up=Kind.ANONYMOUS,
)


class _Run(NamedTuple):
    """Candidates of one unbroken run of pairs. Sizes in bytes, of the bodies."""

    run: int
    pairs: int
    total: int
    smallest: int
    same_size: int  # pairs of the process that have the sizes of the first of these
    asked: bool  # some have a guard that glibc makes only if it is asked to
    fibers: bool  # more of one size than live threads and ended ones can have


def repeated(regions: Regions) -> Ranges | None:
    """Runs of pairs, those with usual guards and of the most frequent size first."""
    missing = live_threads(regions) - regions.stacks
    if not (missing > 0).any():
        return None
    pairs = find_pairs(regions)
    counts = count_alike(pairs.process, pairs.size, pairs.guard_size)
    chosen = _candidates(pairs, counts, missing[pairs.process])
    accepted: list[int] = []
    for process, runs in _runs(regions, pairs, counts, chosen):
        resident = int(regions.facts.anonymous_bytes[process])
        accepted += _accepted(runs, int(missing[process]), resident)
    return stacks_of(regions, pairs, chosen[among(pairs.run[chosen], accepted)])


def _candidates(pairs: Pairs, counts: Ints64, missing: Ints64) -> Ints64:
    """Pairs with a guard of a default size, or with a larger one, which was asked for, if several have it."""
    found = (pairs.guard_size <= SMALL_GUARD_BYTES) | (counts >= LARGE_GUARD_MIN_COUNT)
    found &= missing > 0
    # if those of one size are as many as threads lack a stack, the others are something else
    enough = found & (counts >= missing) & (counts < MOST_FACTOR * missing)
    has_enough = np.zeros(int(pairs.process.max(initial=-1)) + 1, np.bool_)
    has_enough[pairs.process[enough]] = True
    return which(found & (enough | ~has_enough[pairs.process]))


def _runs(regions: Regions, pairs: Pairs, counts: Ints64, chosen: Ints64) -> Iterator[tuple[int, list[_Run]]]:
    """The runs of each process that has candidates, by its row."""
    if not len(chosen):
        return
    run, first, number = np.unique(pairs.run[chosen], return_index=True, return_counts=True)
    size, process = pairs.size[chosen], pairs.process[chosen]
    fibers = counts[chosen] > CACHE_BYTES // size + live_threads(regions)[process]
    asked = ~has_usual_guard(pairs, len(regions.facts.marks))[chosen]
    columns = (
        run,
        number,
        np.add.reduceat(size, first),
        np.minimum.reduceat(size, first),
        counts[chosen][first],
        np.logical_or.reduceat(asked, first),
        np.logical_or.reduceat(fibers, first),
    )
    runs = list(map(_Run._make, zip(*(column.tolist() for column in columns), strict=True)))
    for own in slices_of(process[first]):
        yield int(process[first[own.start]]), runs[own]


def _accepted(runs: list[_Run], missing: int, resident: int) -> Iterator[int]:
    """Of one process the runs that threads are left for, and those that glibc keeps of threads that ended."""
    left, cache = missing, CACHE_BYTES
    known: set[int] = set()  # sizes of stacks that were accepted
    for run in sorted(runs, key=lambda run: (run.asked, -run.same_size)):
        ended = run.total * max(run.pairs - left, 0) // run.pairs
        idle = 0 <= resident < run.total and not run.fibers
        kept = idle and ended <= cache and (left > 0 or run.smallest in known)
        if kept or run.pairs <= left * MOST_FACTOR:
            yield run.run
            known.add(run.smallest)
            left, cache = max(left - run.pairs, 0), cache - ended


REPEATED: Final = RegionLabeller(
    "stack.repeated",
    (REPEATED_SIZE,),
    repeated,
    before=(Edge("beam.carriers", "a thread's stack can be as large as a carrier"),),
)
