"""Ill processes by chance: what leaks, by which way, how much, with which settings; repeatable by a seed."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from bench.live.jvms import Setting

SEED: Final = 20261129
LEAK_MIB: Final = (50, 600)
CLASSES_MIB: Final = (50, 180)  # of metaspace, which grows slowly
STACKS_MIB_MAX: Final = 6000  # reserved by all threads of a process
PAGE_KIB: Final = 4

# of leak.c: sizes of a block in bytes, from and to
SIZES: Final = {
    "one": (24, 60_000),
    "random": (200, 120_000),
    "holes": (200, 60_000),
    "chunks": (150_000, 6_000_000),
    "realloc": (40_000, 3_000_000),
    "untouched": (150_000, 6_000_000),
    "own": (20_000, 8_000_000),
}
ARENAS, PARKED, UNJOINED = "arenas", "parked", "unjoined"
WAYS: Final = (*SIZES, ARENAS, PARKED, UNJOINED)
IN_JAVA: Final = ("direct", "direct-random", "unsafe", "inflate", "classes", "parked", "healthy")
JNI: Final = "jni-"
MIXED: Final = ("classes", "direct-random", "unsafe", "inflate", "jni")  # some of them at once
UNSAFE_WARNED_SINCE: Final = 24
STACKS_KIB: Final = (0, 64, 128, 256, 512, 1024, 2048, 8192)
HEAPS_MIB: Final = (128, 256, 512, 1024, 2048, 4096)
COLLECTORS: Final = {
    "SerialGC": range(8, 100),
    "ParallelGC": range(8, 100),
    "G1GC": range(8, 100),
    "ConcMarkSweepGC": range(8, 14),
    "ShenandoahGC": range(17, 100),
    "ZGC": range(17, 100),
}
# each with a chance of its own, and the collectors that know it (none: all)
FLAGS: Final = (
    (0.12, "-XX:-UseCompressedOops", ("SerialGC", "ParallelGC", "G1GC", "ShenandoahGC")),
    (0.12, "-XX:+UseStringDeduplication", ("G1GC", "ShenandoahGC")),
    (0.12, "-XX:+UseTransparentHugePages", ()),
    (0.12, "-XX:TieredStopAtLevel=1", ()),
    (0.12, "-XX:ReservedCodeCacheSize=96m", ()),
    (0.12, "-XX:CompressedClassSpaceSize=320m", ()),
    (0.08, "-XX:ParallelGCThreads=7", ("ParallelGC", "G1GC", "ShenandoahGC")),
    (0.08, "-XX:G1HeapRegionSize=8m", ("G1GC",)),
    (0.08, "-XX:MaxMetaspaceSize=400m", ()),
    (0.08, "-Xmn60m", ("SerialGC", "ParallelGC", "G1GC")),
)
OF_MALLOC: Final = (
    (0.3, "MALLOC_ARENA_MAX", (1, 2, 4, 8)),
    (0.1, "MALLOC_MMAP_THRESHOLD_", (40_000, 1_000_000, 8_000_000)),
    (0.1, "MALLOC_TOP_PAD_", (1_000_000, 16_777_216)),
    (0.1, "MALLOC_TRIM_THRESHOLD_", (50_000, 500_000_000)),
)


def drawn(seed: int, sort: str, number: int) -> Random:
    """A source of chance for one process, so that leaving out another changes nothing."""
    return Random(f"{seed} {sort} {number}")


def between(rng: Random, low: int, high: int) -> int:
    """A number of any order of magnitude between the two."""
    return round(math.exp(rng.uniform(math.log(low), math.log(high))))


def shuffled(seed: int, sort: str, words: Sequence[str], count: int) -> Iterator[str]:
    """As many words as asked, each once before any comes again."""
    rng = Random(f"{seed} {sort}")
    while count > 0:
        yield from rng.sample(words, len(words))[:count]
        count -= len(words)


def leak_mib(rng: Random) -> int:
    """How much a process leaks."""
    return rng.randint(*LEAK_MIB)


def leak_words(rng: Random, way: str, mib: int) -> str:
    """What leak.c is asked: words with commas between."""
    seed = f"seed={rng.randrange(10**6)}"
    stack_kib = rng.choice((*STACKS_KIB, PAGE_KIB * rng.randint(20, 900)))
    threads_max = STACKS_MIB_MAX * 1024 // (stack_kib or 8192)
    if way in {PARKED, UNJOINED}:
        number = min(between(rng, 20, 900), threads_max)
        after = "end" if way == UNJOINED else "park"
        return f"how=none,threads={number},stack={stack_kib},after={after},{seed}"
    how = rng.choice(("one", "random", "holes")) if way == ARENAS else way
    threads = f",threads={between(rng, 3, 48)},stack={stack_kib}" if way == ARENAS else ""
    return f"how={how},mib={mib},size={between(rng, *SIZES[how])}{threads},{seed}"


def program_words(rng: Random, way: str) -> str:
    """What leak.c is asked as a program of its own: it may be locked in memory, or go on in a child."""
    locked = ",lock=1" if rng.random() < 0.15 else ""
    forked = ",fork=1" if way not in {PARKED, UNJOINED} and rng.random() < 0.3 else ""
    mib = leak_mib(rng) // (2 if forked else 1)
    return leak_words(rng, way, mib) + locked + forked


def malloc_words(rng: Random) -> str:
    """glibc's settings, as an environment; most processes have none."""
    return " ".join(
        f"{name}={rng.choice(values)}" for chance, name, values in OF_MALLOC if rng.random() < chance
    )


