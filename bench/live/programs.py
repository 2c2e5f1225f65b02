"""Programs besides JVMs: a C program that knows its own stacks, and runtimes that are installed here."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.live import capture
from bench.live.capture import Started
from bench.live.ranges import Range, Truth
from bench.live.roots import Root

COMPILE_TIMEOUT_S: Final = 60
PAGE_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Program:
    """A command, and what is set besides the environment of this process."""

    name: str
    command: tuple[str, ...]
    environment: str = ""
    shown: str = ""  # the settings, for a reader


NATIVE: Final = (
    ("stacks-64k", "threads=40 stack=64"),
    ("stacks-8m", "threads=50"),
    ("stacks-64m", "threads=6 stack=65536"),
    ("stacks-256k-guard-1m", "threads=20 stack=256 guard=1024"),
    ("stacks-1m-no-guard", "threads=20 stack=1024 guard=0"),
    ("stacks-1000k-guard-16k", "threads=30 stack=1000 guard=16"),
    ("stacks-of-three-sizes", "threads=30 stack=64,512,3000"),
    ("stacks-cached", "threads=30 gone=12 stack=2048"),
    ("one-arena", "threads=20 blocks=3000 size=4000 MALLOC_ARENA_MAX=1"),
    ("arenas-many", "threads=24 blocks=300 size=4000"),
    ("arenas-of-two-heaps", "threads=4 blocks=25000 size=4000"),
    ("arenas-emptied", "threads=6 blocks=14000 size=4000 free=all"),
    ("arenas-half-freed", "threads=6 blocks=30000 size=4000 free=half"),
    ("chunks", "threads=4 blocks=30 size=1000000"),
    ("chunks-small-threshold", "threads=8 blocks=40 size=40000 MALLOC_MMAP_THRESHOLD_=32768"),
    ("chunks-large-threshold", "threads=4 blocks=60 size=1000000 MALLOC_MMAP_THRESHOLD_=33554432"),
    ("no-trim", "threads=4 blocks=9000 size=4000 free=half MALLOC_TRIM_THRESHOLD_=1000000000"),
    ("rings", "threads=10 blocks=200 size=4000 rings=30"),
    ("rings-of-the-stack-size", "threads=10 stack=512 rings=8 ring=512"),
    ("own-mappings", "threads=4 blocks=100 size=4000 own=10"),
    ("large-stack-limit", "threads=6 blocks=100 size=4000 LIMIT=67108864"),
    ("unlimited-stack", "threads=6 blocks=100 size=4000 LIMIT=unlimited"),
    ("small-stack-limit", "threads=30 blocks=20 size=4000 LIMIT=262144"),
    ("stacks-128k-many", "threads=400 stack=128"),
    ("stacks-of-four-sizes", "threads=60 stack=100,300,900,2700"),
    ("stacks-with-default-sizes", "threads=45 stack=256,1024,8192 blocks=10 size=30000"),
    ("stacks-cached-of-two-sizes", "threads=60 gone=50 stack=256,1024"),
    ("stacks-8m-cached", "threads=20 gone=15"),
    ("stacks-not-cached", "threads=60 gone=50 stack=512 GLIBC_TUNABLES=glibc.pthread.stack_cache_size=0"),
    ("stacks-guard-64k", "threads=24 stack=1024 guard=64"),
    ("stacks-beside-chunks", "threads=24 blocks=40 size=200000 stack=1024"),
    ("stacks-beside-large-chunks", "threads=12 blocks=5 size=5000000 stack=640"),
    ("stacks-beside-arenas", "threads=40 blocks=600 size=2000 stack=512 rings=6"),
    ("no-rseq", "threads=20 blocks=100 size=3000 GLIBC_TUNABLES=glibc.pthread.rseq=0"),
    ("top-pad", "threads=8 blocks=100 size=2000 MALLOC_TOP_PAD_=8388608"),
    ("huge-malloc", "threads=10 blocks=900 size=3000 GLIBC_TUNABLES=glibc.malloc.hugetlb=1"),
    ("static", "threads=16 blocks=300 size=3000 BUILD=static"),
    ("static-stacks-300k", "threads=30 stack=300 blocks=50 size=300000 BUILD=static"),
    ("32", "threads=12 blocks=200 size=3000 BUILD=32"),
    ("32-stacks-256k", "threads=40 stack=256 blocks=90 size=3000 BUILD=32"),
    ("32-chunks", "threads=6 stack=512 blocks=20 size=900000 BUILD=32"),
)

BUILDS: Final = {"": (), "static": ("-static",), "32": ("-m32",)}


def compiled(root: Root, source: str, target: str, *flags: str) -> str | None:
    """A C source of this folder, compiled inside; None where no compiler can do it."""
    compiler = root.which("cc", "gcc")
    if compiler is None:
        return None
    with Path(__file__).with_name(source).open("rb") as text:
        done = subprocess.run(
            root.command([compiler, "-O1", *flags, "-o", target, "-x", "c", "-", "-ldl"]),
            stdin=text,
            capture_output=True,
            check=False,
            timeout=COMPILE_TIMEOUT_S,
        )
    return None if done.returncode else target


def native(load: str) -> list[Program]:
    """The C program with each setting.

    Words in capitals are its environment; LIMIT is its RLIMIT_STACK, BUILD how it was compiled.
    """
    found = []
    for name, words in NATIVE:
        of_environment = [
            word for word in words.split() if word[0].isupper() and not word.startswith(("LIMIT=", "BUILD="))
        ]
        limit = [word[6:] for word in words.split() if word.startswith("LIMIT=")]
        arguments = [word for word in words.split() if not word[0].isupper()]
        before = ("prlimit", f"--stack={limit[0]}:unlimited") if limit else ()
        build = "".join(f"-{word[6:]}" for word in words.split() if word.startswith("BUILD="))
        command = (*before, load + build, *arguments)
        found.append(Program(f"c-{name}", command, " ".join(of_environment), words))
    return found


NODE: Final = """
const { Worker } = require('worker_threads');
const kept = [];
for (let i = 0; i < %d; i++) kept.push(new Array(100000).fill({ number: i }));
kept.push(Buffer.alloc(30000000, 1));
for (let i = 0; i < %d; i++) new Worker('setInterval(() => {}, 1e6)', { eval: true });
setTimeout(() => console.log('ready'), 1500);
setInterval(() => kept.length, 1e6);
"""
PYTHON: Final = """
import threading, time
kept = [[str(i) * 3 for i in range(%d)], bytes(20000000)]
for _ in range(%d): threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
print('ready', flush=True)
time.sleep(1000)
"""
PERL: Final = (
    "$| = 1; my @k = map { 'x' x 100 } 1..300000; my $b = 'y' x 50000000; print qq(ready\n); sleep 1000;"
)
INSTALLED: Final = (
    ("node-default", "node", ("-e", NODE % (40, 0)), ""),
    ("node-workers", "node", ("-e", NODE % (10, 4)), ""),
    ("node-small-heap", "node", ("--max-old-space-size=64", "-e", NODE % (5, 1)), "UV_THREADPOOL_SIZE=16"),
    ("node-interpreted", "node", ("--jitless", "-e", NODE % (20, 1)), ""),
    ("python-threads", "/usr/bin/python3", ("-c", PYTHON % (300_000, 12)), ""),
    ("python-large", "/usr/bin/python3", ("-c", PYTHON % (3_000_000, 2)), ""),
    ("python-malloc", "/usr/bin/python3", ("-c", PYTHON % (300_000, 4)), "PYTHONMALLOC=malloc"),
    ("python-numpy", sys.executable, ("-c", "import numpy, polars\n" + PYTHON % (100_000, 4)), ""),
    ("perl", "perl", ("-e", PERL), ""),
    ("c-jemalloc", "", ("threads=12", "blocks=3000", "size=3000"), "libjemalloc.so.2"),
)
# whose call of mmap means what; what is called from elsewhere stays open
CALLERS: Final = (
    *((library, "", "heap_allocator") for library in ("libjemalloc", "libmimalloc", "libtcmalloc")),
    ("node", "v8", "v8_heap"),
    ("libruby", "", "anonymous"),
    ("php", "", "heap_allocator"),
    ("libpython", "", "py_arena"),
    ("python3", "", "py_arena"),
    ("openblas", "", "anonymous"),
    ("_multiarray_umath", "", "anonymous"),
)


def installed(root: Root, load: str, library: str, folder: Path) -> list[tuple[Program, Path]]:
    """Runtimes that are found in a root, and the file that each one's callers are written to."""
    found = []
    for name, executable, arguments, words in INSTALLED:
        path = root.which(executable) if executable else load
        log = folder / f"{name}.callers"
        environment = [word for word in words.split() if "=" in word]
        preload = [library, *(word for word in words.split() if "=" not in word)]
        environment += [f"LD_PRELOAD={':'.join(preload)}", f"CALLERS={root.inside(log)}"]
        if path:
            shown = " ".join(
                (words, *(word for word in arguments if len(word) < 40 and word[:2] not in {"-e", "-c"}))
            )
            found.append((Program(name, (path, *arguments), " ".join(environment), shown.strip()), log))
    return found


