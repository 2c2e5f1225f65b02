"""A JVM's memory outside its heap: metaspace, code cache and direct buffers."""

from collections.abc import Iterator
from typing import Final

from procmaps.amounts import scaled
from procmaps.findings.finding import Code, Finding, Severity
from procmaps.findings.observed import Observed
from procmaps.kinds import Kind
from procmaps.rules.hotspot.arguments import read_arguments
from procmaps.tables import Ints64, which

MIB: Final = 2**20
METASPACE_LEAST_BYTES: Final = 256 * MIB
FULL_SHARE: Final = 0.9  # of the limit of metaspace or of the code cache
CODE_LEAST_BYTES: Final = 16 * MIB
BUFFERS_LEAST_COUNT: Final = 8
BUFFERS_LEAST_BYTES: Final = 128 * MIB
BUFFERS_WARN_BYTES: Final = 2**30
BUFFER_UNITS_BYTES: Final = tuple(MIB << power for power in range(7))
PAGE_BYTES: Final = 4096  # where the host did not send its own

METASPACE: Final = Code(
    "metaspace",
    "large metaspace",
    (Severity.INFO, Severity.WARNING),
    "Metaspace of a JVM has 256 MiB or more committed. A warning where that is 90 % of -XX:MaxMetaspaceSize.",
    "Look for class loaders that are never freed (redeployments, scripts and proxies compiled at run "
    "time), and bound it by -XX:MaxMetaspaceSize, so that a leak ends in an error that names itself.",
    "`jcmd PID VM.metaspace` and `jcmd PID VM.classloader_stats` (JDK 8: `jmap -clstats PID`) name the "
    "loaders.",
    "Which classes it holds.",
)
CODE_CACHE: Final = Code(
    "code_cache",
    "a code cache that is nearly full",
    (Severity.WARNING,),
    "The code cache of a JVM has 90 % of what is reserved for it committed, and written where smaps was "
    "read. Below 16 MiB nothing is said.",
    "Raise -XX:ReservedCodeCacheSize: when the code cache is full, compiled code is thrown away or nothing "
    "more is compiled, and the program becomes slow.",
    "`jcmd PID Compiler.codecache` prints what is used of it, and whether the compiler has stopped.",
    "What of it is free again: the JVM keeps what it has committed.",
)
DIRECT_BUFFERS: Final = Code(
    "direct_buffers",
    "many direct buffers",
    (Severity.INFO, Severity.WARNING),
    f"At least {BUFFERS_LEAST_COUNT} large chunks of malloc in a JVM have the same size, a power of two of "
    "1 to 64 MiB and one page, and 128 MiB or more together, which are most of its large chunks. A warning "
    "from 1 GiB where -XX:MaxDirectMemorySize is not given.",
    "Set -XX:MaxDirectMemorySize, and for Netty -Dio.netty.maxDirectMemory: without them each may take as "
    "much as the Java heap (-Xmx) on top of it.",
    "`jcmd PID VM.native_memory` counts them as Other, if the JVM was started with "
    "-XX:NativeMemoryTracking=summary.",
    "Which library holds them, and what of them is in use: pools such as Netty's keep what they have.",
)
CODES: Final = (METASPACE, CODE_CACHE, DIRECT_BUFFERS)


def java(observed: Observed) -> Iterator[Finding]:
    """What is to be said of JVMs beside their heap."""
    if observed.jvms.any():
        yield from _metaspace(observed)
        yield from _code_cache(observed)
        yield from _direct_buffers(observed)


