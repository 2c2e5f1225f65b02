"""JVMs to start: settings that shape the address space, and what each tells of its own memory."""

import subprocess
from dataclasses import dataclass
from functools import partial
from typing import Final

from bench.live import capture, native_memory
from bench.live.capture import Started
from bench.live.jdks import Jdk
from bench.live.ranges import Truth

JCMD_TIMEOUT_S: Final = 60
ATTEMPTS: Final = 5
SYSTEM_MAP_SINCE: Final = 22
TRACKED: Final = "nmt.txt"  # beside the files of /proc: what native memory tracking says


@dataclass(frozen=True, slots=True)
class Setting:
    """Flags of one JVM and what its program does."""

    name: str
    flags: str
    load: str = ""
    environment: str = ""  # NAME=VALUE, spaces between
    versions: range = range(8, 100)
    archive: str = ""  # what a first run writes, and this one reads: {archive} is its file


CHOSEN_BEFORE: Final = (
    Setting("serial-64m", "-XX:+UseSerialGC -Xmx64m"),
    Setting("serial-700m-nocoops", "-XX:+UseSerialGC -Xmx700m -XX:-UseCompressedOops"),
    Setting("serial-38g", "-XX:+UseSerialGC -Xmx38g -Xms96m"),
    Setting("serial-xss256k", "-XX:+UseSerialGC -Xmx128m -Xss256k", "threads=90"),
    Setting("parallel-300m", "-XX:+UseParallelGC -Xmx300m -Xss512k", "threads=40 deep=400"),
    Setting("parallel-3g-nocoops", "-XX:+UseParallelGC -Xmx3g -XX:-UseCompressedOops", "inflate=12"),
    Setting("parallel-36g", "-XX:+UseParallelGC -Xmx36g -Xms200m", "direct=8"),
    Setting("parallel-pretouch", "-XX:+UseParallelGC -Xmx96m -Xms96m -XX:+AlwaysPreTouch"),
    Setting("g1-no-xmx", ""),
    Setting("g1-ram-percentage", "-XX:+UseG1GC -XX:MaxRAMPercentage=10"),
    Setting("g1-96m", "-XX:+UseG1GC -Xmx96m", "threads=30"),
    Setting("g1-1500m-xss2m", "-XX:+UseG1GC -Xmx1500m -Xss2m", "threads=50 inflate=20"),
    Setting("g1-6g-xss16m", "-XX:+UseG1GC -Xmx6g -Xss16m", "threads=60 deep=2000"),
    Setting("g1-31g", "-XX:+UseG1GC -Xmx31g -Xms128m", "inflate=10"),
    Setting("g1-33g", "-XX:+UseG1GC -Xmx33g -Xms128m", "inflate=24 direct=10"),
    Setting("g1-40g-pinned-arenas", "-XX:+UseG1GC -Xmx40g -Xms64m", "inflate=12", "MALLOC_ARENA_MAX=2"),
    Setting("g1-2g-nocoops", "-XX:+UseG1GC -Xmx2g -XX:-UseCompressedOops", "threads=20 inflate=16 direct=12"),
    Setting(
        "g1-2g-nothing-compressed",
        "-XX:+UseG1GC -Xmx2g -XX:-UseCompressedOops -XX:-UseCompressedClassPointers",
    ),
    Setting("g1-xshare-off", "-XX:+UseG1GC -Xmx400m -Xshare:off"),
    Setting("g1-class-space-64m", "-XX:+UseG1GC -Xmx256m -XX:CompressedClassSpaceSize=64m"),
    Setting("g1-code-cache-90m", "-XX:+UseG1GC -Xmx256m -XX:ReservedCodeCacheSize=90m"),
    Setting(
        "g1-one-code-segment", "-XX:+UseG1GC -Xmx256m -XX:-SegmentedCodeCache -XX:ReservedCodeCacheSize=512m"
    ),
    Setting("g1-transparent-huge", "-XX:+UseG1GC -Xmx512m -XX:+UseTransparentHugePages", "threads=30"),
    Setting("g1-alignment-16-48g", "-XX:+UseG1GC -Xmx48g -Xms96m -XX:ObjectAlignmentInBytes=16"),
    Setting("g1-base-address", "-XX:+UseG1GC -Xmx1g -XX:HeapBaseMinAddress=20g"),
    Setting("g1-base-address-disjoint", "-XX:+UseG1GC -Xmx4g -XX:HeapBaseMinAddress=70g"),
    Setting("g1-interpreted", "-Xint -XX:+UseG1GC -Xmx200m"),
    Setting(
        "g1-many-arenas", "-XX:+UseG1GC -Xmx512m -Xss512k", "threads=10 inflate=120", "MALLOC_ARENA_MAX=128"
    ),
    Setting("g1-large-regions", "-XX:+UseG1GC -Xmx5g -XX:G1HeapRegionSize=32m -Xms256m"),
    Setting("g1-full", "-XX:+UseG1GC -Xmx256m -Xms256m", "heap=100 inflate=8"),
    Setting("shenandoah-700m", "-XX:+UseShenandoahGC -Xmx700m", "threads=20"),
    Setting("shenandoah-36g", "-XX:+UseShenandoahGC -Xmx36g -Xms128m", "inflate=12"),
    Setting(
        "shenandoah-generational",
        "-XX:+UseShenandoahGC -XX:ShenandoahGCMode=generational -XX:+UnlockExperimentalVMOptions -Xmx3g",
        versions=range(24, 100),
    ),
    Setting("z-256m", "-XX:+UnlockExperimentalVMOptions -XX:+UseZGC -Xmx256m"),
    Setting(
        "z-34g", "-XX:+UnlockExperimentalVMOptions -XX:+UseZGC -Xmx34g -Xms128m", "threads=20 inflate=12"
    ),
    Setting("z-generational-800m", "-XX:+UseZGC -XX:+ZGenerational -Xmx800m", versions=range(21, 24)),
    Setting("cms-1g", "-XX:+UseConcMarkSweepGC -Xmx1g", "inflate=10", versions=range(8, 14)),
    Setting(
        "epsilon-1g",
        "-XX:+UnlockExperimentalVMOptions -XX:+UseEpsilonGC -Xmx1g -Xms64m",
        versions=range(11, 100),
    ),
)

