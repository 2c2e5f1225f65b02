"""Ill processes, started here or in other roots: JVMs, C, CPython, Node and Go that leak."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Final

from bench.live import draws, found, jdks, jvms, leaking, programs, traced
from bench.live.jdks import Jdk
from bench.live.roots import HERE, Root

SOURCES: Final = ("leak.c", "leak_python.c", "leak.go", "Leak.java")
COUNTS: Final = {
    "jvm": 38,
    "jvm-mixed": 8,
    "jvm-allocator": 5,
    "native": 14,
    "allocator": 4,
    "python": 16,
    "node": 10,
    "ruby": 4,
    "php": 3,
    "go": 4,
}
PYTHONS: Final = tuple(f"python3.{minor}" for minor in range(8, 15))
ALLOCATORS: Final = ("libjemalloc.so.2", "libmimalloc.so.3", "libmimalloc.so.2", "libtcmalloc_minimal.so.4")
IN_PYTHON: Final = ("objects", "bytes", "arrays", "ctypes", "extension")
IN_RUBY: Final = ("strings", "objects", "fiddle")
IN_PHP: Final = ("strings", "objects")
IN_NODE: Final = ("objects", "slow", "arrays", "bytes", "addon")
# sort, executable, what is before the arguments, ways
SCRIPTS: Final = (
    ("ruby", "ruby", ("-e", leaking.RUBY), IN_RUBY),
    ("php", "php", ("-n", "-d", "memory_limit=-1", "-r", leaking.PHP, "--"), IN_PHP),
)
OBJECTS_MIB_MAX: Final = 250  # of what a runtime's own heap holds
BUILD_TIMEOUT_S: Final = 300


@dataclass(frozen=True, slots=True)
class Workshop:
    """A root, a folder in it as seen here, and what could be built there."""

    root: Root
    folder: Path
    built: frozenset[str]

    def inside(self, name: str) -> str:
        """The path of a built file as its processes see it."""
        return self.root.inside(self.folder / name)


@dataclass(frozen=True, slots=True)
class Patient:
    """A command, and what must be read besides the process to know its memory."""

    sort: str
    name: str
    shop: Workshop
    command: tuple[str, ...]
    environment: str
    callers: Path | None = None
    trace: Path | None = None
    jdk: Jdk | None = None
    forks: bool = False  # the process to look at is its child


def workshop(root: Root, folder: Path) -> Workshop:
    """Build in this folder what can be built there: the C program, libraries, classes, Go."""
    folder.chmod(0o755)
    for source in SOURCES:
        shutil.copy(Path(__file__).with_name(source), folder)
    inside = root.inside(folder)
    shared = ("-shared", "-fPIC", "-pthread")
    built = {"leak": programs.compiled(root, "leak.c", f"{inside}/leak", "-pthread")}
    built["leak.so"] = programs.compiled(root, "leak.c", f"{inside}/leak.so", "-DLIBRARY", *shared)
    built["callers.so"] = programs.compiled(root, "callers.c", f"{inside}/callers.so", *shared)
    if root.which("go"):
        (folder / "go").mkdir()
        for source in ("leak.go", "leak.c"):
            shutil.copy(folder / source, folder / "go")
        words = {
            "CGO_CFLAGS": "-DLIBRARY -O1",
            "GO111MODULE": "off",
            "GOCACHE": f"{inside}/cache",
            "HOME": inside,
        }
        command = root.command(["sh", "-c", f"cd {inside}/go && go build -o ../leak-go ."], words)
        done = subprocess.run(command, capture_output=True, timeout=BUILD_TIMEOUT_S, check=False)
        built["leak-go"] = None if done.returncode else "leak-go"
    if compiler := _compiler():
        flags = ("-source", "8", "-target", "8", "-nowarn", "-Xlint:-options", "-d", str(folder))
        subprocess.run((compiler, *flags, str(folder / "Leak.java")), check=True)
    return Workshop(root, folder, frozenset(name for name, target in built.items() if target))


def _compiler() -> str | None:
    """The javac of this machine; other roots take its classes, which are of Java 8."""
    try:
        return jdks.tool(jdks.installed(HERE), "javac")
    except FileNotFoundError:
        return None


def patients(seed: int, shops: Sequence[Workshop], folders: Sequence[Path]) -> Iterator[Patient]:
    """All processes of a seed, sort by sort; those of which nothing is found here are left out."""
    able = [shop for shop in shops if {"leak", "leak.so", "callers.so"} <= shop.built]
    if _compiler():
        yield from _jvms(seed, able)
    yield from _natives(seed, able)
    yield from _pythons(seed, able, folders)
    yield from _nodes(seed, able, folders)
    for sort, executable, words, ways in SCRIPTS:
        here = [(shop, path) for shop in able if (path := shop.root.which(executable))]
        for (name, rng, way), (shop, path) in zip(_ways(seed, sort, ways), cycle(here), strict=False):
            yield _program(rng, sort, name, shop, (path, *words), way)
    yield from _gos(seed, [shop for shop in able if "leak-go" in shop.built and shop.root.which("strace")])


def _ways(seed: int, sort: str, ways: Sequence[str]) -> Iterator[tuple[str, Random, str]]:
    """For each process of a sort: its name, its chance and its way."""
    for number, way in enumerate(draws.shuffled(seed, sort, ways, COUNTS[sort])):
        yield f"{sort}-{number:02}-{way}", draws.drawn(seed, sort, number), way


def _jvms(seed: int, shops: Sequence[Workshop]) -> Iterator[Patient]:
    packaged = Path(__file__).parent.parent / "out" / "jdks"
    pairs = [(shop, jdk) for shop in shops for jdk in jdks.installed(shop.root)]
    pairs += [(shop, jdk) for shop in shops if shop.root.is_here for jdk in jdks.packaged(packaged)]
    draws.drawn(seed, "jdks", 0).shuffle(pairs)
    ways = (*draws.IN_JAVA, *(draws.JNI + way for way in draws.WAYS))
    for (name, rng, way), (shop, jdk) in zip(_ways(seed, "jvm", ways), cycle(pairs), strict=False):
        setting = draws.java(rng, jdk.version, way, name)
        yield Patient("jvm", name, shop, java_command(shop, jdk, setting), setting.environment, jdk=jdk)
    yield from _mixed(seed, pairs[::-1])
    able = [(shop, jdk) for shop, jdk in pairs if _allocators(shop)]
    ways = ("unsafe", "direct-random", "inflate", "classes", *(f"{draws.JNI}{way}" for way in draws.SIZES))
    for (name, rng, way), (shop, jdk) in zip(_ways(seed, "jvm-allocator", ways), cycle(able), strict=False):
        setting = draws.java(rng, jdk.version, way, name)
        allocator = rng.choice(_allocators(shop))
        known = _recorded(shop, "jvm", name, java_command(shop, jdk, setting), setting.environment, allocator)
        yield replace(known, jdk=jdk)


def _mixed(seed: int, pairs: Sequence[tuple[Workshop, Jdk]]) -> Iterator[Patient]:
    for (name, rng, _), (shop, jdk) in zip(_ways(seed, "jvm-mixed", ("mixed",)), cycle(pairs), strict=False):
        setting = draws.mixed_java(rng, jdk.version, name)
        yield Patient("jvm", name, shop, java_command(shop, jdk, setting), setting.environment, jdk=jdk)


def java_command(shop: Workshop, jdk: Jdk, setting: jvms.Setting) -> tuple[str, ...]:
    """A JVM of Leak.java with the path of its library."""
    words = jvms.command(jdk, setting, shop.inside(""), "Leak")
    return (*words, f"library={shop.inside('leak.so')}")


def _allocators(shop: Workshop) -> list[str]:
    place = found.place_of(shop.root.path)
    return [one for one in ALLOCATORS if place.holds(one)]


def _natives(seed: int, shops: Sequence[Workshop]) -> Iterator[Patient]:
    for (name, rng, way), shop in zip(_ways(seed, "native", draws.WAYS), cycle(shops), strict=False):
        words = draws.program_words(rng, way).split(",")
        environment = draws.malloc_words(rng)
        yield Patient(
            "native", name, shop, (shop.inside("leak"), *words), environment, forks="fork=1" in words
        )
    held = [(shop, one) for shop in shops for one in _allocators(shop)]
    ways = ("one", "random", draws.ARENAS, "realloc", "holes", "chunks")
    for (name, rng, way), (shop, allocator) in zip(_ways(seed, "allocator", ways), cycle(held), strict=False):
        asked = draws.leak_words(rng, way, draws.leak_mib(rng)).split(",")
        yield _recorded(shop, "allocator", name, (shop.inside("leak"), *asked), "", allocator)


def _pythons(seed: int, shops: Sequence[Workshop], folders: Sequence[Path]) -> Iterator[Patient]:
    pairs = [
        (shop, path)
        for shop in shops
        for name in ((*PYTHONS, "/usr/bin/python3") if shop.root.is_here else ("python3",))
        if (path := _real(shop.root, shop.root.which(name)))
    ]
    pairs += _in_folders("python3", shops, folders)
    draws.drawn(seed, "pythons", 0).shuffle(pairs)
    for (name, rng, way), (shop, python) in zip(_ways(seed, "python", IN_PYTHON), cycle(pairs), strict=False):
        able = way
        if way == "extension" and not _extended(shop, python):
            able = "ctypes"
        if way == "arrays" and not _answers(shop.root, python, "import numpy"):
            able = "bytes"
        named = name.removesuffix(way) + able
        patient = _program(rng, "python", named, shop, (python, "-c", leaking.PYTHON), able)
        if rng.random() < 0.25 and way in {"objects", "bytes", "arrays"}:
            patient = replace(patient, environment=f"{patient.environment} FORKED=1", forks=True)
        yield patient


def _nodes(seed: int, shops: Sequence[Workshop], folders: Sequence[Path]) -> Iterator[Patient]:
    pairs = [(shop, node) for shop in shops if (node := shop.root.which("node"))]
    pairs += _in_folders("node", shops, folders)
    draws.drawn(seed, "nodes", 0).shuffle(pairs)
    for (name, rng, way), (shop, node) in zip(_ways(seed, "node", IN_NODE), cycle(pairs), strict=False):
        yield _program(rng, "node", name, shop, (node, "-e", leaking.NODE), way)


def _in_folders(name: str, shops: Sequence[Workshop], folders: Sequence[Path]) -> list[tuple[Workshop, str]]:
    here = [shop for shop in shops if shop.root.is_here]
    paths = [folder.absolute() / name for folder in folders]
    return [(shop, str(path)) for shop in here for path in paths if path.exists()]


def _program(
    rng: Random, sort: str, name: str, shop: Workshop, command: tuple[str, ...], way: str
) -> Patient:
    """A runtime's program; its arguments are way, bytes of a block, bytes in all, threads, library."""
    mib = min(draws.leak_mib(rng), OBJECTS_MIB_MAX if way == "objects" else draws.LEAK_MIB[1])
    threads = draws.between(rng, 2, 16) if rng.random() < 0.5 else 0
    size = draws.between(rng, 10_000, 4_000_000)
    own = rng.choice(draws.WAYS)
    environment = draws.malloc_words(rng)
    if way in {"ctypes", "extension", "addon", "fiddle"}:
        environment = f"{environment} LEAK={draws.leak_words(rng, own, mib)} PYTHONPATH={shop.inside('')}"
    words = (*command, way, str(size), str(mib << 20), str(threads), shop.inside("leak.so"))
    return _recorded(shop, sort, name, words, environment.strip())