def java(rng: Random, version: int, way: str, name: str) -> Setting:
    """One JVM of Leak.java; the library's path is not among its words yet."""
    collector = rng.choice([one for one, versions in COLLECTORS.items() if version in versions])
    mib = rng.randint(*CLASSES_MIB) if way == "classes" else leak_mib(rng)
    heap_mib = rng.choice(HEAPS_MIB) if rng.random() < 0.5 else between(rng, 128, 4096)
    if way == "classes":
        heap_mib = max(heap_mib, 512)
    flags = [f"-XX:+Use{collector}", f"-Xmx{heap_mib}m"]
    environment = malloc_words(rng)
    where = rng.random()
    if where < 0.12:
        flags[1] = f"-XX:MaxRAMPercentage={rng.randint(3, 40)}.0"
    elif where < 0.24:
        environment += f" JAVA_TOOL_OPTIONS={flags.pop()}"
    elif where < 0.45:
        flags.append(f"-Xms{heap_mib}m")
        if heap_mib <= 700 and rng.random() < 0.5:
            flags.append("-XX:+AlwaysPreTouch")
    if rng.random() < 0.35:
        flags.append(f"-Xss{rng.choice((256, 512, 2048, PAGE_KIB * rng.randint(70, 900)))}k")
    if way == "unsafe" and version >= UNSAFE_WARNED_SINCE:
        flags.append("--sun-misc-unsafe-memory-access=allow")
    if way.startswith("direct"):
        flags.append(f"-XX:MaxDirectMemorySize={mib + 100}m")
    flags += [flag for chance, flag, of in FLAGS if rng.random() < chance and (not of or collector in of)]
    load = [
        f"heap={rng.randint(5, min(heap_mib // 4, 200))}",
        f"garbage={rng.randint(20, 300)}",
        f"threads={between(rng, 200, 1200) if way == 'parked' else between(rng, 4, 60)}",
        f"deep={between(rng, 5, 300)}",
    ]
    if way.startswith(JNI):
        load.append("way=jni")
        environment += f" LEAK={leak_words(rng, way.removeprefix(JNI), mib)}"
    elif way not in {"parked", "healthy"}:
        sizes = (16_000, 8_000_000) if way.startswith("direct") else (500, 400_000)
        load += [f"way={way}", f"mib={mib}", f"size={between(rng, *sizes)}", f"from={between(rng, 1, 24)}"]
        load.append(f"seed={rng.randrange(10**6)}")
    return Setting(name, " ".join(flags), " ".join(load), environment.strip())


def mixed_java(rng: Random, version: int, name: str) -> Setting:
    """One JVM that leaks by several ways at once, C code among them."""
    ways = rng.sample(MIXED[:-1], rng.choice((1, 2, 2, 3)))
    first = java(rng, version, ways[0], name)
    own = rng.choice(WAYS)
    mib = rng.randint(LEAK_MIB[0], LEAK_MIB[1] // 2)
    room = "" if "MaxDirectMemorySize" in first.flags else " -XX:MaxDirectMemorySize=900m"
    if "unsafe" in ways[1:] and version >= UNSAFE_WARNED_SINCE:
        room += " --sun-misc-unsafe-memory-access=allow"
    return replace(
        first,
        flags=first.flags + room,
        load=first.load.replace(f"way={ways[0]}", f"way={','.join((*ways, MIXED[-1]))}"),
        environment=f"{first.environment} LEAK={leak_words(rng, own, mib)}".strip(),
    )
