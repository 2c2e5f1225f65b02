"""Stacks whose guards cannot be seen: memory of exactly their sizes, and threads without another stack."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.glibc_stacks.guards import SAME_SIZE_MIN_COUNT, show_guards
from procmaps.rules.glibc_stacks.hidden_sizes import sizes_of_stacks
from procmaps.rules.glibc_stacks.threads import (
    CACHE_BYTES,
    HIDING,
    divided,
    hide_stacks,
    is_plausible,
    missing_stacks,
)
from procmaps.rules.kernel_release import is_since
from procmaps.rules.labeller import Claim, Edge, ProcessLabeller, without
from procmaps.rules.language_runtimes import THREAD_STACK_BYTES
from procmaps.rules.process import MIB, PAGE_BYTES, STACK_MIN_BYTES, Process, Region
from procmaps.rules.regions import Regions
from procmaps.rules.rule import Rule
from procmaps.tables import Flags, which

HIDES_GUARDS_SINCE: Final = (6, 13)
DEFAULT_MIN_BYTES: Final = MIB
NEIGHBOURS_LIMIT_COUNT: Final = 8

DEFAULT = Rule(
    "stack.unseen_guard",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, status, limits",
    HIDING,
    "{size}, exactly the default stack size (1 or 2 MiB in a JVM, otherwise RLIMIT_STACK: {stack_limit}) "
    "and a guard that maps does not show; for some of the {threads} threads no stack was found "
    "otherwise",
    runner_up=Kind.HEAP_MMAP,
)
OF_RUNTIME = Rule(
    "stack.unseen_of_runtime",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, status",
    "Ruby, vm_core.h: threads of 1 MiB; Node.js, src/node_worker.h: workers of 4 MiB; glibc 2.42 and later "
    "hide the guard",
    "{size}, exactly what this runtime gives a thread (Ruby 1 MiB, a worker of Node.js 4 MiB) and a "
    "guard that maps does not show; for some of the {threads} threads no stack was found otherwise",
    runner_up=Kind.HEAP_MMAP,
)
ALIKE = Rule(
    "stack.unseen_alike",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, status",
    HIDING,
    "{size}: pieces of this size, each a mapping by itself or several merged into one, are just as "
    "many as those of the {threads} threads whose stack was not found otherwise",
    runner_up=Kind.HEAP_MMAP,
)


def hidden(process: Process) -> Iterator[Claim]:
    """What is surest first: each step is for the threads that the steps before it left without a stack."""
    missing = missing_stacks(process)
    claims: list[Claim] = []
    for step in _STEPS:
        process = without(process, claims)
        claims = list(step(process, missing))
        yield from claims
        missing -= len(claims)
        if missing <= 0:
            return


def _of_default_size(process: Process, missing: int) -> Iterator[Claim]:
    size = process.default_stack_bytes
    if process.has("jvm"):
        size = process.java_stack_bytes
    return _of_size(process, missing, size, DEFAULT)


def _of_runtime(process: Process, missing: int) -> Iterator[Claim]:
    for mark, size in THREAD_STACK_BYTES.items():
        if process.has(mark):
            return _of_size(process, missing, size, OF_RUNTIME)
    return iter(())


def _of_size(process: Process, missing: int, size: int, rule: Rule) -> Iterator[Claim]:
    """Regions that are whole numbers of stacks of one size."""
    one = size + PAGE_BYTES
    most = missing + CACHE_BYTES // one
    found = [
        region
        for region in process.stack_like
        if region.size >= DEFAULT_MIN_BYTES and not region.size % one and region.size // one <= most
    ]
    if _number(found, one) > missing:
        found = [region for region in found if not _is_beside_stacks(process, region, one)]
    number = _number(found, one)
    for region in found:
        if is_plausible(process, region, number, one, missing):
            yield from divided(region, one, rule)


def _number(regions: list[Region], one: int) -> int:
    return sum(region.size // one for region in regions)


def _is_beside_stacks(process: Process, region: Region, one: int) -> bool:
    """Whether it is other memory, as its neighbours tell: two stacks that touch would be one mapping.

    So in a row of mappings that touch, at most every second one is of stacks. Where the row ends at a stack,
    or at what cannot be one, this tells which.
    """
    return any(_is_other(process, region, one, beside) for beside in (Process.above, Process.below))


def _is_other(
    process: Process, region: Region, one: int, beside: Callable[[Process, Region], Region | None]
) -> bool:
    """Whether the neighbours on one side tell that a region is other memory."""
    here, apart = region, 0
    for _ in range(NEIGHBOURS_LIMIT_COUNT):
        other = beside(process, here)
        if other is None or not other.writable:
            return False
        apart += other.mapping != here.mapping
        here = other
        is_stack = here.is_kind(Kind.THREAD_STACK)
        if is_stack or not here.unclaimed or here.size % one:
            return apart > 0 and (apart % 2 == 1) == is_stack
    return False


def _of_one_size(process: Process, missing: int) -> Iterator[Claim]:
    """Regions that are whole numbers of one other size, which together hold the stacks that threads lack."""
    if not _can_have_any_size(process):
        return
    least = STACK_MIN_BYTES + PAGE_BYTES
    large = [region for region in process.stack_like if region.size >= least]
    ones = sizes_of_stacks([region.size for region in large], missing, process.anonymous_bytes)
    for region in large:
        if region.size in ones:
            yield from divided(region, ones[region.size], ALIKE)


def _can_have_any_size(process: Process) -> bool:
    """Whether stacks with hidden guards can have any size: those of a JVM have one."""
    return not process.has("jvm") and is_since(process.release, HIDES_GUARDS_SINCE)


_STEPS: Final = (_of_default_size, _of_runtime, _of_one_size)


def _hide_guards(regions: Regions) -> Flags:
    """Processes that can have stacks with hidden guards. Those that a JVM makes itself are always seen."""
    found = hide_stacks(regions)
    if not found.any():
        return found
    return found & ~np.where(regions.has("jvm"), _show_page_guards(regions), show_guards(regions))


def _show_page_guards(regions: Regions) -> Flags:
    """Processes with stacks above guards of a page that are seen.

    These are glibc's, which it hides for all threads or for none; zones of Java threads are larger. The
    collector's task queues have exactly the size of a stack and its hidden guard (gc/shared/taskqueue.hpp).
    """
    stacks = regions.of_kind(Kind.THREAD_STACK)
    bodies = which(stacks & ~regions.closed & regions.touches_below)
    guards = bodies[stacks[bodies - 1] & regions.closed[bodies - 1]] - 1
    guards = guards[regions.size[guards] == PAGE_BYTES]
    number = np.bincount(regions.process[guards], minlength=len(regions.facts.marks))
    # queues are not executable; where stacks are, guards of some can have become executable with them
    shown: Flags = (number >= SAME_SIZE_MIN_COUNT) & ~regions.facts.stacks_executable
    return shown


def _around_stacks(regions: Regions) -> Flags:
    """Regions large enough for a stack, all that touches them, and the stacks that were found."""
    large = regions.stack_like & (regions.size >= STACK_MIN_BYTES)
    found = large | regions.of_kind(Kind.THREAD_STACK)
    found[1:] |= large[:-1] & regions.touches_below[1:]
    found[:-1] |= large[1:] & regions.touches_below[1:]
    return found


HIDDEN: Final = ProcessLabeller(
    "stack.hidden",
    (DEFAULT, OF_RUNTIME, ALIKE),
    hidden,
    where=_hide_guards,
    sees=_around_stacks,
    before=(Edge("stack.repeated", "guarded buffers would be taken for the stacks that are hidden"),),
)