# started for the first time after the rules were written with the ones above
CHOSEN_AFTER: Final = (
    Setting(
        "serial-45g-nothing-compressed",
        "-XX:+UseSerialGC -Xmx45g -Xms70m -XX:-UseCompressedClassPointers",
        "inflate=9 threads=12",
    ),
    Setting("serial-1200m-xshare-off", "-XX:+UseSerialGC -Xmx1200m -Xshare:off", "direct=9"),
    Setting("parallel-5g-xss1500k", "-XX:+UseParallelGC -Xmx5g -Xss1500k", "threads=25 inflate=7"),
    Setting(
        "parallel-27g-nocoops", "-XX:+UseParallelGC -Xmx27g -XX:-UseCompressedOops", "inflate=14 direct=5"
    ),
    Setting(
        "g1-1g-nocoops-xss320k",
        "-XX:+UseG1GC -Xmx1g -XX:-UseCompressedOops -Xss320k",
        "threads=33 inflate=17 direct=7",
    ),
    Setting("g1-3333m-whole", "-XX:+UseG1GC -Xmx3333m -Xms3333m", "inflate=5 direct=20"),
    Setting(
        "g1-29g-class-space-2g",
        "-XX:+UseG1GC -Xmx29g -XX:ReservedCodeCacheSize=320m -XX:CompressedClassSpaceSize=2g",
        "inflate=11",
    ),
    Setting("g1-alignment-32-60g", "-XX:+UseG1GC -Xmx60g -Xms80m -XX:ObjectAlignmentInBytes=32", "inflate=6"),
    Setting("g1-max-ram", "-XX:MaxRAM=3g -XX:MaxRAMPercentage=40 -XX:+UseG1GC", "threads=15 inflate=30"),
    Setting("shenandoah-2g-nocoops", "-XX:+UseShenandoahGC -Xmx2g -XX:-UseCompressedOops", "inflate=13"),
    Setting("z-5g", "-XX:+UnlockExperimentalVMOptions -XX:+UseZGC -Xmx5g", "inflate=22 direct=11"),
    Setting("g1-base-address-33g", "-XX:+UseG1GC -Xmx1500m -XX:HeapBaseMinAddress=33g", "inflate=3"),
    Setting("g1-xss64m", "-XX:+UseG1GC -Xmx300m -Xss64m", "threads=14 inflate=4"),
)