def called(log: Path, executable_ranges: list[tuple[int, int]]) -> list[Range]:
    """What is mapped at the end, by who called mmap; the last call for an address counts."""
    known = Truth()
    stacks = []
    for line in reversed(log.read_text(errors="replace").splitlines()):
        what, start, length, owner, symbol = line.split(" ", 4)
        low = int(start, 16)
        high = -(-(low + int(length, 16)) // PAGE_BYTES) * PAGE_BYTES
        if what == "stack":
            stacks.append(Range(low, high, "thread_stack", "pthread_getattr_np"))
            continue
        kind = "" if what == "unmap" else _kind_of_caller(owner, symbol)
        known.add([Range(low, high, kind, f"mmap called by {owner} {symbol}")])
    found = []
    for one in known.ranges:
        kind = one.kind
        if kind == "v8_heap" and any(one.start < high and low < one.end for low, high in executable_ranges):
            kind = "v8_code"
        if kind:
            found.append(Range(one.start, one.end, kind, one.source))
    return [*stacks, *found]


def _kind_of_caller(owner: str, symbol: str) -> str:
    return next((kind for name, word, kind in CALLERS if name in owner and word in symbol), "")


def observe(process: Started, log: Path | None = None) -> tuple[dict[str, bytes], Truth]:
    """The files of a stopped process, what it printed of its memory, and glibc's own structures in it."""
    files, lines, truth = capture.at_rest(process)
    truth.add(
        Range(int(start, 16), int(end, 16), kind, "told by the program")
        for start, end, kind in (line.split() for line in process.said if line.count(" ") == 2)
    )
    if log is not None:
        truth.add(called(log, capture.compiled_code(lines)))
    capture.add_native(process, lines, truth)
    return files, truth
