"""Where a JVM has an unbroken run of parts of exactly the size that its heap must have."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np

from procmaps.rules.draft import PAGE_SHIFT, Draft, Spans, is_multiple
from procmaps.rules.groups import among, pairs
from procmaps.rules.jvm import CANDIDATE_LIMIT_COUNT, CLASS_SPACE_BYTES, GIB, KIB, LOW_BYTES, MIB, Jvm
from procmaps.rules.jvm_heap_size import ALIGNMENTS_BYTES, canonical_ends, targets
from procmaps.rules.kernel_names import Name
from procmaps.rules.process import ARENA_HEAP_BYTES
from procmaps.tables import EXECUTE, Flags, Ints64, which

OOPS_BASE_BYTES: Final = 32 * GIB  # bases of heaps with compressed oops that are not zero are multiples of it
HEAP_ALIGNMENT_BYTES: Final = 64 * KIB  # Serial's; others align to more
SHENANDOAH_REGION_BYTES: Final = 256 * KIB  # gc/shenandoah/shenandoah_globals.hpp: ShenandoahMinRegionSize
END_BONUS: Final = 5
NOTHING: Final = (2 * END_BONUS, 0, 0)  # what a span has to be better than
ROWS_LIMIT_COUNT: Final = 2**18  # of a host's parts that a heap can consist of: a JVM has tens
ARCHIVE_REST_BYTES: Final = 16 * MIB  # what an archive may leave free of its alignment


@dataclass(frozen=True, slots=True)
class Chains:
    """Parts that a heap can consist of, in unbroken runs; columns of one JVM or of several."""

    rows: Ints64
    process: Ints64
    start: Ints64
    end: Ints64
    chain: Ints64  # the run that each is in

    def only(self, kept: Ints64 | slice) -> "Chains":
        """These parts alone."""
        columns = (self.rows, self.process, self.start, self.end, self.chain)
        return Chains(*(column[kept] for column in columns))


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Spans that could be a heap; one entry a span."""

    process: Ints64
    low: Ints64
    high: Ints64
    most: Ints64  # that it can score
    exact: Flags  # begins and ends with a mapping


def chains_of(draft: Draft, rows: Ints64) -> Chains:
    fit = (draft.open[rows] & (draft.perms[rows] & EXECUTE == 0)) | (draft.code[rows] == int(Name.JSA))
    rows = rows[fit]
    breaks = np.ones(len(rows), np.bool_)
    breaks[1:] = (rows[1:] != rows[:-1] + 1) | ~draft.touches_below[rows[1:]]
    return Chains(rows, draft.process[rows], draft.start[rows], draft.end[rows], breaks.cumsum())


def heaps_by_size(draft: Draft) -> Spans:
    """Of each JVM the best run of such a size; an end of it may be merged with a neighbour, not both."""
    jvms = {jvm.process: jvm for jvm in draft.jvms if not jvm.heap[1]}
    sizes = {process: found for process, jvm in jvms.items() if (found := targets(draft, jvm))}
    if not sizes:
        return []
    chains = _long_chains(draft, jvms, sizes)
    candidates = _candidates(draft, chains, _wanted(chains, sizes), jvms)
    best: dict[int, tuple[int, int, int]] = {}
    looked_at: Counter[int] = Counter()
    order = np.argsort(-candidates.most, kind="stable")
    columns = (candidates.process, candidates.most, candidates.low, candidates.high, candidates.exact)
    for process, most, low, high, exact in zip(*(column[order].tolist() for column in columns), strict=True):
        before = best.get(process, NOTHING)
        if most < before[0] or looked_at[process] >= CANDIDATE_LIMIT_COUNT:
            continue
        looked_at[process] += 1
        own = chains.only(slice(*chains.process.searchsorted((process, process + 1)).tolist()))
        doubts = _doubts(draft, own, (low, high), exact=exact)
        doubts += _as_class_space(draft, own, (low, high), jvms[process])
        best[process] = max(before, (most - doubts, low, high))
    return [(process, low, high) for process, (score, low, high) in best.items() if score > NOTHING[0]]


def _long_chains(draft: Draft, jvms: dict[int, Jvm], sizes: dict[int, list[int]]) -> Chains:
    """The runs that are long enough for a heap."""
    least = np.zeros(len(draft.facts.marks), np.int64)
    least[list(sizes)] = [found[0] for found in sizes.values()]
    chains = chains_of(draft, draft.rows_in(least > 0))
    if not len(chains.rows):
        return chains
    long = np.bincount(chains.chain, chains.end - chains.start)[chains.chain] >= least[chains.process]
    full_oops = [process for process in sizes if jvms[process].arguments.full_oops]
    if full_oops:
        # nothing then asks for a low address
        long &= ~among(chains.process, full_oops) | (chains.end > LOW_BYTES)
    return chains.only(which(long)[:ROWS_LIMIT_COUNT])


def _wanted(chains: Chains, sizes: dict[int, list[int]]) -> list[tuple[int, int, bool]]:
    """Process, size, and whether it begins with a closed alignment, as where oops need a base."""
    based = set(chains.process[is_multiple(chains.start, OOPS_BASE_BYTES)].tolist())
    wanted: list[tuple[int, int, bool]] = []
    for process, rounded in sizes.items():
        units = ALIGNMENTS_BYTES[2:] if process in based else ()
        prefixed = {size + unit for size in rounded for unit in units if size >= GIB}
        wanted += [(process, size, size not in rounded) for size in sorted(prefixed.union(rounded))]
    return wanted


