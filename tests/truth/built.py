"""Hosts that were built to show an edge, where no known process has both sorts of memory side by side.

Each says by which mechanism a process comes to look like that. What the labels must be is not told here: only
that they change if the two labellers change places.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from procmaps.tables import Evidence
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, jvm, read, sorted_maps, with_object
from tests.truth.hosts import OWN_KERNEL, Host, View
from tests.truth.orders import Pair

PAGE: Final = 4096
KIB: Final = 2**10
MIB: Final = 2**20
GIB: Final = 2**30
AT: Final = 0x7FFF_0000_0000 - 0x100_0000_0000  # in the mmap area, on a boundary of heaps of arenas
DEFAULT_STACK: Final = 8 * MIB
PYTHON: Final = "/usr/bin/python3.11"
NODE: Final = "/usr/bin/node"


@dataclass(frozen=True, slots=True)
class Built:
    """One process, and how it comes about."""

    mechanism: str
    maps: str
    flags: Mapping[int, str] | None = None  # of smaps, by the start of a mapping; None: maps alone
    threads: int = 1
    anonymous_kib: int = 400_000
    kernel: str = "6.1.0"

    def host(self, pair: Pair) -> Host:
        """A host with this process alone."""
        snapshot = read(
            self.maps if self.flags is None else "",
            smaps="" if self.flags is None else _smaps(self.maps, self.flags),
            threads=self.threads,
            rss_anon_kb=self.anonymous_kib,
            stack_limit=DEFAULT_STACK,
        )
        evidence = Evidence.MAPS if self.flags is None else Evidence.SMAPS
        view = View(0, "built", "-".join(pair), evidence.name.lower(), OWN_KERNEL)
        facts = replace(snapshot.facts, kernel=self.kernel)
        return Host((view,), replace(snapshot, facts=facts), evidence)


def _smaps(maps: str, flags: Mapping[int, str]) -> str:
    """The same as smaps; all that can be written to is resident."""
    return "".join(f"{line}\n{_fields(line, flags)}" for line in maps.splitlines())


def _fields(line: str, flags: Mapping[int, str]) -> str:
    edges, perms, *_ = line.split(" ")
    start, end = (int(edge, 16) for edge in edges.split("-"))
    kib = (end - start) // KIB if perms.startswith("rw") else 0
    own = flags.get(start, "rd wr mr mw me ac" if kib else "mr mw me")
    return f"Size: {(end - start) // KIB} kB\nRss: {kib} kB\nAnonymous: {kib} kB\nVmFlags: {own}\n"


def _guarded(start: int, sizes: Iterable[int], guard: int = PAGE) -> str:
    """Writable memory of these sizes, each above a guard, upward without a gap, and a guard on top."""
    lines = ""
    for size in sizes:
        lines += anon(start, guard, "---p") + anon(start + guard, size)
        start += guard + size
    return lines + anon(start, guard, "---p")


def _bodies(start: int, sizes: Iterable[int], guard: int = PAGE) -> list[int]:
    """Where the writable memory begins."""
    found = []
    for size in sizes:
        found.append(start + guard)
        start += guard + size
    return found


_CHUNKS = [9 * MIB + PAGE] * 4
_POOLS = [192 * KIB] * 4
_STEPS = [5 * MIB // 2] * 4
_OTHER_STEP = AT + 512 * MIB
_FULL = AT + 64 * MIB
_STACKS = [4 * MIB] * 3

BUILT: Final[dict[Pair, Built]] = {
    ("rest.guarded", "python.mixed"): Built(
        "an extension module maps buffers with a guard page below each, which mprotect closes",
        with_object(PYTHON, BRK_HEAP, _guarded(AT, _CHUNKS)),
    ),
    ("python.arena_merged", "python.mixed"): Built(
        "ten arenas and a node of their tree were mapped one after the other, and the kernel merged them",
        with_object(PYTHON, BRK_HEAP, anon(AT, 10 * MIB + 16 * KIB)),
    ),
    ("loaded.loader", "python.data_stack"): Built(
        "link maps and static TLS, which the loader mapped below the libc, of a program that loads greenlets",
        sorted_maps(
            with_object(PYTHON, BRK_HEAP, anon(0x7F0000400000 - 32 * KIB, 32 * KIB)),
            "7f0000a00000-7f0000b00000 r-xp 00000000 fe:00 81 /usr/lib/_greenlet.cpython-311.so\n",
        ),
    ),
    ("rest.guarded", "pools.mapped"): Built(
        "a program with Boehm's collector maps guarded buffers of its own, as large as steps of the heap",
        with_object("/usr/lib/x86_64-linux-gnu/libgc.so.1.5.1", BRK_HEAP, _guarded(AT, _POOLS)),
    ),
    ("allocator.no_brk", "rest.guarded"): Built(
        "a malloc that is linked in puts guards between its extents; without glibc's there is no [heap]",
        sorted_maps(LIBC, _guarded(AT, [2 * MIB] * 4)),
    ),
    ("allocator.noreserve", "rest.guarded"): Built(
        "jemalloc with retained memory closed between extents of one size class, and one of another class",
        sorted_maps(LIBC, BRK_HEAP, _guarded(AT, _STEPS, 64 * KIB), anon(_OTHER_STEP, 3 * MIB)),
        flags=dict.fromkeys((*_bodies(AT, _STEPS, 64 * KIB), _OTHER_STEP), "rd wr mr mw me ac nr"),
    ),
    ("glibc.arena_full", "allocator.noreserve"): Built(
        "an arena went on in a second heap when the first was full: both are mapped with MAP_NORESERVE",
        sorted_maps(
            LIBC, BRK_HEAP, anon(AT, 5 * MIB), anon(AT + 5 * MIB, 59 * MIB, "---p"), anon(_FULL, 64 * MIB)
        ),
        flags={
            AT: "rd wr mr mw me nr",
            AT + 5 * MIB: "mr mw me nr",
            _FULL: "rd wr mr mw me nr",
        },
        threads=2,
    ),
    ("allocator.hinted", "v8.heap"): Built(
        "tcmalloc of Google linked into a program with V8 (workerd): a region of 1 GiB, opened from the top",
        with_object(
            NODE, BRK_HEAP, anon(3 << 40, GIB - 6 * MIB, "---p"), anon((3 << 40) + GIB - 6 * MIB, 6 * MIB)
        ),
    ),
    ("partition_alloc.pools", "allocator.hinted"): Built(
        "a program with PartitionAlloc and no V8: its pool lies far from all files, as mimalloc's arenas do",
        sorted_maps(
            LIBC,
            BRK_HEAP,
            anon(16 << 40, PAGE, "---p"),
            anon((16 << 40) + PAGE, PAGE),
            anon((16 << 40) + 2 * PAGE, 16 * KIB - 2 * PAGE, "---p"),
            anon((16 << 40) + 16 * KIB, MIB),
            anon((16 << 40) + 16 * KIB + MIB, 16 * GIB - 16 * KIB - MIB, "---p"),
        ),
    ),
    ("stack.repeated", "allocator.extension"): Built(
        "Redis with jemalloc, and a module that starts threads with stacks of 4 MiB",
        with_object("/usr/bin/redis-server", BRK_HEAP, _guarded(AT, _STACKS)),
        threads=4,
    ),
    ("native_image.heap", "stack.guarded"): Built(
        "a native image gave a chunk back: it is closed, and the chunks above it are as large as a stack",
        sorted_maps(
            LIBC,
            BRK_HEAP,
            f"{AT:x}-{AT + 16 * MIB:x} r--p 00000000 fe:00 90 /opt/service\n",
            anon(AT + 16 * MIB, MIB),
            anon(AT + 17 * MIB, MIB, "---p"),
            anon(AT + 18 * MIB, DEFAULT_STACK),
            anon(AT + 26 * MIB, 32 * GIB - 26 * MIB, "---p"),
        ),
        threads=3,
    ),
    ("glibc.arena_granules", "stack.repeated"): Built(
        "a heap of an arena in a JVM has 64 KiB left, and a thread of a library has its stack right above",
        jvm(
            anon(4 * GIB - 256 * MIB, 256 * MIB),
            anon(AT, 64 * MIB - 64 * KIB),
            anon(AT + 64 * MIB - 64 * KIB, 64 * KIB, "---p"),
            anon(AT + 64 * MIB, 3 * MIB + PAGE),
        ),
        threads=2,
    ),
    ("go.arena_index", "stack.flagged"): Built(
        "a thread of C code in a Go process has its stack right below the index, which has the same flag",
        with_object(
            "/usr/bin/service",
            BRK_HEAP,
            anon(0xC000000000, 64 * MIB),
            anon(AT, PAGE, "---p"),
            anon(AT + PAGE, DEFAULT_STACK + 33 * MIB),
            anon(AT + PAGE + DEFAULT_STACK + 33 * MIB, 512 * MIB, "---p"),
        ),
        flags={AT + PAGE: "rd wr mr mw me ac nh"},
        threads=2,
    ),
    ("stack.java_zones", "stack.flagged_unsure"): Built(
        "a JVM asks for huge pages on the stack of its one thread, and a library keeps them off its pool",
        jvm(
            anon(4 * GIB - 256 * MIB, 256 * MIB),
            anon(AT, 16 * KIB, "---p"),
            anon(AT + 16 * KIB, MIB - 16 * KIB),
            anon(AT + 64 * MIB, 5 * MIB + PAGE),
        ),
        flags={AT + 16 * KIB: "rd wr mr mw me ac hg", AT + 64 * MIB: "rd wr mr mw me ac nh"},
        threads=2,
    ),
    ("stack.flagged_unsure", "stack.guarded"): Built(
        "a thread whose stack has no guard, and a buffer of the program's with one, as large as a stack",
        sorted_maps(
            LIBC,
            BRK_HEAP,
            anon(AT, 5 * MIB + PAGE),
            anon(AT + 64 * MIB, PAGE, "---p"),
            anon(AT + 64 * MIB + PAGE, DEFAULT_STACK),
        ),
        flags={AT: "rd wr mr mw me ac nh"},
        threads=3,
    ),
    ("stack.flagged", "stack.java_zones"): Built(
        "a Java thread with a larger stack than the others; where the kernel is not told, it seems merged",
        jvm(
            anon(4 * GIB - 256 * MIB, 256 * MIB),
            *(
                anon(AT + at * 16 * MIB, 16 * KIB, "---p")
                + anon(AT + at * 16 * MIB + 16 * KIB, size - 16 * KIB)
                for at, size in enumerate((MIB, MIB, 3 * MIB))
            ),
        ),
        flags={AT + at * 16 * MIB + 16 * KIB: "rd wr mr mw me ac nh" for at in range(3)},
        threads=4,
        kernel="",
    ),
    ("stack.kernel_name", "stack.repeated"): Built(
        "before Linux 4.5 the kernel names the stacks of threads; the program has guarded buffers as well",
        sorted_maps(
            LIBC,
            BRK_HEAP,
            anon(AT, PAGE, "---p"),
            anon(AT + PAGE, 3 * MIB, name="[stack:77]"),
            _guarded(AT + 64 * MIB, [3 * MIB]),
        ),
        threads=2,
        kernel="3.16.0",
    ),
    ("stack.kernel_name_merged", "stack.repeated"): Built(
        "before Linux 4.5: a chunk of malloc has merged with a stack; the program has a guarded buffer, too",
        sorted_maps(
            LIBC,
            BRK_HEAP,
            anon(AT, PAGE, "---p"),
            anon(AT + PAGE, DEFAULT_STACK + 3 * MIB + 5 * PAGE, name="[stack:77]"),
            _guarded(AT + 64 * MIB, [3 * MIB]),
        ),
        threads=2,
        kernel="3.16.0",
    ),
    ("stack.guarded", "stack.kernel_name"): Built(
        "before Linux 4.5: a small chunk of malloc has merged with the top of the second of two stacks",
        sorted_maps(
            LIBC,
            BRK_HEAP,
            anon(AT, PAGE, "---p"),
            anon(AT + PAGE, DEFAULT_STACK, name="[stack:77]"),
            anon(AT + PAGE + DEFAULT_STACK, PAGE, "---p"),
            anon(AT + 2 * PAGE + DEFAULT_STACK, DEFAULT_STACK + 8 * PAGE, name="[stack:78]"),
        ),
        threads=3,
        kernel="3.16.0",
    ),
}
