"""Runtimes and services that are found here, or in the roots of other systems, each traced as it runs."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.live import capture, runtimes, services, traced
from bench.live.capture import NotStartedError, Started
from bench.live.ranges import Truth

FIRST_PORT: Final = 17400
BUILD_TIMEOUT_S: Final = 300
SHOWN_WORD_BYTES: Final = 40
BIN: Final = ("usr/local/bin", "usr/bin", "usr/sbin", "bin", "sbin")
LIBRARIES: Final = ("usr/lib/x86_64-linux-gnu", "usr/lib64", "usr/lib")
SOURCES: Final = ("load.cs",)
GO_SOURCES: Final = ("load.go", "load_pure.go", "load_cgo.go")


@dataclass(frozen=True, slots=True)
class Place:
    """This machine (no folder), the root of another system, or a folder of programs."""

    folder: Path | None
    is_root: bool

    @property
    def label(self) -> str:
        """What the place is called in names and groups."""
        return self.folder.name if self.folder else "here"

    def which(self, executable: str) -> str | None:
        """The path of a program as it is seen there."""
        if self.folder is None:
            return shutil.which(executable)
        if not self.is_root:
            return shutil.which(executable, path=str(self.folder))
        found = shutil.which(executable, path=os.pathsep.join(str(self.folder / part) for part in BIN))
        return "/" + str(Path(found).relative_to(self.folder)) if found else None

    def holds(self, library: str) -> bool:
        """Whether a library can be preloaded there."""
        root = self.folder if self.is_root and self.folder else Path("/")
        return any((root / part / library).exists() for part in LIBRARIES)

    def scratch(self, folder: Path) -> tuple[Path, str]:
        """A folder for this place's files: as seen here, and as seen there."""
        if not (self.is_root and self.folder):
            target = folder / self.label
            target.mkdir(exist_ok=True)
            return target, str(target)
        target = self.folder / "tmp" / folder.name
        target.mkdir(exist_ok=True)
        return target, f"/tmp/{folder.name}"

    def command(self, words: Sequence[str]) -> tuple[str, ...]:
        """The same command as it is given here."""
        return ("chroot", str(self.folder), *words) if self.is_root else tuple(words)


@dataclass(frozen=True, slots=True)
class Found:
    """A command with what it needs to be started, traced and told from its children."""

    group: str
    name: str
    command: tuple[str, ...]
    child: str
    log: Path | None
    settings: str = ""  # for a reader


def place_of(folder: Path) -> Place:
    """This machine, another root if it looks like one, or a folder of programs."""
    path = folder.resolve()
    return Place(None if path == Path("/") else path, path != Path("/") and (path / "usr" / "bin").is_dir())


def all_found(places: Sequence[Place], load: Path, folder: Path, only: str) -> Iterator[Found]:
    """What there is of runtimes, services, Go programs and preloaded allocators, place by place."""
    port = FIRST_PORT
    for place in places:
        here, there = place.scratch(folder)
        shutil.copy(load, here / "load")
        for source in SOURCES:
            shutil.copy(Path(__file__).with_name(source), here / source)
        for name, command, variables in _commands(place, here, there, only):
            yield _traced(place, (here, there), name, command, variables)
        ports = range(port + 1, port + 1 + len(services.SERVICES))
        port = ports[-1]
        for service, own in zip(services.SERVICES, ports, strict=True):
            if only in service.name:
                yield from served(place, (here, there), service, own)


def served(place: Place, scratch: tuple[Path, str], service: services.Service, port: int) -> Iterator[Found]:
    """The command of a service, unless the place lacks what it needs."""
    here, there = scratch
    if not place.which(service.executable) or not _loads(place, service.environment):
        return
    (here / service.name).mkdir(exist_ok=True)
    (here / service.name).chmod(0o777)
    environment = f"D={there}/{service.name} P={port} {service.environment}"
    if place.folder and not place.is_root:
        environment += f" PATH={place.folder}{os.pathsep}{os.environ['PATH']}"
    shell = (place.which("sh") or "/bin/sh", "-c", service.text)
    yield _traced(place, scratch, service.name, shell, environment, service)