def _gos(seed: int, shops: Sequence[Workshop]) -> Iterator[Patient]:
    for (name, rng, way), shop in zip(_ways(seed, "go", draws.WAYS), cycle(shops), strict=False):
        words = draws.leak_words(rng, way, draws.leak_mib(rng))
        arguments = (f"heap={draws.between(rng, 2, 200)}", f"goroutines={draws.between(rng, 10, 20_000)}")
        log = shop.folder / f"{name}.strace"
        tracing = traced.tracing(shop.root.which("strace") or "", shop.root.inside(log))
        command = (*tracing, shop.inside("leak-go"), *arguments)
        yield Patient("go", name, shop, command, f"LEAK={words}", trace=log)


def _recorded(
    shop: Workshop, sort: str, name: str, command: tuple[str, ...], environment: str, preloaded: str = ""
) -> Patient:
    """With a library before it that writes down who maps what."""
    log = shop.folder / f"{name}.callers"
    preload = ":".join(filter(None, (shop.inside("callers.so"), preloaded)))
    own = f"{environment} LD_PRELOAD={preload} CALLERS={shop.root.inside(log)}"
    return Patient(sort, name, shop, command, own.strip(), callers=log)


def _real(root: Root, python: str | None) -> str | None:
    """The interpreter itself where a script stands before it."""
    return _said(root, python, "import sys; print(sys.executable)") if python else None


def _extended(shop: Workshop, python: str) -> bool:
    """Whether the extension module could be built for this interpreter."""
    headers = _said(shop.root, python, "import sysconfig; print(sysconfig.get_path('include'))")
    suffix = _said(shop.root, python, "import sysconfig; print(sysconfig.get_config_var('EXT_SUFFIX'))")
    if not headers or not suffix:
        return False
    flags = ("-shared", "-fPIC", "-pthread", "-I", headers, "-I", shop.inside(""))
    return bool(programs.compiled(shop.root, "leak_python.c", shop.inside(f"leaking{suffix}"), *flags))


def _answers(root: Root, python: str, text: str) -> bool:
    return _said(root, python, f"{text}; print(1)") == "1"


def _said(root: Root, python: str, text: str) -> str:
    command = root.command((python, "-c", text))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode else done.stdout.strip()
