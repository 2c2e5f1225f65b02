"""Ruby: pages of its heap, and stacks of fibers, mapped by Ruby itself and not by malloc."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from procmaps.kinds import Confidence, Kind
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller
from procmaps.rules.process import KIB, PAGE_BYTES, Process, Region
from procmaps.rules.rule import Rule

HEAP_PAGE_BYTES: Final = 16 * KIB  # up to 3.1; 64 KiB from 3.2 on
HEAP_MIN_BYTES: Final = 64 * KIB
FIBER_UNIT_BYTES: Final = 16 * KIB
FIBER_MIN_COUNT: Final = 4  # the pool begins with more

FIBER: Final = Rule(
    "ruby.fiber",
    Kind.ANONYMOUS,
    Confidence.LIKELY,
    "maps",
    "Ruby 2.7 and later, cont.c: a pool of stacks for fibers, each of both stacks' sizes, a page and a guard",
    "{size} of the stack of a fiber, used or kept for later: one of several of the same size, each with a "
    "guard, and no thread of Ruby has a stack of this size",
    runner_up=Kind.THREAD_STACK,
)
HEAP: Final = Rule(
    "ruby.heap",
    Kind.ANONYMOUS,
    Confidence.LIKELY,
    "maps",
    "Ruby, gc.c: heap pages of 16 KiB, from 3.2 on 64 KiB, aligned to their size and mapped by Ruby itself",
    "{size}, whole pages of Ruby's heap on boundaries of their size: objects",
    runner_up=Kind.HEAP_MMAP,
)


def fibers(process: Process) -> Iterator[Claim]:
    """Stacks with their guards: a page more than the two stacks of a fiber, and several of the same size."""
    stacks = [region for region in process.unclaimed_writable if _may_be_fiber(process, region)]
    counts = Counter(stack.size for stack in stacks)
    for stack in stacks:
        if counts[stack.size] >= FIBER_MIN_COUNT:
            yield Claim(stack.start - PAGE_BYTES, stack.end, FIBER, one_block=False)


def _may_be_fiber(process: Process, stack: Region) -> bool:
    guard = process.below(stack)
    return (
        stack.size > FIBER_UNIT_BYTES
        and (stack.size - PAGE_BYTES) % FIBER_UNIT_BYTES == 0
        and stack.size != process.default_stack_bytes
        and guard is not None
        and guard.unclaimed
        and guard.closed
        and guard.size == PAGE_BYTES
    )


def heap(process: Process) -> Iterator[Claim]:
    """Whole heap pages on boundaries of their size, as one in sixteen chunks of malloc is by chance."""
    for region in process.unclaimed_writable:
        whole = region.size % HEAP_PAGE_BYTES == 0 and region.start % HEAP_PAGE_BYTES == 0
        if whole and region.size >= HEAP_MIN_BYTES:
            yield Claim(region.start, region.end, HEAP)


FIBERS: Final = ProcessLabeller(
    "ruby.fibers",
    (FIBER,),
    fibers,
    marks=("ruby",),
    before=(Edge("stack.flagged", "a fiber's stack has the flag of a thread's, but no thread runs on it"),),
)
HEAP_PAGES: Final = ProcessLabeller(
    "ruby.heap",
    (HEAP,),
    heap,
    marks=("ruby",),
    before=(Edge("rest.guarded", "pages of the heap between two closed regions look like a guarded buffer"),),
)