Z: Final = "-XX:+UnlockExperimentalVMOptions -XX:+UseZGC"
# for other versions of glibc: many threads, thin stacks, tunables; and where the command line does not tell
CHOSEN_FOR_ROOTS: Final = (
    Setting("serial-no-xmx", "-XX:+UseSerialGC", "threads=9"),
    Setting("serial-10m", "-XX:+UseSerialGC -Xmx10m", "heap=1 direct=1 garbage=3"),
    Setting("serial-in-tool-options", "", "inflate=5", "JAVA_TOOL_OPTIONS=-XX:+UseSerialGC"),
    Setting("parallel-no-xmx", "-XX:+UseParallelGC", "inflate=9"),
    Setting(
        "parallel-64g-threads", "-XX:+UseParallelGC -Xmx64g -Xms64m -XX:ParallelGCThreads=24", "inflate=6"
    ),
    Setting("parallel-in-tool-options", "-XX:+UseParallelGC", "threads=20", "JAVA_TOOL_OPTIONS=-Xmx1300m"),
    Setting("cms-64m", "-XX:+UseConcMarkSweepGC -Xmx64m", "threads=25", versions=range(8, 14)),
    Setting("cms-no-xmx", "-XX:+UseConcMarkSweepGC", "inflate=6", versions=range(8, 14)),
    Setting("cms-34g", "-XX:+UseConcMarkSweepGC -Xmx34g -Xms256m", "inflate=9", versions=range(8, 14)),
    Setting("g1-64g", "-XX:+UseG1GC -Xmx64g -Xms32m", "threads=40 inflate=20"),
    Setting(
        "g1-gc-threads-32", "-XX:+UseG1GC -Xmx2g -XX:ParallelGCThreads=32 -XX:ConcGCThreads=16", "garbage=900"
    ),
    Setting(
        "g1-stack-sizes", "-XX:+UseG1GC -Xmx2g -XX:VMThreadStackSize=4096 -XX:CompilerThreadStackSize=2048"
    ),
    Setting("g1-700m-in-java-options", "", "threads=12", "JDK_JAVA_OPTIONS=-Xmx700m", versions=range(9, 100)),
    Setting("g1-900m-in-tool-options", "-XX:+UseG1GC", "inflate=12", "JAVA_TOOL_OPTIONS=-Xmx900m"),
    Setting("g1-36g-in-tool-options", "-XX:+UseG1GC -Xms90m", "inflate=8", "JAVA_TOOL_OPTIONS=-Xmx36g"),
    Setting("g1-threads-600", "-XX:+UseG1GC -Xmx400m", "threads=600"),
    Setting("g1-threads-300-xss222k", "-XX:+UseG1GC -Xmx400m -Xss222k", "threads=300 inflate=3"),
    Setting("g1-xss777k", "-XX:+UseG1GC -Xmx200m -Xss777k", "threads=45"),
    Setting("g1-xss1025k", "-XX:+UseG1GC -Xmx200m -Xss1025k", "threads=45 inflate=14"),
    Setting("g1-xss3333k", "-XX:+UseG1GC -Xmx3g -Xss3333k", "threads=70 direct=20"),
    Setting("g1-threads-ended", "-XX:+UseG1GC -Xmx300m", "threads=20 gone=70 inflate=8"),
    Setting("g1-threads-ended-xss512k", "-XX:+UseG1GC -Xmx300m -Xss512k", "threads=5 gone=120"),
    Setting(
        "g1-no-stack-cache",
        "-XX:+UseG1GC -Xmx300m",
        "threads=20 gone=50",
        "GLIBC_TUNABLES=glibc.pthread.stack_cache_size=0",
    ),
    Setting("g1-no-rseq", "-XX:+UseG1GC -Xmx500m", "threads=15", "GLIBC_TUNABLES=glibc.pthread.rseq=0"),
    Setting("g1-malloc-huge", "-XX:+UseG1GC -Xmx500m", "inflate=25", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1"),
    Setting("g1-direct-large", "-XX:+UseG1GC -Xmx1g", "direct=90 inflate=10 threads=20"),
    Setting("g1-one-arena", "-XX:+UseG1GC -Xmx1g", "inflate=60", "MALLOC_ARENA_MAX=1"),
    Setting("g1-top-pad", "-XX:+UseG1GC -Xmx1g", "inflate=40", "MALLOC_ARENA_MAX=4 MALLOC_TOP_PAD_=16777216"),
    Setting("g1-tiered-1", "-XX:+UseG1GC -Xmx256m -XX:TieredStopAtLevel=1", "threads=6"),
    Setting("g1-code-cache-33m", "-XX:+UseG1GC -Xmx256m -XX:ReservedCodeCacheSize=33m", "inflate=4"),
    Setting("g1-code-cache-777m", "-XX:+UseG1GC -Xmx4g -XX:ReservedCodeCacheSize=777m", "inflate=4"),
    Setting("g1-jemalloc", "-XX:+UseG1GC -Xmx600m", "threads=20 inflate=20", "LD_PRELOAD=libjemalloc.so.2"),
    Setting("g1-pretouch-700m", "-XX:+UseG1GC -Xmx700m -Xms700m -XX:+AlwaysPreTouch", "inflate=6"),
    Setting("g1-short-headers", "-XX:+UseG1GC -Xmx1g -XX:+UseCompactObjectHeaders", versions=range(25, 100)),
    Setting(
        "g1-own-archive",
        "-XX:+UseG1GC -Xmx500m -XX:SharedArchiveFile={archive}",
        archive="-Xshare:dump -XX:SharedArchiveFile={archive}",
        versions=range(11, 100),
    ),
    Setting(
        "g1-aot-cache",
        "-XX:+UseG1GC -Xmx500m -XX:AOTCache={archive}",
        archive="-XX:AOTCacheOutput={archive} -version",
        versions=range(25, 100),
    ),
    Setting("shenandoah-64m", "-XX:+UseShenandoahGC -Xmx64m", "threads=30"),
    Setting("shenandoah-no-xmx", "-XX:+UseShenandoahGC", "inflate=10"),
    Setting("z-16m", f"{Z} -Xmx16m", "heap=1 direct=1 garbage=4", versions=range(15, 100)),
    Setting("z-no-xmx", Z, "threads=10", versions=range(15, 100)),
    Setting("z-conc-threads-12", f"{Z} -Xmx2g -XX:ConcGCThreads=12 -XX:ParallelGCThreads=16", "garbage=900"),
    Setting("z-3g-in-tool-options", Z, "inflate=9", "JAVA_TOOL_OPTIONS=-Xmx3g", versions=range(15, 100)),
)
SETTINGS: Final = (*CHOSEN_BEFORE, *CHOSEN_AFTER, *CHOSEN_FOR_ROOTS)


def command(jdk: Jdk, setting: Setting, classes: str, program: str = "Load") -> list[str]:
    """The command line of one JVM, which runs the class of this name."""
    archive = f"{classes}/{jdk.version}-{setting.name}.cache"
    flags = ["-XX:NativeMemoryTracking=detail", *setting.flags.format(archive=archive).split()]
    started = [jdk.java, *flags, "-cp", classes, program, *setting.load.split()]
    if not setting.archive:
        return started
    first = f"{jdk.java} {setting.archive.format(archive=archive)} -cp {classes} >&2"
    return ["sh", "-c", f'{first}; exec "$@"', "sh", *started]


def environment(setting: Setting) -> dict[str, str]:
    """What is set besides the environment of this process."""
    return dict(pair.split("=", 1) for pair in setting.environment.split())


def observe(process: Started, jdk: Jdk, jcmd: str) -> tuple[dict[str, bytes], Truth, list[str]]:
    """The files of a quiet JVM, what it says of its memory, and where its two accounts of it differ."""
    ask = partial(_ask, jdk.root.command([jcmd, str(process.pid)]))
    ask("VM.version")  # the thread that serves jcmd has a stack as well: it starts now
    for _ in range(ATTEMPTS):
        capture.wait_until_quiet(process)
        before = process.read("maps")
        said = ask("VM.native_memory", "detail")
        system_map = ask("System.map") if jdk.version >= SYSTEM_MAP_SINCE else ""
        capture.stop(process)
        if process.read("maps") == before:
            break
        capture.resume(process)
    else:
        raise capture.NotStartedError("its mappings did not come to rest")
    files = capture.files_of(process)
    lines = capture.lines_of(files["maps"])
    regions = native_memory.regions(said)
    truth = Truth()
    truth.add(one for one in regions if one.kind in native_memory.OVER_FILES)
    truth.add(capture.named(lines))
    truth.add(regions)
    capture.add_native(process, lines, truth)
    files[TRACKED] = said.encode()
    return files, truth, list(native_memory.disagreements(system_map, regions))


def _ask(jcmd: list[str], *question: str) -> str:
    return subprocess.run(
        [*jcmd, *question],
        check=True,
        capture_output=True,
        text=True,
        timeout=JCMD_TIMEOUT_S,
    ).stdout
