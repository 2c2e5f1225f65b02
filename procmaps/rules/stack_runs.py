"""Stacks of threads whose guards cannot be seen, by sizes and the number of threads without a stack."""

from typing import Final

import numpy as np

from procmaps.kinds import Confidence, Kind
from procmaps.rules.allocators import KEEP_UNUSED, MAP_WHOLE_MIB
from procmaps.rules.draft import PAGE_BYTES, Draft
from procmaps.rules.hotspot.arguments import read_arguments
from procmaps.rules.rule import Rule
from procmaps.rules.stack_pairs import missing_stacks
from procmaps.rules.stack_sizes import shows_guards
from procmaps.rules.stacks import (
    CACHE_BYTES,
    DEFAULT_BYTES,
    JAVA_DEFAULT_BYTES,
    default_bytes,
    take_runs,
)
from procmaps.tables import Flags, Ints64, which

RUNTIME_BYTES: Final = {
    "ruby": 2**20,  # vm_core.h, RUBY_VM_THREAD_MACHINE_STACK_SIZE
    "v8": 4 * 2**20,  # Node.js, src/node_worker.h: stack_size_ of workers
}
BARE_MIN_BYTES: Final = 8 * 2**20
NEIGHBOURS_LIMIT_COUNT: Final = 8


def unseen(draft: Draft) -> Flags | None:
    """Whole numbers of default-sized stacks, guards inside, where threads are left without a stack."""
    default = np.where(draft.has("jvm"), JAVA_DEFAULT_BYTES, default_bytes(draft))
    for process in draft.facts.libjvm:
        arguments = read_arguments(draft.snapshot.processes.argv[process])
        default[process] = arguments.vm_stack or JAVA_DEFAULT_BYTES
    return _runs_of(draft, default, PAGE_BYTES)


def unseen_of_runtime(draft: Draft) -> Flags | None:
    """The same of the size that a runtime gives its threads, whatever the default is."""
    sizes = np.zeros(len(draft.facts.marks), np.int64)
    for mark, size in RUNTIME_BYTES.items():
        sizes[draft.has(mark)] = size
    return _runs_of(draft, sizes, PAGE_BYTES) if sizes.any() else None


def bare(draft: Draft) -> Flags | None:
    """Default-sized stacks without guards: those made with a guard size of 0 merge as well.

    A size without an odd page is anybody's, and whole MiB are what other allocators map.
    """
    default = np.where(draft.has("jvm", *MAP_WHOLE_MIB), 0, default_bytes(draft))
    return _runs_of(draft, np.where(default >= BARE_MIN_BYTES, default, 0), 0)


