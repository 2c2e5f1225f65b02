"""The ways in which programs leak here: how each is started, and where its leak must be found."""

import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PROGRAMS: Final = Path(__file__).with_name("programs")
LEAK_MIB: Final = 500
NATIVE: Final = "native_heap_resident_max_bytes"
STACKS: Final = "stacks_resident_max_bytes"
# glibc gives back what a thread that ended had used of its stack: what is left is address space
STACK_SPACE: Final = "stacks_reserved_bytes"
UNIDENTIFIED: Final = "unidentified_resident_max_bytes"
CHUNKS: Final = ("glibc.mmapped", "glibc.mmapped_untouched")
JEMALLOC: Final = "libjemalloc.so.2"


@dataclass(frozen=True, slots=True)
class Way:
    """One program and its leak."""

    name: str
    command: Sequence[str]  # what follows in it are the way and the size; {built} is where C was compiled to
    kinds: frozenset[str]  # the kinds of memory that must have grown by the leak
    measure: str = NATIVE  # the column of processes by which the process must be the first
    needs: str = "gcc"  # a program without which it cannot be tried
    preload: str = ""  # a library in place of malloc
    # labellers without which the leak is not found; none where the kernel's name decides
    breaks: tuple[str, ...] = ()


def _in_c(name: str, kind: str, way: str = "", **other: Any) -> Way:
    return Way(name, ("{built}/leak", way or name), frozenset({kind}), **other)


def _in_python(program: str, *kinds: str) -> Way:
    path = str(PROGRAMS / f"{program}.py")
    return Way(program, (sys.executable, path, program), frozenset(kinds), needs=sys.executable)


WAYS: Final = (
    _in_c("one-size", "heap_main"),
    _in_c("random-sizes", "heap_main"),
    _in_c("brk", "heap_main"),
    _in_c("above-threshold", "heap_mmap", breaks=CHUNKS),
    _in_c("low-threshold", "heap_mmap", breaks=CHUNKS),
    _in_c("realloc", "heap_mmap", breaks=CHUNKS),
    _in_c("aligned", "heap_mmap", breaks=CHUNKS),
    _in_c("calloc", "heap_mmap", breaks=CHUNKS),
    _in_c("arenas", "heap_arena", breaks=("glibc.arena", "glibc.arena_apart")),
    _in_c("mmap", "anonymous", measure=UNIDENTIFIED),
    _in_c("threads-waiting", "thread_stack", measure=STACKS),
    _in_c(
        "threads-not-joined",
        "thread_stack",
        measure=STACK_SPACE,
        breaks=("stack.left", "stack.flagged", "stack.flagged_unsure"),
    ),
    _in_c(
        "small-threads-not-joined",
        "thread_stack",
        measure=STACK_SPACE,
        breaks=("stack.left", "stack.left_flagged"),
    ),
    _in_c(
        "jemalloc",
        "heap_allocator",
        way="one-size",
        preload=JEMALLOC,
        breaks=("allocator.loaded",),
    ),
    Way("new", ("{built}/leakpp", "new"), frozenset({"heap_main", "heap_arena"}), needs="g++"),
    _in_python("leak_malloc", "heap_main"),
    _in_python("leak_blobs", "heap_main", "heap_mmap"),
    Way(
        "node",
        ("node", str(PROGRAMS / "leak.js"), "buffers"),
        frozenset({"heap_main", "heap_mmap", "heap_arena"}),
        needs="node",
    ),
    Way(
        "java",
        ("java", "-Xmx200m", "-XX:MaxDirectMemorySize=1g", "-cp", "{built}", "Leak", "direct"),
        frozenset({"heap_main", "heap_mmap", "heap_arena"}),
        needs="javac",
    ),
)


def missing(way: Way) -> str:
    """Why a way cannot be tried on this machine; empty if it can."""
    if shutil.which(way.needs) is None:
        return f"{way.needs} is not installed"
    if way.preload and library(way.preload) is None:
        return f"{way.preload} is not installed"
    return ""


def library(name: str) -> Path | None:
    """A library where Debian puts it."""
    return next(Path("/usr/lib").glob(f"*/{name}"), None)