def _metaspace(observed: Observed) -> Iterator[Finding]:
    committed = observed.committed[:, Kind.JAVA_METASPACE]
    for row in which(observed.jvms & (committed >= METASPACE_LEAST_BYTES)).tolist():
        limit = read_arguments(observed.snapshot.processes.argv[row]).metaspace_max
        near = limit and committed[row] >= limit * FULL_SHARE
        of = f" of the {scaled(limit)} that -XX:MaxMetaspaceSize allows" if limit else ""
        resident = int(observed.resident_most[row, Kind.JAVA_METASPACE])
        yield observed.found(
            METASPACE,
            Severity.WARNING if near else Severity.INFO,
            row,
            f"Metaspace has {scaled(int(committed[row]))} committed{of}, {observed.at_most(row, resident)} "
            "resident.",
            kind=Kind.JAVA_METASPACE,
            concerns_bytes=resident,
        )


def _code_cache(observed: Observed) -> Iterator[Finding]:
    """OpenJDK, code/codeCache.cpp: committed as it fills, never given back."""
    reserved, committed = (sums[:, Kind.JAVA_CODE] for sums in (observed.reserved, observed.committed))
    resident = observed.resident_most[:, Kind.JAVA_CODE]
    full = (committed >= CODE_LEAST_BYTES) & (committed >= reserved * FULL_SHARE)
    full &= ~observed.exact | (resident >= committed * FULL_SHARE)
    for row in which(observed.jvms & full).tolist():
        arguments = read_arguments(observed.snapshot.processes.argv[row])
        limit = arguments.code_cache or int(reserved[row])
        from_start = not observed.exact[row] and arguments.code_cache_initial >= limit * FULL_SHARE
        if committed[row] < limit * FULL_SHARE or from_start:
            continue
        yield observed.found(
            CODE_CACHE,
            Severity.WARNING,
            row,
            f"{scaled(int(committed[row]))} of the {scaled(limit)} of the code cache are committed, "
            f"{observed.at_most(row, int(resident[row]))} resident.",
            kind=Kind.JAVA_CODE,
            concerns_bytes=int(resident[row]),
        )


def _direct_buffers(observed: Observed) -> Iterator[Finding]:
    """glibc, malloc/malloc.c, sysmalloc_mmap: a request, its header, up to the next page; they merge."""
    committed = observed.committed[:, Kind.HEAP_MMAP]
    large = observed.jvms & (committed >= BUFFERS_LEAST_BYTES)
    if not large.any():
        return
    chunks = observed.blocks(Kind.HEAP_MMAP, large)
    page = max(observed.snapshot.facts.page_bytes, PAGE_BYTES)
    start, end = (chunks.process.searchsorted(which(large), side) for side in ("left", "right"))
    for row, low, high in zip(which(large).tolist(), start.tolist(), end.tolist(), strict=True):
        sizes, resident = chunks.committed[low:high], chunks.resident[low:high]
        unit, held = _unit(sizes, page)
        alike = sizes % (unit + page) == 0
        count = held // (unit + page)
        if count < BUFFERS_LEAST_COUNT or held < max(BUFFERS_LEAST_BYTES, int(committed[row]) // 2):
            continue
        limit = read_arguments(observed.snapshot.processes.argv[row]).direct_max
        most = min(held, int(observed.resident_most[row, Kind.HEAP_MMAP]))
        in_ram = int(resident[alike].sum()) if observed.exact[row] else most
        bound = f"is {scaled(limit)}" if limit else "is not given"
        yield observed.found(
            DIRECT_BUFFERS,
            Severity.WARNING if in_ram >= BUFFERS_WARN_BYTES and not limit else Severity.INFO,
            row,
            f"{count} chunks of {scaled(unit)} have {scaled(held)}, {observed.at_most(row, in_ram)} "
            f"resident; -XX:MaxDirectMemorySize {bound}.",
            kind=Kind.HEAP_MMAP,
            concerns_bytes=in_ram,
        )


def _unit(sizes: Ints64, page: int) -> tuple[int, int]:
    """The size of which most of these chunks are, and the bytes that they have."""
    held = {unit: int(sizes[sizes % (unit + page) == 0].sum()) for unit in BUFFER_UNITS_BYTES}
    unit = max(held, key=lambda each: (held[each], -each))
    return unit, held[unit]