def _runs_of(draft: Draft, sizes: Ints64, guard: int) -> Flags | None:
    """Runs of stacks of one size a process; 0 where it has none of that sort."""
    missing = np.where(sizes > 0, missing_stacks(draft), 0)
    rows = which(draft.open_rw & draft.spread(missing > 0) & (draft.size >= DEFAULT_BYTES // 2))
    if not len(rows):
        return None
    process = draft.process[rows]
    one = sizes[process] + guard
    count = draft.size[rows] // one
    good = (draft.size[rows] == count * one) & (count <= missing[process] + CACHE_BYTES // one)
    if not guard:
        good &= count <= missing[process]
    if guard and good.any():
        asked = np.zeros(len(missing), np.bool_)
        asked[process[good]] = True
        asked &= ~draft.has("jvm")
        shown = asked & shows_guards(draft, which(draft.spread(asked)), missing)
        good &= ~shown[process]
    rows, one, count, process = rows[good], one[good], count[good], process[good]
    if not len(rows):
        return None
    wanted = np.bincount(process, count, minlength=len(missing))
    doubtful = which((wanted > missing)[process]) if guard else rows[:0]
    if len(doubtful):
        others = doubtful[_beside_stacks(draft, rows[doubtful], one[doubtful])]
        rows, one, count, process = (np.delete(each, others) for each in (rows, one, count, process))
        wanted = np.bincount(process, count, minlength=len(missing))
    # where far more would fit than threads are missing, sizes alone prove nothing
    unpaid = draft.size[rows] > draft.facts.rss_anon_bytes[process]
    unpaid &= draft.facts.rss_anon_bytes[process] >= 0
    fits = (wanted <= 2 * missing)[process] | unpaid & (
        wanted[process] <= missing[process] + CACHE_BYTES // one
    )
    return take_runs(draft, rows[fits], one[fits], count[fits])


def _beside_stacks(draft: Draft, rows: Ints64, one: Ints64) -> Flags:
    """What touches a stack and yet is a mapping of its own: it would have merged if it were one as well.

    In a row of such mappings every other one is of stacks; what is no whole number of them tells which.
    """
    found = np.zeros(len(rows), np.bool_)
    for at, (row, size) in enumerate(zip(rows.tolist(), one.tolist(), strict=True)):
        for step in (1, -1):
            here, apart = row, 0
            while apart < NEIGHBOURS_LIMIT_COUNT:
                touches = draft.touches_above if step > 0 else draft.touches_below
                if not touches[here] or not draft.writable[here + step]:
                    break
                here += step
                apart += draft.mapping[here] != draft.mapping[here - step]
                stack = draft.kind[here] == int(Kind.THREAD_STACK)
                if stack or not draft.open[here] or draft.size[here] % size:
                    found[at] |= bool(apart % 2) == stack and apart > 0
                    break
    return found


def unseen_merged(draft: Draft) -> Flags | None:
    """Memory that malloc cannot own, in a process whose threads have no stacks else."""
    missing = missing_stacks(draft)
    budget = draft.facts.rss_anon_bytes
    short = (missing > draft.stacks) & (budget >= 0) & ~draft.has(*KEEP_UNUSED)
    if not short.any():
        return None
    room = missing * default_bytes(draft) // 2  # those of the default size are known by it
    own = draft.open_rw & draft.spread(short)
    return own & (draft.size > draft.spread(budget)) & (draft.size <= draft.spread(room))


UNSEEN = Rule(
    "stack.unseen_guard",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, status, limits",
    "glibc 2.42 and later on Linux 6.13 and later: guards by MADV_GUARD_INSTALL cannot be seen in maps",
    "{size}, exactly a default stack (1 MiB in a JVM, else RLIMIT_STACK: {stack_limit}) with its guard "
    "inside, and of {threads} threads some have no stack else",
    unseen,
    Kind.HEAP_MMAP,
)
OF_RUNTIME = Rule(
    "stack.unseen_of_runtime",
    Kind.THREAD_STACK,
    Confidence.LIKELY,
    "maps, status",
    "Ruby, vm_core.h: threads of 1 MiB; Node.js, src/node_worker.h: workers of 4 MiB; glibc 2.42 and later "
    "hide the guard",
    "{size}, exactly what this runtime gives a thread (Ruby 1 MiB, a worker of Node.js 4 MiB) with a guard "
    "inside, and of {threads} threads some have no stack else",
    unseen_of_runtime,
    Kind.HEAP_MMAP,
)
BARE = Rule(
    "stack.unguarded",
    Kind.THREAD_STACK,
    Confidence.GUESS,
    "maps, status, limits",
    "glibc, nptl/allocatestack.c: with a guard size of 0 a stack is nothing but its size",
    "{size}, exactly the default stack (RLIMIT_STACK {stack_limit}) without a guard, and of {threads} "
    "threads some have no stack else",
    bare,
    Kind.ANONYMOUS,
)
UNSEEN_MERGED = Rule(
    "stack.unseen_merged",
    Kind.THREAD_STACK,
    Confidence.GUESS,
    "maps, status",
    "glibc 2.42 and later on Linux 6.13 and later: stacks of any sizes merge where their guards "
    "cannot be seen",
    "{size}, more than all anonymous memory that the process has resident ({rss_anon}), where {threads} "
    "threads must have stacks",
    unseen_merged,
    Kind.ANONYMOUS,
)
