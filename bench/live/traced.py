"""Who mapped what: `strace -k` of a process, replayed to ranges with the callers that made each."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.live.ranges import Range, Truth

PAGE_BYTES: Final = 4096
FRAMES_COUNT: Final = 24
CALLS: Final = "mmap,munmap,mremap,clone,clone3,execve"
_BEGUN = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_ENDED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (0x[0-9a-f]+|\d+)")
_WHOLE = re.compile(r"(\d+) +(\w+)\((.*)\) += (0x[0-9a-f]+|\d+)")
_FRAME = re.compile(r" > ([^(]*)\((.*?)(?:\+0x[0-9a-f]+)?\) \[")

# The innermost callers ("OBJECT SYMBOL", a line each, innermost first) and what they map; the first that fits
# counts. What is in no row stays open: malloc's own calls are read from glibc's structures instead.
_NEAR: Final = r"\A(?:[^\n]*\n){0,3}[^\n]*"
_FIRST: Final = r"\A(?:[^\n]*libc\.so[^\n]*\n)?[^\n]*"  # the caller of mmap; malloc is in libc as well
CALLERS: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"\A[^\n]*libc\.so[^\n]*\n[^\n]*libc\.so\S* pthread_create", "thread_stack"),
        (_NEAR + r"(?:libjemalloc|libmimalloc|libtcmalloc)", "heap_allocator"),
        (r"CodeRange::InitReservation|Wasm\w*Code\w*(?:Manager|Allocator)|wasm::.*Code.*Manager", "v8_code"),
        (r"v8::internal::(?:MemoryAllocator|SemiSpace|ReadOnlySpace|(?:Old)?LargeObject)", "v8_heap"),
        (r"VirtualMemoryCage|IsolateAllocator", "v8_heap"),
        (_FIRST + "new_mmap_object", "anonymous"),
        (_FIRST + r"(?:_PyObject_Arena|_PyMem_ArenaAlloc)", "py_arena"),
        (_FIRST + r"/(?:lib)?python3[\d.]*(?:\.so[\d.]*)? ", "py_arena"),
        (_FIRST + "zend_fiber_init_context", "anonymous"),
        (_FIRST + r"/(?:lib)?(?:php|luajit)", "heap_allocator"),
        (_FIRST + "/beam", "beam_heap"),
        (_FIRST + r"/(?:libcoreclr\.so|libclrgc\.so|libclrjit\.so|azmcp) ", "dotnet_heap"),
        (r"runtime\.(?:sysReserve|sysAlloc|sysMap|mmap|persistentalloc)", "go"),
        (_FIRST + r"/(?:libruby|libmonosgen|mono-sgen|mariadbd|libpypy)", "anonymous"),
        (_FIRST + "openblas", "anonymous"),
    )
)
CODE_OF: Final = {"v8_heap": "v8_code", "dotnet_heap": "dotnet_code"}  # where some of it can be run
# the arenas themselves, not what keeps account of them
GO_HEAP: Final = re.compile(
    r"sysReserve\w*\n(?:[^\n]*sysReserve\w*\n)*[^\n]*\(\*mheap\)\.sysAlloc|sysMap\w*\n[^\n]*\(\*mheap\)\.grow"
)


@dataclass(slots=True)
class _Call:
    name: str
    arguments: str
    result: int
    frames: list[str] = field(default_factory=list)

    @property
    def callers(self) -> str:
        return "\n".join(self.frames)


def tracing(strace: str, log: str) -> tuple[str, ...]:
    """What to put before a command, so that its calls are written down.

    The process keeps its number: strace runs as a grandchild beside it.
    """
    return (strace, "-D", "-f", "-k", "-qq", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", log)


def mapped(log: Path, pid: int, executable_ranges: list[tuple[int, int]]) -> list[Range]:
    """What one process has mapped at the end, by its callers; the last call for an address counts."""
    known = Truth()
    for call in reversed(_last_program(log, pid)):
        known.add(_ranges_of(call))
    found = []
    for one in known.ranges:
        runs = any(one.start < high and low < one.end for low, high in executable_ranges)
        kind = CODE_OF.get(one.kind, one.kind) if runs else one.kind
        if kind:
            found.append(Range(one.start, one.end, kind, one.source))
    return found


def _last_program(log: Path, pid: int) -> list[_Call]:
    """The calls of the threads of one process since it last became another program."""
    threads = {pid}
    calls: list[_Call] = []
    for thread, call in _calls(log):
        if thread not in threads:
            continue
        if call.name == "execve":
            calls.clear()
        elif call.name.startswith("clone"):
            if "CLONE_THREAD" in call.arguments:
                threads.add(call.result)
        else:
            calls.append(call)
    return calls


def _calls(log: Path) -> Iterator[tuple[int, _Call]]:
    begun: dict[str, str] = {}
    current: tuple[int, _Call] | None = None
    with log.open(errors="replace") as lines:
        for line in lines:
            frame = _FRAME.match(line)
            if frame is not None:
                if current is not None and len(current[1].frames) < FRAMES_COUNT:
                    current[1].frames.append(f"{frame[1]} {frame[2]}")
                continue
            if line.startswith(" >"):
                continue
            if current is not None:
                yield current
                current = None
            if unfinished := _BEGUN.match(line):
                begun[unfinished[1]] = unfinished[3]
            elif ended := _ENDED.match(line):
                arguments = begun.pop(ended[1], "") + ended[3]
                current = int(ended[1]), _Call(ended[2], arguments, int(ended[4], 0))
            elif whole := _WHOLE.match(line):
                current = int(whole[1]), _Call(whole[2], whole[3], int(whole[4], 0))
    if current is not None:
        yield current


def _ranges_of(call: _Call) -> Iterator[Range]:
    words = [word.strip() for word in call.arguments.split(",")]
    callers = call.callers
    source = "strace: " + callers.replace("\n", " < ")[:160]
    if call.name == "munmap":
        yield _range(int(words[0], 0), int(words[1]), "", source)
    elif call.name == "mremap":
        yield _range(call.result, int(words[2]), _kind_of(callers), source)
        yield _range(int(words[0], 0), int(words[1]), "", source)
    elif call.name == "mmap":
        kind = _kind_of(callers) if "MAP_ANONYMOUS" in words[3] else ""
        yield _range(call.result, int(words[1]), kind, source)


def _range(start: int, size: int, kind: str, source: str) -> Range:
    return Range(start, start + -(-size // PAGE_BYTES) * PAGE_BYTES, kind, source)


def _kind_of(callers: str) -> str:
    kind = next((kind for pattern, kind in CALLERS if pattern.search(callers)), "")
    if kind == "go":
        return "go_heap" if GO_HEAP.search(callers) else "go_runtime"
    return kind
