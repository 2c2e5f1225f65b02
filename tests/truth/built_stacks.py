"""Hosts that were built to show an edge of stacks (see `built.py`)."""

from collections.abc import Iterable
from typing import Final

from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, jvm, sorted_maps, with_object
from tests.truth.built_host import AT, DEFAULT_STACK, GIB, KIB, MIB, PAGE, Built, bodies, guarded_row
from tests.truth.orders import Pair

_STACKS = [4 * MIB] * 3
_FIBERS = [448 * KIB] * 170


def _flagged(start: int, sizes: Iterable[int]) -> dict[int, str]:
    """The flags of a row of stacks, to whose guards nobody ever wrote."""
    found: dict[int, str] = {}
    for at in bodies(start, sizes):
        found |= {at - PAGE: "mr mw me nh", at: "rd wr mr mw me ac nh"}
    return found


STACKS: Final[dict[Pair, Built]] = {
    ("stack.repeated", "allocator.extension"): Built(
        "Redis with jemalloc, and a module that starts threads with stacks of 4 MiB",
        with_object("/usr/bin/redis-server", BRK_HEAP, guarded_row(AT, _STACKS)),
        threads=4,
    ),
    ("stack.flagged", "stack.left_flagged"): Built(
        "the one thread has a stack of the default size; a library makes fibers, also with MAP_STACK",
        sorted_maps(LIBC, BRK_HEAP, guarded_row(AT - GIB, [DEFAULT_STACK]), guarded_row(AT, _FIBERS)),
        flags=_flagged(AT - GIB, [DEFAULT_STACK]) | _flagged(AT, _FIBERS),
        threads=2,
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
            guarded_row(AT + 64 * MIB, [3 * MIB]),
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
            guarded_row(AT + 64 * MIB, [3 * MIB]),
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
