"""Java heaps against the memory that they may have: the limit of their cgroup, or the host's RAM."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final, NamedTuple

import numpy as np

from procmaps.amounts import scaled
from procmaps.findings.finding import Code, Finding, Severity
from procmaps.findings.observed import Observed
from procmaps.kinds import Kind
from procmaps.memory_limits import Limit, limits_above
from procmaps.rules.hotspot.arguments import read_arguments
from procmaps.tables import SHARED, UNKNOWN, Flags

MIB: Final = 2**20
HEAP_DIFFERS_SHARE: Final = 0.1  # -Xmx and the reserved heap differ by more: which counts is not known
QUARTER: Final = 0.25  # of the limit: the heap of a JVM that was told nothing
QUARTER_DIFFERS_SHARE: Final = 0.02
LIMIT_LEAST_BYTES: Final = 512 * MIB  # below it the JVM takes more than a quarter

HEAP_ABOVE_LIMIT: Final = Code(
    "heap_above_limit",
    "a Java heap that can outgrow its limit",
    (Severity.WARNING,),
    "The largest size that the Java heap can grow to, and what the processes of the same cgroup hold "
    "beside it, are more than the cgroup may have; or than the host's RAM, where no cgroup has a limit. "
    "Told of the JVM with the largest heap.",
    "Lower -Xmx or -XX:MaxRAMPercentage until the heap and the rest fit, or raise the limit: when the heap "
    "fills, the kernel kills the process (or, without a limit, one of the host).",
    "`jcmd PID GC.heap_info` prints how much of the heap is in use now; memory.events of the cgroup counts "
    "what was killed (oom_kill).",
    "Whether the heap will ever fill. What the kernel keeps for the cgroup comes on top: sockets, page "
    "cache, slabs.",
)
HEAP_DEFAULT: Final = Code(
    "heap_default",
    "a Java heap of the default size",
    (Severity.INFO,),
    "A JVM alone in a cgroup with a limit of 512 MiB or more has a heap of a quarter of it, and its "
    "command line does not set the size: the default.",
    "If the container is for this JVM alone, set -XX:MaxRAMPercentage to 50 to 75, so that it can use what "
    "is paid for.",
    "`jcmd PID VM.flags` prints MaxHeapSize.",
    "Whether the program needs more, and sizes from JAVA_TOOL_OPTIONS, which is not read.",
)
CODES: Final = (HEAP_ABOVE_LIMIT, HEAP_DEFAULT)


class _Jvm(NamedTuple):
    row: int
    heap_most: int  # that the heap can have
    heap_now: int  # resident of it, at most


def java_limits(observed: Observed) -> Iterator[Finding]:
    """Heaps that are too large for their limit, and heaps of the default size."""
    if not observed.jvms.any():
        return
    facts, processes = observed.snapshot.facts, observed.snapshot.processes
    limit_of = cache(lambda cgroup: _limit(cgroup, facts.cgroup_memory_max_bytes, facts.mem_total_bytes))
    shared = _shared_heaps(observed)
    # of each process, what no growth of its heap exceeds
    most = observed.reserved[:, Kind.JAVA_HEAP] + np.maximum(processes.rss_bytes, 0)
    most += np.maximum(processes.page_table_bytes, 0)
    members: dict[Limit, list[int]] = defaultdict(list)
    for row, cgroup in enumerate(processes.cgroup):
        members[limit_of(cgroup)].append(row)
    for limit, rows in members.items():
        if limit.most_bytes <= 0 or (not limit.path and int(most[rows].sum()) <= limit.most_bytes):
            continue  # most hosts: no need to read command lines
        jvms = [
            jvm
            for row in rows
            if observed.jvms[row] and (jvm := _jvm(observed, row, is_shared=bool(shared[row])))
        ]
        if jvms:
            yield from _above(observed, limit, rows, jvms)
            yield from _default(observed, limit, rows, jvms)


def _limit(cgroup: bytes, limits: Mapping[str, int], ram_bytes: int) -> Limit:
    """The smallest limit of a cgroup and of those above it; the host's RAM if none is below that."""
    found = Limit("", ram_bytes)
    for limit in limits_above(cgroup, limits):
        if found.most_bytes == UNKNOWN or limit.most_bytes < found.most_bytes:
            found = limit
    return found


