"""Classify a few lines of maps, and say what became of them in a form that reads well in a test."""

from dataclasses import replace
from typing import Any

import numpy as np

from procmaps.classify import classify
from procmaps.kinds import Kind
from procmaps.read import read_process
from procmaps.rules.book import RULES
from procmaps.rules.kernel_names import read_codes
from procmaps.rules.ledger import Ledger
from procmaps.rules.process import Process
from procmaps.rules.regions import ProcessFacts
from procmaps.rules.views import processes_of
from procmaps.tables import Evidence, PartTable, Snapshot

_OBJECT = "7f0000{low}00000-7f0000{high}00000 r-xp 00000000 fe:00 {inode} {path}\n"
LIBC = _OBJECT.format(low=4, high=5, inode=77, path="/usr/lib/x86_64-linux-gnu/libc.so.6")
MUSL = _OBJECT.format(low=4, high=5, inode=78, path="/lib/ld-musl-x86_64.so.1")
LIBJVM = _OBJECT.format(
    low=6, high=7, inode=79, path="/usr/lib/jvm/java-17-openjdk-amd64/lib/server/libjvm.so"
)
GIB = 2**30
BRK_HEAP = "555500000000-555500100000 rw-p 00000000 00:00 0 [heap]\n"


def anon(start: int, size: int, perms: str = "rw-p", name: str = "") -> str:
    """One line of maps for memory without a file."""
    return f"{start:08x}-{start + size:08x} {perms} 00000000 00:00 0 {name}\n"


def sorted_maps(*lines: str) -> str:
    """Lines in the order of their addresses, as the kernel prints them."""
    each = [line for text in lines for line in text.splitlines(keepends=True)]
    return "".join(sorted(each, key=lambda line: int(line.split("-")[0], 16)))


def with_object(path: str, *lines: str) -> str:
    """A process with glibc that maps this file executable."""
    return sorted_maps(LIBC, f"7f0000800000-7f0000900000 r-xp 00000000 fe:00 80 {path}\n", *lines)


def jvm(heap: str, *lines: str) -> str:
    """A JVM with this heap and these lines beside what each process has."""
    return sorted_maps(BRK_HEAP, LIBC, LIBJVM, heap, *lines)


def whole(size: int) -> str:
    """A heap below 4 GiB, all of it committed."""
    return anon(4 * GIB - size, size)


def gapped(size: int, committed: int) -> str:
    """A heap below 4 GiB, committed from its bottom."""
    at = 4 * GIB - size
    return anon(at, committed) + anon(at + committed, size - committed, "---p")


def read(
    maps: str = "",
    *,
    smaps: str = "",
    threads: int = 0,
    rss_anon_kb: int = 0,
    swap_kb: int = 0,
    stack_limit: int = 0,
    argv: tuple[str, ...] = (),
) -> Snapshot:
    """One process; what is 0 or empty was not sent."""
    status = (f"Threads:\t{threads}\n" if threads else "") + (
        f"RssAnon:\t{rss_anon_kb} kB\n" if rss_anon_kb else ""
    )
    status += f"VmSwap:\t{swap_kb} kB\n" if swap_kb else ""
    limits = f"{'Max stack size':26}{stack_limit:<21}{'unlimited':21}bytes\n" if stack_limit else ""
    files = {
        "maps": maps.encode(),
        "smaps": smaps.encode(),
        "status": status.encode(),
        "limits": limits.encode(),
        "cmdline": b"".join(argument.encode() + b"\0" for argument in argv),
    }
    return read_process({name: content for name, content in files.items() if content}, 1)


def parts_of(snapshot: Snapshot, evidence: Evidence = Evidence.SMAPS) -> list[tuple[int, int, str, str]]:
    """Start, size, kind and rule of each part."""
    parts = classify(snapshot, evidence)
    return [
        (int(start), int(end - start), Kind(kind).label, RULES[rule].name)
        for start, end, kind, rule in zip(parts.start, parts.end, parts.kind, parts.rule, strict=True)
    ]


def kinds(snapshot: Snapshot, low: int = 0, high: int = 2**64) -> list[tuple[int, str]]:
    """Size and kind of each part that starts in a range."""
    return [(size, kind) for start, size, kind, _ in parts_of(snapshot) if low <= start < high]


def blocks(snapshot: Snapshot, kind: Kind) -> list[int]:
    """The sizes of the blocks of one kind."""
    parts: PartTable = classify(snapshot)
    sizes: dict[int, int] = {}
    for start, end, block, own in zip(parts.start, parts.end, parts.block, parts.kind, strict=True):
        if own == kind:
            sizes[int(block)] = sizes.get(int(block), 0) + int(end - start)
    return list(sizes.values())


def facts(processes: int = 1, **known: Any) -> ProcessFacts:
    """What is known of processes of which nothing was sent; `known` are columns of ProcessFacts."""
    unknown, no = np.full(processes, -1, np.int64), np.zeros(processes, np.bool_)
    nothing = ProcessFacts(
        marks=np.zeros(processes, np.uint64),
        libjvm={},
        thirty_two_bit=no,
        brk_heap_bytes=np.zeros(processes, np.int64),
        threads=unknown,
        anonymous_bytes=unknown,
        stack_limit_bytes=unknown,
        smaps=no,
        named_stacks=np.zeros(0, np.int64),
        in_detail=~no,
        java_stack_bytes=np.zeros(processes, np.int64),
        graal=no,
        code_unmarked=no,
        stacks_executable=no,
    )
    return replace(nothing, **known)


def ledger(*lines: str, **known: Any) -> Ledger:
    """One process of which nothing but its mappings is known, and nothing claimed."""
    snapshot = read("".join(lines))
    return Ledger(snapshot, facts(**known), read_codes(snapshot.maps), np.arange(len(snapshot.maps)))


def process(*lines: str, **known: Any) -> Process:
    """What a labeller is given of it."""
    regions = ledger(*lines, **known).regions
    return next(processes_of(regions, np.arange(len(regions))))