def _commands(place: Place, here: Path, there: str, only: str) -> Iterator[tuple[str, tuple[str, ...], str]]:
    for runtime in runtimes.RUNTIMES:
        path = place.which(runtime.executable)
        if path and only in runtime.name:
            yield runtime.name, (path, *runtime.arguments), runtime.environment
    if place.folder is None or place.is_root:
        for library in runtimes.PRELOADED:
            for setting, asked in (("small", runtimes.C_LOAD), ("large", runtimes.LARGE_LOAD)):
                name = f"c-{library.removesuffix('.so')}-{setting}"
                if only in name and place.holds(library):
                    yield name, (f"{there}/load", *asked), f"LD_PRELOAD={library}"
    for kind, loads in (("pure", runtimes.GO_LOADS), ("cgo", runtimes.CGO_LOADS)):
        names = [f"go-{kind}-{name}" for name, _ in loads]
        if not any(only in name for name in names) or not _build_go(place, here, there, kind):
            continue
        for name, (_, words) in zip(names, loads, strict=True):
            if only in name:
                yield name, (f"{there}/load-{kind}", *words), ""


def _loads(place: Place, environment: str) -> bool:
    return "LD_PRELOAD=" not in environment or place.holds(environment.split("LD_PRELOAD=")[1])


def _build_go(place: Place, here: Path, there: str, kind: str) -> bool:
    go = place.which("go")
    if go is None:
        return False
    for source in GO_SOURCES:
        shutil.copy(Path(__file__).with_name(source), here / source)
    environment = {
        **os.environ,
        "CGO_ENABLED": "1" if kind == "cgo" else "0",
        "GO111MODULE": "off",
        "GOCACHE": f"{there}/cache",
        "HOME": there,
    }
    sources = (f"{there}/load.go", f"{there}/load_{kind}.go")
    command = place.command((go, "build", "-o", f"{there}/load-{kind}", *sources))
    built = subprocess.run(
        command, env=environment, capture_output=True, timeout=BUILD_TIMEOUT_S, check=False
    )
    return built.returncode == 0


def _traced(
    place: Place,
    scratch: tuple[Path, str],
    name: str,
    words: Sequence[str],
    environment: str,
    service: services.Service | None = None,
) -> Found:
    here, there = scratch
    tracer = place.which("strace") if place.is_root else shutil.which("strace")
    strace = tracer if service is None or service.traced else None
    log = here / f"{name}.strace" if strace else None
    before = traced.tracing(strace, f"{there}/{name}.strace") if strace else ("env",)
    variables = [part for pair in environment.split() for part in (("-E", pair) if strace else (pair,))]
    command = place.command((*before, *variables, *words))
    child = service.child if service else ""
    settings = " ".join(word for word in (*environment.split(), *words[1:]) if len(word) < SHOWN_WORD_BYTES)
    return Found(place.label, name, command, child, log, settings)


def observe(process: Started, found: Found) -> tuple[dict[str, bytes], Truth]:
    """The files of a stopped process, who mapped what in it, and glibc's own structures."""
    if found.child:
        process = _child_of(process, found.child)
    files, lines, truth = capture.at_rest(process)
    if found.log is not None:
        truth.add(traced.mapped(found.log, process.pid, capture.compiled_code(lines)))
    capture.add_native(process, lines, truth)
    if found.child:
        capture.resume(process)  # in a session of its own it has to end by itself
    return files, truth


def _child_of(process: Started, word: str) -> Started:
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == process.pid and word.encode() in (folder / "cmdline").read_bytes():
                return Started(int(folder.name), process.said)
    raise NotStartedError(f"no child {word!r}")
