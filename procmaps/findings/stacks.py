"""Stacks of threads: filled by huge pages, deep, or only reserved."""

import re
from collections.abc import Iterator
from typing import Final

import numpy as np

from procmaps.amounts import scaled
from procmaps.findings.finding import Code, Finding, Severity
from procmaps.findings.observed import Blocks, Observed
from procmaps.kinds import Kind
from procmaps.tables import Flags, Ints64, which

KIB: Final = 2**10
MIB: Final = 2**20
RESERVED_LEAST_BYTES: Final = 256 * MIB
IDLE_SHARE_MOST: Final = 0.1  # resident share of the reserved size below which it is only a reservation
HUGE_LEAST_BYTES: Final = 32 * MIB
FILLED_SHARE: Final = 0.8  # of a stack: deeper calls fill one stack so far, and not most of them
FILLED_LEAST_COUNT: Final = 16
STACK_LEAST_BYTES: Final = 256 * KIB  # smaller ones are filled by ordinary calls
DEEP_LEAST_BYTES: Final = MIB
DEEP_IN_ALL_LEAST_BYTES: Final = 16 * MIB
DEEP_WARN_BYTES: Final = 256 * MIB
STRICT_OVERCOMMIT: Final = 2  # vm.overcommit_memory at which writable reservations count
COMMIT_WARN_SHARE: Final = 0.8  # of CommitLimit
_EXEMPT_SINCE: Final = (6, 7)  # Linux, mm: MAP_STACK keeps a mapping free of huge pages
_PRETOUCHED: Final = b"-XX:+AlwaysPreTouchStacks"
_RELEASE: Final = re.compile(r"(\d{1,3})\.(\d{1,3})")

HUGE_STACKS: Final = Code(
    "huge_stacks",
    "huge pages in thread stacks",
    (Severity.WARNING,),
    "At least 32 MiB of thread stacks are transparent huge pages; or on a kernel before 6.7 whose mode is "
    f"`always`, most of at least {FILLED_LEAST_COUNT} stacks of 256 KiB or more are resident to four "
    "fifths, as huge pages that were split leave them. Not where memory is locked or a JVM touches its "
    "stacks on purpose.",
    "Set transparent_hugepage to madvise, or run Linux 6.7 or later, where stacks are exempt; a JDK with "
    "JDK-8303215 (21, and later updates of 17 and 11) avoids it by itself.",
    "Run one member of the service on a host whose mode is madvise: Rss of its stacks in smaps is some 100 "
    "KiB each.",
    "Which threads touched the pages.",
)
DEEP_STACKS: Final = Code(
    "deep_stacks",
    "deep thread stacks",
    (Severity.INFO, Severity.WARNING),
    "Stacks with 1 MiB or more resident each, fewer than half of all, have at least 16 MiB together. A "
    "warning from 256 MiB. Not where memory is locked.",
    "Look for deep recursion or large local arrays in these threads. A smaller stack size does not make "
    "them use less: it makes them fail.",
    "A thread dump (`jstack PID`, `gdb -p PID`) shows the depth of each thread now.",
    "Whether the stacks are deep now: pages stay resident until the thread ends.",
)
STACK_RESERVATION: Final = Code(
    "stack_reservation",
    "thread stacks that reserve much and hold little",
    (Severity.INFO,),
    "Thread stacks reserve at least 256 MiB, of which at most a tenth is resident.",
    "Nothing to do: pages of a stack that were never touched cost nothing.",
    "Lower the stack size: VmRSS will not change.",
    "How deep the stacks once were: pages stay resident until the thread ends.",
)
STACK_COMMITMENT: Final = Code(
    "stack_commitment",
    "thread stacks that count against the host's limit of commitments",
    (Severity.WARNING,),
    "Thread stacks reserve at least 256 MiB, of which at most a tenth is resident, on a host whose "
    "vm.overcommit_memory is 2, with 80 % or more of CommitLimit in use, or an unknown part of it.",
    "vm.overcommit_memory is 2, so reservations count: lower the stack size (ulimit -s, -Xss), or raise "
    "vm.overcommit_ratio.",
    "Committed_AS in /proc/meminfo falls after a restart with smaller stacks.",
    "How deep the stacks once were: pages stay resident until the thread ends.",
)
CODES: Final = (HUGE_STACKS, DEEP_STACKS, STACK_RESERVATION, STACK_COMMITMENT)


def stacks(observed: Observed) -> Iterator[Finding]:
    """What is to be said of the stacks of threads."""
    yield from _resident(observed)
    yield from _filled_by_bound(observed)
    yield from _reserved(observed)