def _jvm(observed: Observed, row: int, *, is_shared: bool) -> _Jvm | None:
    """A JVM whose largest heap is known: what is reserved, unless a collector maps it several times."""
    arguments = read_arguments(observed.snapshot.processes.argv[row])
    reserved = int(observed.reserved[row, Kind.JAVA_HEAP])
    if arguments.collector == "Z" or is_shared:
        most = arguments.heap_max if arguments.heap_max <= reserved else 0
    elif arguments.heap_max and abs(reserved - arguments.heap_max) > arguments.heap_max * HEAP_DIFFERS_SHARE:
        most = 0
    else:
        most = reserved
    return _Jvm(row, most, int(observed.resident_most[row, Kind.JAVA_HEAP])) if most else None


def _shared_heaps(observed: Observed) -> Flags:
    """Per process, whether a part of a Java heap is shared memory, as ZGC's is."""
    parts, maps = observed.parts, observed.snapshot.maps
    rows = parts.mapping[parts.kind == int(Kind.JAVA_HEAP)]
    found = np.zeros(len(observed.snapshot.processes), np.bool_)
    found[maps.process[rows[maps.perms[rows] & SHARED != 0]]] = True
    return found


def _beside(observed: Observed, row: int, heap_now: int) -> int:
    """What a process holds beside its heap, at least: anonymous and shared memory, and page tables."""
    processes = observed.snapshot.processes
    anonymous = max(int(processes.rss_anon_bytes[row]), 0)
    shared = max(int(processes.rss_shmem_bytes[row]), 0) if heap_now else 0
    return max(anonymous + shared - heap_now, 0) + max(int(processes.page_table_bytes[row]), 0)


def _above(observed: Observed, limit: Limit, rows: list[int], jvms: list[_Jvm]) -> Iterator[Finding]:
    largest = max(jvms, key=lambda jvm: jvm.heap_most)
    # hosts without limits have JVMs that were told nothing, and whose heaps never grow at once
    growing = {jvm.row: jvm for jvm in (jvms if limit.path else [largest])}
    most = sum(jvm.heap_most for jvm in growing.values())
    rest = sum(_beside(observed, row, growing[row].heap_now if row in growing else 0) for row in rows)
    if most + rest <= limit.most_bytes:
        return
    of = f"The heaps of {len(growing)} JVMs" if len(growing) > 1 else "The Java heap"
    may_have = "the limit of its cgroup is" if limit.path else "the host has"
    yield observed.found(
        HEAP_ABOVE_LIMIT,
        Severity.WARNING,
        largest.row,
        f"{of} can grow to {scaled(most)}, at least {scaled(rest)} are held beside it, and {may_have} "
        f"{scaled(limit.most_bytes)}: {scaled(most + rest - limit.most_bytes)} too much.",
        kind=Kind.JAVA_HEAP,
        concerns_bytes=most + rest - limit.most_bytes,
    )


def _default(observed: Observed, limit: Limit, rows: list[int], jvms: list[_Jvm]) -> Iterator[Finding]:
    if len(rows) != 1 or not limit.path or limit.most_bytes < LIMIT_LEAST_BYTES:
        return
    (jvm,) = jvms
    quarter = limit.most_bytes * QUARTER
    is_set = read_arguments(observed.snapshot.processes.argv[jvm.row]).heap_is_set
    if is_set or abs(jvm.heap_most - quarter) > quarter * QUARTER_DIFFERS_SHARE:
        return
    yield observed.found(
        HEAP_DEFAULT,
        Severity.INFO,
        jvm.row,
        f"The Java heap can grow to {scaled(jvm.heap_most)}, a quarter of the {scaled(limit.most_bytes)} "
        "that its cgroup may have.",
        kind=Kind.JAVA_HEAP,
        concerns_bytes=jvm.heap_now,
    )
