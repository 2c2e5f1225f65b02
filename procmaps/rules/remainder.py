"""What no other rule knows: shown as it is."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import Draft
from procmaps.rules.groups import count_alike
from procmaps.rules.malloc_rules import foreign
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, which

VAST_FACTOR: Final = 16
GUARD_MAX_BYTES: Final = 64 * 2**10
GUARDED_COUNT: Final = 4
VAST_MIN_BYTES: Final = 2**30


def closed(draft: Draft) -> Flags:
    """Address space that nobody may touch."""
    found: Flags = draft.free & draft.none
    return found


def guarded(draft: Draft) -> Flags | None:
    """Writable parts of one size, each right above a small closed one: rings of guarded buffers, fibers."""
    rows = which(draft.open_rw & draft.touches_below)
    rows = rows[draft.none[rows - 1] & (draft.size[rows - 1] <= GUARD_MAX_BYTES) & draft.open[rows - 1]]
    if not len(rows):
        return None
    mask = np.zeros(len(draft), np.bool_)
    mask[rows[count_alike(draft.process[rows], draft.size[rows]) >= GUARDED_COUNT]] = True
    return mask


def unpaid(draft: Draft) -> Flags:
    """Memory larger than all anonymous memory of the process that is resident: hardly used."""
    budget = draft.spread(draft.facts.rss_anon_bytes)
    found: Flags = draft.free & (budget >= 0) & (draft.size > budget)
    return found


def vast(draft: Draft) -> Flags:
    """The same by far, or flagged as nothing that malloc makes."""
    budget = draft.spread(draft.facts.rss_anon_bytes)
    far = (budget >= 0) & (draft.size > budget * VAST_FACTOR) & (draft.size >= VAST_MIN_BYTES)
    found: Flags = draft.free & ~draft.none & (far | foreign(draft))
    return found


def anything(draft: Draft) -> Flags:
    """All that is left."""
    found: Flags = draft.free
    return found


RESERVED = Rule(
    "rest.reserved",
    Kind.RESERVED,
    Confidence.LIKELY,
    "maps",
    "Linux: memory without any access cannot be touched, so it costs address space and nothing else",
    "{size} that may not be touched and that belong to nothing known: a guard, or address space set aside",
    closed,
    Kind.ANONYMOUS,
)
VAST = Rule(
    "rest.vast",
    Kind.ANONYMOUS,
    Confidence.CERTAIN,
    "maps, status, smaps",
    "Linux, RssAnon in status; MAP_NORESERVE, MADV_DONTDUMP and others in VmFlags: no malloc asks for that",
    "{size} that the program mapped itself: many times what it has resident (RssAnon {rss_anon}), or "
    "with flags that no malloc asks for",
    vast,
)
GUARDED = Rule(
    "rest.guarded",
    Kind.ANONYMOUS,
    Confidence.LIKELY,
    "maps, status",
    "glibc and the other allocators put no guard below a chunk; programs do below buffers and fibers",
    "{size}, one of several alike with a guard below each, where all {threads} threads have their "
    "stacks: buffers or"
    " fibers of the program",
    guarded,
    Kind.THREAD_STACK,
)
UNPAID = Rule(
    "rest.unpaid",
    Kind.ANONYMOUS,
    Confidence.LIKELY,
    "maps, status",
    "Linux, RssAnon in status: malloc writes a header into each chunk and reuses what is freed, so it "
    "touches what it maps",
    "{size}, more than all anonymous memory that the process has resident ({rss_anon}): mapped by the "
    "program itself and hardly used",
    unpaid,
    Kind.HEAP_MMAP,
)
ANONYMOUS = Rule(
    "rest.anonymous",
    Kind.ANONYMOUS,
    Confidence.GUESS,
    "maps",
    "nothing: no rule applies",
    "{size} of anonymous memory ({perms}) that fits no known owner",
    anything,
    Kind.HEAP_MMAP,
)
