"""Ruby and Mono: pages of their heaps and stacks of fibers, mapped by themselves and not by malloc."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import PAGE_BYTES, Draft, is_multiple
from procmaps.rules.groups import count_alike
from procmaps.rules.rule import Rule
from procmaps.rules.stacks import default_bytes
from procmaps.tables import Flags, which

HEAP_PAGE_BYTES: Final = 16 * 2**10  # Mono's blocks; Ruby's pages up to 3.1, 64 KiB from 3.2 on
HEAP_MIN_BYTES: Final = 64 * 2**10
FIBER_MIN_COUNT: Final = 4  # the pool begins with more


def ruby_fibers(draft: Draft) -> Flags | None:
    """Guard and stack, a page more than both stacks of a fiber need together, several alike."""
    ruby = draft.has("ruby")
    if not ruby.any():
        return None
    rows = which(draft.open_rw & draft.spread(ruby) & draft.touches_below)
    rows = rows[draft.open_none[rows - 1] & (draft.size[rows - 1] == PAGE_BYTES)]
    size = draft.size[rows]
    odd = is_multiple(size - PAGE_BYTES, HEAP_PAGE_BYTES)
    odd &= (size != default_bytes(draft)[draft.process[rows]]) & (size > HEAP_PAGE_BYTES)
    rows = rows[odd]
    if not len(rows):
        return None
    rows = rows[count_alike(draft.process[rows], draft.size[rows]) >= FIBER_MIN_COUNT]
    found = np.zeros(len(draft), np.bool_)
    found[rows] = True
    found[rows - 1] = True
    return found


def ruby_heap(draft: Draft) -> Flags | None:
    """Whole heap pages, aligned to their size."""
    return _whole_pages(draft, "ruby")


def mono_heap(draft: Draft) -> Flags | None:
    """Whole blocks, sections and nurseries."""
    return _whole_pages(draft, "mono")


def _whole_pages(draft: Draft, runtime: str) -> Flags | None:
    """Whole pages on their boundaries: of chunks of malloc one in sixteen is both."""
    own = draft.has(runtime)
    if not own.any():
        return None
    whole = is_multiple(draft.size, HEAP_PAGE_BYTES) & is_multiple(draft.start, HEAP_PAGE_BYTES)
    found: Flags = draft.open_rw & draft.spread(own) & whole & (draft.size >= HEAP_MIN_BYTES)
    return found


RUBY_FIBERS = Rule(
    "ruby.fiber",
    Kind.ANONYMOUS,
    Confidence.LIKELY,
    "maps",
    "Ruby 2.7 and later, cont.c: a pool of stacks for fibers, each of both stacks' sizes, a page and a guard",
    "{size} of the stack of a fiber, used or kept for later: one of several alike with a guard, of a size "
    "that no thread of Ruby has",
    ruby_fibers,
    Kind.THREAD_STACK,
)
RUBY_HEAP = Rule(
    "ruby.heap",
    Kind.ANONYMOUS,
    Confidence.LIKELY,
    "maps",
    "Ruby, gc.c: heap pages of 16 KiB, from 3.2 on 64 KiB, aligned to their size and mapped by Ruby itself",
    "{size}, whole pages of Ruby's heap on boundaries of their size: objects",
    ruby_heap,
    Kind.HEAP_MMAP,
)
MONO_HEAP = Rule(
    "mono.heap",
    Kind.ANONYMOUS,
    Confidence.LIKELY,
    "maps",
    "Mono, mono/sgen/sgen-marksweep.c: blocks of 16 KiB, aligned to their size and mapped by Mono itself",
    "{size}, whole blocks of 16 KiB on their boundaries, in a Mono process: objects",
    mono_heap,
    Kind.HEAP_MMAP,
)
