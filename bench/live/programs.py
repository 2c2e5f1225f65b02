"""Programs besides JVMs: a C program that knows its own stacks, and runtimes installed here."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.live import capture
from bench.live.capture import Started
from bench.live.ranges import Range, Truth

COMPILE_TIMEOUT_S: Final = 60


@dataclass(frozen=True, slots=True)
class Program:
    """A command, and what is set besides the environment of this process."""

    name: str
    command: tuple[str, ...]
    environment: str = ""


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
)


def compiled(folder: Path) -> Path | None:
    """The C program, compiled; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    target = folder / "load"
    source = Path(__file__).with_name("load.c")
    subprocess.run(
        [compiler, "-O1", "-pthread", "-o", str(target), str(source)], check=True, timeout=COMPILE_TIMEOUT_S
    )
    return target


def native(load: Path) -> list[Program]:
    """The C program with each setting; words in capitals are its environment, LIMIT its RLIMIT_STACK."""
    found = []
    for name, words in NATIVE:
        of_environment = [
            word for word in words.split() if word[0].isupper() and not word.startswith("LIMIT=")
        ]
        limit = [word[6:] for word in words.split() if word.startswith("LIMIT=")]
        arguments = [word for word in words.split() if not word[0].isupper()]
        before = ("prlimit", f"--stack={limit[0]}:unlimited") if limit else ()
        found.append(Program(f"c-{name}", (*before, str(load), *arguments), " ".join(of_environment)))
    return found


def observe(process: Started) -> tuple[dict[str, bytes], Truth]:
    """The files of a stopped process, what it printed of its memory, and glibc's own structures in it."""
    capture.wait_until_quiet(process)
    capture.stop(process)
    files = capture.files_of(process)
    lines = capture.lines_of(files["maps"])
    truth = Truth()
    truth.add(capture.named(lines))
    truth.add(
        Range(int(start, 16), int(end, 16), kind, "told by the program")
        for start, end, kind in (line.split() for line in process.said if line.count(" ") == 2)
    )
    capture.add_native(process, lines, truth)
    return files, truth