def _resident(observed: Observed) -> Iterator[Finding]:
    """With smaps: huge pages, stacks that they filled, and deep ones."""
    held = observed.resident_most[:, Kind.THREAD_STACK]
    large = observed.exact & (held >= DEEP_IN_ALL_LEAST_BYTES)
    if not large.any():
        return
    blocks = observed.blocks(Kind.THREAD_STACK, large)
    processes = len(held)
    full = (blocks.resident >= blocks.committed * FILLED_SHARE) & (blocks.committed >= STACK_LEAST_BYTES)
    huge = _sum(blocks, blocks.huge, processes)
    filled_bytes = _sum(blocks, np.where(full, blocks.resident, 0), processes)
    number = np.bincount(blocks.process, minlength=processes)
    filled = np.bincount(blocks.process[full], minlength=processes)
    mostly = (filled >= FILLED_LEAST_COUNT) & (filled * 2 > number) & (filled_bytes >= HUGE_LEAST_BYTES)
    shattered = mostly & _can_be_filled(observed) & (huge < HUGE_LEAST_BYTES)
    for row in which(huge >= HUGE_LEAST_BYTES).tolist():
        yield _huge(observed, row, f"{scaled(int(huge[row]))} of thread stacks are", int(held[row]))
    for row in which(shattered).tolist():
        share = f"{filled[row]} of {number[row]} thread stacks are resident to 80 % or more"
        yield _huge(observed, row, f"{share}, {scaled(int(held[row]))} in all: filled by", int(held[row]))
    deep = blocks.resident >= DEEP_LEAST_BYTES
    depth = _sum(blocks, np.where(deep, blocks.resident, 0), processes)
    many = np.bincount(blocks.process[deep], minlength=processes)
    few = (many * 2 < np.maximum(number, 2)) & (depth >= DEEP_IN_ALL_LEAST_BYTES) & ~_locked(observed)
    for row in which(few & (huge < HUGE_LEAST_BYTES)).tolist():
        yield observed.found(
            DEEP_STACKS,
            Severity.WARNING if depth[row] >= DEEP_WARN_BYTES else Severity.INFO,
            row,
            f"{many[row]} of {number[row]} thread stacks have 1 MiB or more resident, "
            f"{scaled(int(depth[row]))} together.",
            kind=Kind.THREAD_STACK,
            concerns_bytes=int(depth[row]),
        )


def _filled_by_bound(observed: Observed) -> Iterator[Finding]:
    """Without smaps: stacks that must be filled, as nothing else can hold the memory that is resident."""
    committed, count = observed.committed[:, Kind.THREAD_STACK], observed.count[:, Kind.THREAD_STACK]
    least = observed.resident_least(Kind.THREAD_STACK)
    large = (count >= FILLED_LEAST_COUNT) & (committed >= count * STACK_LEAST_BYTES)
    sure = ~observed.exact & large & (least >= HUGE_LEAST_BYTES) & (least >= committed * FILLED_SHARE)
    for row in which(sure & _can_be_filled(observed)).tolist():
        share = f"{count[row]} thread stacks have at least {scaled(int(least[row]))}"
        yield _huge(
            observed, row, f"{share} of {scaled(int(committed[row]))} resident: filled by", int(least[row])
        )


def _huge(observed: Observed, row: int, what: str, held: int) -> Finding:
    mode = observed.snapshot.facts.thp_mode
    return observed.found(
        HUGE_STACKS,
        Severity.WARNING,
        row,
        f"{what} transparent huge pages" + (f" (mode {mode})." if mode else "."),
        kind=Kind.THREAD_STACK,
        concerns_bytes=held,
    )


def _sum(blocks: Blocks, column: Ints64, processes: int) -> Ints64:
    sums = np.zeros(processes, np.int64)
    np.add.at(sums, blocks.process, column)
    return sums


def _can_be_filled(observed: Observed) -> Flags:
    """Whether the kernel fills stacks by huge pages, and nothing else is known that does."""
    facts, argv = observed.snapshot.facts, observed.snapshot.processes.argv
    release = _RELEASE.match(facts.kernel)
    older = release is not None and (int(release[1]), int(release[2])) < _EXEMPT_SINCE
    if not (older and facts.thp_mode == "always"):
        return np.zeros(len(argv), np.bool_)
    return ~_locked(observed) & ~np.array([_PRETOUCHED in each for each in argv], np.bool_)


def _locked(observed: Observed) -> Flags:
    """Processes that keep stacks in memory: locking touches all of it."""
    locked: Flags = observed.snapshot.processes.locked_bytes > observed.committed[:, Kind.THREAD_STACK] // 2
    return locked


def _reserved(observed: Observed) -> Iterator[Finding]:
    """Idle threads keep 8 to 100 KiB of their stacks resident, whatever is reserved for them."""
    reserved, resident = (sums[:, Kind.THREAD_STACK] for sums in (observed.reserved, observed.resident_most))
    facts = observed.snapshot.facts
    counts = facts.overcommit_memory == STRICT_OVERCOMMIT
    limit, used = facts.meminfo_bytes.get("CommitLimit", 0), facts.meminfo_bytes.get("Committed_AS", 0)
    tight = counts and (not limit or used >= limit * COMMIT_WARN_SHARE)
    idle = (reserved >= RESERVED_LEAST_BYTES) & (resident <= reserved * IDLE_SHARE_MOST)
    for row in which(idle).tolist():
        what = (
            f"{observed.count[row, Kind.THREAD_STACK]} thread stacks reserve {scaled(int(reserved[row]))}, "
            f"{observed.at_most(row, int(resident[row]))} of it is resident"
        )
        if tight:
            in_use = (
                f"; {scaled(used)} of {scaled(limit)} that the host can commit are taken" if limit else ""
            )
            yield observed.found(
                STACK_COMMITMENT,
                Severity.WARNING,
                row,
                f"{what}{in_use}.",
                kind=Kind.THREAD_STACK,
                concerns_bytes=int(observed.committed[row, Kind.THREAD_STACK]),
            )
        else:
            yield observed.found(
                STACK_RESERVATION,
                Severity.INFO,
                row,
                f"{what}.",
                kind=Kind.THREAD_STACK,
                concerns_bytes=int(resident[row]),
            )