def _candidates(
    draft: Draft, chains: Chains, wanted: list[tuple[int, int, bool]], jvms: dict[int, Jvm]
) -> _Candidates:
    """Spans of a size wanted that begin or end with a mapping."""
    count = len(chains.rows)
    owner, size, prefixed = (np.array(column) for column in zip(*wanted, strict=True))
    entry, row = pairs(owner, chains.process)
    half = len(entry)
    # upward from where a mapping begins, and downward from where one ends
    entry, row = np.concatenate((entry, entry)), np.concatenate((row, row))
    upward = np.arange(2 * half) < half
    anchor = np.where(upward, chains.start[row], chains.end[row])
    limit = anchor + np.where(upward, size[entry], -size[entry])
    keys = draft.key[chains.rows]
    limit_key = keys[row] + ((limit - chains.start[row]) >> PAGE_SHIFT)
    position = keys.searchsorted(limit_key - upward, "right") - 1
    held = (position >= 0) & (limit >= chains.start[position]) & (limit <= chains.end[position])
    held &= chains.chain[position] == chains.chain[row]
    held &= is_multiple(np.minimum(anchor, limit), HEAP_ALIGNMENT_BYTES)
    entry, row, upward, position = entry[held], row[held], upward[held], position[held]
    low, high = np.minimum(anchor[held], limit[held]), np.maximum(anchor[held], limit[held])
    bottom, top = np.where(upward, row, position), np.where(upward, position, row)
    exact = (chains.start[bottom] == low) & (chains.end[top] == high)
    # the first thing in a heap is committed memory, or the closed prefix of a based one
    opens = ~draft.none[chains.rows[bottom]]
    fit = np.where(prefixed[entry], is_multiple(low, OOPS_BASE_BYTES), opens)
    units = np.array([_least_alignment(jvms[process]) for process in owner.tolist()])[entry]
    fit &= exact | (low & (units - 1) == 0)
    last = chains.end[chains.chain.searchsorted(chains.chain[top], "right") - 1] if count else high
    # mappings grow downward: what merged with the heap came later and lies below it
    most = np.where(exact, 60, 30) + END_BONUS * ~upward + END_BONUS * (high == last)
    ends = np.array([canonical_ends(jvms[process]) for process in owner.tolist()])[entry]
    canonical = (high[:, np.newaxis] == ends).any(axis=1)
    most += np.where(canonical, 100, np.where(high <= LOW_BYTES, np.where(exact, 60, 10), 0))
    return _Candidates(owner[entry[fit]], low[fit], high[fit], most[fit], exact[fit])


def _least_alignment(jvm: Jvm) -> int:
    """What heaps begin on at least, but for the smallest: Shenandoah's regions are of 256 KiB and more."""
    return SHENANDOAH_REGION_BYTES if jvm.arguments.collector == "Shenandoah" else MIB


def _doubts(draft: Draft, chains: Chains, span: tuple[int, int], *, exact: bool) -> int:
    """What speaks against a span: tails of arenas in it, many mappings, none of them closed."""
    low, high = span
    inside = chains.rows[chains.end.searchsorted(low, "right") : chains.start.searchsorted(high)]
    tails = (
        draft.none[inside]
        & is_multiple(draft.end[inside], ARENA_HEAP_BYTES)
        & (draft.size[inside] < ARENA_HEAP_BYTES)
    )
    doubts = min(len(inside), 30)
    for tail in inside[tails].tolist():
        is_arena = draft.writable[tail - 1] and draft.start[tail - 1] == draft.end[tail] - ARENA_HEAP_BYTES
        doubts += 12 + 8 * bool(is_arena)
    doubts -= 12 * bool(doubts > len(inside))
    if low >= LOW_BYTES and len(inside) > 1 and not draft.none[inside].any() and not exact:
        doubts += 20
    return doubts


def _as_class_space(draft: Draft, chains: Chains, span: tuple[int, int], jvm: Jvm) -> int:
    """What speaks against a span that may be the class space: as large, and right above one that fits too.

    From JDK 16 on the class space lies right above the archive, at most the archive's closed rest between.
    """
    rows, start, end, chain = chains.rows, chains.start, chains.end, chains.chain
    low, high = span
    size = high - low
    if size != (jvm.arguments.class_space or CLASS_SPACE_BYTES):
        return 0
    lower, upper = which(start == low - size), which(end == high)
    twice = len(lower) and len(upper) and chain[lower[0]] == chain[upper[0]]
    below = which((end <= low) & (end > low - ARCHIVE_REST_BYTES) & (chain == chain[end > low][0]))
    archived = bool((draft.code[rows[below]] == int(Name.JSA)).any())
    # an archive of objects is mapped at the top of a heap, and in nothing else
    inside = rows[end.searchsorted(low, "right") : start.searchsorted(high)]
    objects = (draft.code[inside] == int(Name.JSA)) & (draft.end[inside] + ARCHIVE_REST_BYTES >= high)
    is_heap = bool(objects.any()) and draft.code[inside[0]] != int(Name.JSA)
    return 4 * END_BONUS * bool(twice) + 8 * END_BONUS * archived - 4 * END_BONUS * is_heap
