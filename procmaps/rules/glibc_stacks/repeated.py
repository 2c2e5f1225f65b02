"""Stacks of other sizes with a guard that is seen, as long as threads are left without a stack."""

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_stacks.guards import (
    SMALL_GUARD_BYTES,
    Pair,
    in_pairs,
    merged_bytes,
    pairs,
)
from procmaps.rules.glibc_stacks.threads import (
    CACHE_BYTES,
    MOST_FACTOR,
    NPTL,
    lack_stacks,
    missing_stacks,
)
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller
from procmaps.rules.process import Process
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags

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
    """Pairs of one unbroken run. Sizes in bytes, of the bodies."""

    pairs: list[Pair]
    total: int
    smallest: int


def repeated(process: Process) -> Iterator[Claim]:
    """Runs of pairs, those of the most frequent size first."""
    missing = missing_stacks(process)
    every = pairs(process)
    counts = Counter(pair.sizes for pair in every)
    default, musl, release = process.default_stack_bytes, process.has("musl"), process.release
    for run in _accepted(process, _runs(_candidates(every, counts, missing)), counts, missing):
        for pair in run.pairs:
            end = pair.end - merged_bytes(pair.size, default, musl=musl, release=release)
            yield Claim(pair.start, end, REPEATED_SIZE)


def _candidates(every: list[Pair], counts: Counter[tuple[int, int]], missing: int) -> list[Pair]:
    """Pairs with a guard of a default size, or with a larger one, which was asked for, if several have it."""
    found = [
        pair
        for pair in every
        if pair.guard_size <= SMALL_GUARD_BYTES or counts[pair.sizes] >= LARGE_GUARD_MIN_COUNT
    ]
    # if those of one size are as many as threads lack a stack, the others are something else
    enough = [pair for pair in found if missing <= counts[pair.sizes] < MOST_FACTOR * missing]
    return enough or found


def _runs(chosen: list[Pair]) -> list[_Run]:
    runs: dict[int, list[Pair]] = {}
    for pair in chosen:
        runs.setdefault(pair.run, []).append(pair)
    sizes = [[pair.size for pair in members] for members in runs.values()]
    return [_Run(pairs, sum(own), min(own)) for pairs, own in zip(runs.values(), sizes, strict=True)]


def _accepted(
    process: Process, runs: list[_Run], counts: Counter[tuple[int, int]], missing: int
) -> Iterator[_Run]:
    """Runs that threads are left for, and runs that glibc keeps of threads that ended."""
    left, cache = missing, CACHE_BYTES
    known: set[int] = set()  # sizes of stacks that were accepted
    for run in sorted(runs, key=lambda run: -counts[run.pairs[0].sizes]):
        number = len(run.pairs)
        ended = run.total * max(number - left, 0) // number
        is_kept = ended <= cache and (left > 0 or run.smallest in known) and _is_idle(process, run, counts)
        if is_kept or 0 < number <= left * MOST_FACTOR:
            yield run
            known.add(run.smallest)
            left, cache = max(left - number, 0), cache - ended


def _is_idle(process: Process, run: _Run, counts: Counter[tuple[int, int]]) -> bool:
    """Hardly resident, as stacks of ended threads are, and not so many of one size that they are fibers."""
    if not 0 <= process.anonymous_bytes < run.total:
        return False
    live = process.live_threads
    return all(counts[pair.sizes] <= CACHE_BYTES // pair.size + live for pair in run.pairs)


def _lack_and_have_pairs(regions: Regions) -> Flags:
    found = lack_stacks(regions)
    return found & regions.owners(in_pairs(regions)) if found.any() else found


def _pairs_and_stacks(regions: Regions) -> Flags:
    """The stacks that were found say how many threads have none."""
    return in_pairs(regions) | regions.of_kind(Kind.THREAD_STACK)


REPEATED: Final = ProcessLabeller(
    "stack.repeated",
    (REPEATED_SIZE,),
    repeated,
    where=_lack_and_have_pairs,
    sees=_pairs_and_stacks,
    before=(Edge("beam.carriers", "a thread's stack can be as large as a carrier"),),
)
