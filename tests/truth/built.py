"""Hosts that were built to show an edge, where no known process has both sorts of memory side by side.

Each says by which mechanism a process comes to look like that. What the labels must be is not told here: only
that they change if the two labellers change places.
"""

from typing import Final

from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, jvm, sorted_maps, with_object
from tests.truth.built_host import AT, GIB, KIB, MIB, PAGE, Built, above_code, bodies, guarded_row
from tests.truth.built_stacks import STACKS
from tests.truth.orders import Pair

PYTHON: Final = "/usr/bin/python3.11"
NODE: Final = "/usr/bin/node"

_CHUNKS = [9 * MIB + PAGE] * 4
_POOLS = [192 * KIB] * 4
_CHUNK = 404 * KIB
_STEPS = [5 * MIB // 2] * 4
_OTHER_STEP = AT + 512 * MIB
_FULL = AT + 64 * MIB

BUILT: Final[dict[Pair, Built]] = {
    **STACKS,
    ("rest.guarded", "python.mixed"): Built(
        "an extension module maps buffers with a guard page below each, which mprotect closes",
        with_object(PYTHON, BRK_HEAP, guarded_row(AT, _CHUNKS)),
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
        "a program in D uses malloc, and guarded buffers of its own; what its collector has mapped is less",
        with_object("/usr/lib/libdruntime-ldc.so", BRK_HEAP, guarded_row(AT, _POOLS), anon(AT + GIB, _CHUNK)),
    ),
    ("allocator.no_brk", "rest.guarded"): Built(
        "a malloc that is linked in puts guards between its extents; without glibc's there is no [heap]",
        sorted_maps(LIBC, guarded_row(AT, [2 * MIB] * 4)),
    ),
    ("allocator.noreserve", "rest.guarded"): Built(
        "jemalloc with retained memory closed between extents of one size class, and one of another class",
        sorted_maps(LIBC, BRK_HEAP, guarded_row(AT, _STEPS, 64 * KIB), anon(_OTHER_STEP, 3 * MIB)),
        flags=dict.fromkeys((*bodies(AT, _STEPS, 64 * KIB), _OTHER_STEP), "rd wr mr mw me ac nr"),
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
    ("v8.heap", "glibc.arena"): Built(
        "a page of V8 is the first of 64 MiB of the address space that V8 has set aside",
        with_object(
            NODE, BRK_HEAP, anon(3 << 40, MIB // 4), anon((3 << 40) + MIB // 4, 64 * MIB - MIB // 4, "---p")
        ),
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
    ("python.arena", "rest.guarded"): Built(
        "a compiler in a module maps code with a guard on top, and an arena comes to lie right above each",
        with_object(PYTHON, BRK_HEAP, above_code(AT + 64 * KIB, MIB, 64 * KIB)),
    ),
    ("python.arena_aligned", "rest.guarded"): Built(
        "code of nearly 2 MiB with a guard on top, and two arenas of Python right above each, on 2 MiB",
        with_object(PYTHON, BRK_HEAP, above_code(AT, 2 * MIB, 2 * MIB - PAGE)),
    ),
    ("rest.guarded", "luajit.segments"): Built(
        "fibers of a library in a program with LuaJIT: a guard below each, and as large as segments",
        with_object(
            "/usr/lib/x86_64-linux-gnu/libluajit-5.1.so.2.1.0", BRK_HEAP, guarded_row(AT, [MIB // 4] * 4)
        ),
    ),
    ("pools.mapped", "glibc.mmapped_beside_own"): Built(
        "a program with Boehm's collector maps guarded buffers, which are more than the collector has",
        with_object(
            "/usr/lib/x86_64-linux-gnu/libgc.so.1.5.1",
            BRK_HEAP,
            guarded_row(AT, _CHUNKS),
            anon(_OTHER_STEP, 5 * MIB + 64 * KIB),
        ),
    ),
    ("rest.foreign", "rest.unpaid"): Built(
        "a program keeps the middle of memory that it has hardly written out of core dumps",
        sorted_maps(
            LIBC,
            BRK_HEAP,
            anon(AT, 600 * MIB),
            anon(AT + 600 * MIB, 64 * KIB),
            anon(AT + 600 * MIB + 64 * KIB, 600 * MIB),
        ),
        flags={AT + 600 * MIB: "rd wr mr mw me dd"},
    ),
    ("glibc.arena_full_apart", "hotspot.leftovers"): Built(
        "threads of a library in a JVM made their arenas at once, and filled the first heaps of them",
        jvm(
            anon(4 * GIB - GIB, GIB),
            anon(AT, 5 * MIB),
            anon(AT + 5 * MIB, 59 * MIB, "---p"),
            *(anon(AT + at * 128 * MIB, 64 * MIB) for at in range(1, 5)),
        ),
        threads=6,
    ),
    ("glibc.arena_full", "pools.full_blocks"): Built(
        "a program has two full blocks below the heaps, and two threads filled heaps made at once above them",
        sorted_maps(
            LIBC,
            BRK_HEAP,
            *(anon(AT + at * 64 * MIB, 64 * MIB) for at in (0, 2, 5, 7)),
            anon(AT + 256 * MIB, 5 * MIB),
            anon(AT + 261 * MIB, 59 * MIB, "---p"),
        ),
        threads=3,
    ),
}
