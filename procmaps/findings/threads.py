"""The number of threads, by itself and against the limit of their user."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from procmaps.amounts import scaled
from procmaps.findings.finding import Code, Finding, Severity
from procmaps.findings.observed import Observed
from procmaps.kinds import Kind
from procmaps.tables import UNLIMITED, which

MIB: Final = 2**20
MANY_LEAST_COUNT: Final = 1000
MANY_WARN_COUNT: Final = 5000
STACKS_WARN_BYTES: Final = 256 * MIB
LIMIT_WARN_SHARE: Final = 0.8  # of the threads that a user may have; at 1 no thread can be made
LIMIT_ALARM_SHARE: Final = 0.95

MANY_THREADS: Final = Code(
    "many_threads",
    "very many threads",
    (Severity.INFO, Severity.WARNING),
    f"At least {MANY_LEAST_COUNT:,} threads. A warning from {MANY_WARN_COUNT:,}, or where smaps shows 256 "
    "MiB of stacks resident.",
    "First limit the thread pools, then consider smaller stacks.",
    "A thread dump (`jstack PID`) shows how many of them wait in the same place.",
    "What the threads do.",
    by_status=True,
)
THREAD_LIMIT: Final = Code(
    "thread_limit",
    "nearly as many threads as their user may have",
    (Severity.WARNING, Severity.ALARM),
    "The processes of a user have 80 % of the threads that its limit (`Max processes`) allows; an alarm "
    "from 95 %. Told of the process with the most threads. Not of root, for whom the limit does not count.",
    "Find out why there are so many threads, then raise the limit (LimitNPROC= of the unit, or nproc in "
    "limits.conf). At the limit no thread and no process of this user can be made.",
    "`ps -L -u USER | wc -l` counts them now.",
    "Limits of the cgroup (pids.max) and of the host (kernel.threads-max), and threads of processes that "
    "were not read.",
    by_status=True,
)
CODES: Final = (MANY_THREADS, THREAD_LIMIT)


def threads(observed: Observed) -> Iterator[Finding]:
    """Many threads, and users near their limit."""
    number = observed.snapshot.processes.threads
    resident = observed.resident_most[:, Kind.THREAD_STACK]
    for row in which(number >= MANY_LEAST_COUNT).tolist():
        heavy = observed.exact[row] and resident[row] >= STACKS_WARN_BYTES
        yield observed.found(
            MANY_THREADS,
            Severity.WARNING if heavy or number[row] >= MANY_WARN_COUNT else Severity.INFO,
            row,
            f"{number[row]:,} threads, whose stacks have {observed.at_most(row, int(resident[row]))} "
            f"resident of {scaled(int(observed.committed[row, Kind.THREAD_STACK]))} committed.",
            kind=Kind.THREAD_STACK,
            concerns_bytes=int(resident[row]),
        )
    yield from _limits(observed)


def _limits(observed: Observed) -> Iterator[Finding]:
    """Linux, kernel/fork.c, copy_process: RLIMIT_NPROC counts the threads of a user on the host."""
    processes = observed.snapshot.processes
    limited = (processes.uid > 0) & (processes.process_limit > 0) & (processes.process_limit < UNLIMITED)
    rows = which(limited & (processes.threads > 0))
    if not len(rows):
        return
    known = which((processes.uid > 0) & (processes.threads > 0))
    users, of_user = np.unique(processes.uid[known], return_inverse=True)
    in_all = np.zeros(len(users), np.int64)
    np.add.at(in_all, of_user, processes.threads[known])
    at = users.searchsorted(processes.uid[rows])
    near = in_all[at] >= processes.process_limit[rows] * LIMIT_WARN_SHARE
    # one finding per user: the process that has the most
    largest = sorted(rows[near].tolist(), key=lambda row: int(processes.threads[row]))
    for uid, row in sorted({int(processes.uid[row]): row for row in largest}.items()):
        total, limit = int(in_all[users.searchsorted(uid)]), int(processes.process_limit[row])
        yield observed.found(
            THREAD_LIMIT,
            Severity.ALARM if total >= limit * LIMIT_ALARM_SHARE else Severity.WARNING,
            row,
            f"The user {uid} has at least {total:,} of the {limit:,} threads that its limit allows; "
            f"{processes.threads[row]:,} are of this process.",
        )
