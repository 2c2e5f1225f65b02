"""A HotSpot JVM: what its arguments and its path say about the memory it reserves."""

import re
from dataclasses import dataclass, field
from typing import Final

KIB: Final = 2**10
MIB: Final = 2**20
GIB: Final = 2**30
OLDEST_VERSION: Final = 6
NEWEST_VERSION: Final = 40  # larger numbers in a path are an architecture's
LOW_BYTES: Final = 16 * 2**40  # compressed oops, class space and ZGC lie below this; the mmap area does not
COMPRESSED_OOPS_BYTES: Final = 2**46  # heaps above this address are those of the mmap area
CANDIDATE_LIMIT_COUNT: Final = 512  # of mappings that could begin or end something: a JVM has tens
CLASS_SPACE_BYTES: Final = GIB
OBJECT_ALIGNMENT_BYTES: Final = 8
CODE_CACHE_BYTES: Final = (240 * MIB, 245764 * KIB, 48 * MIB, 64 * MIB, 128 * MIB, 256 * MIB)

_VERSION = re.compile(
    rb"(?:java|jdk|jre|openjdk|temurin|zulu|corretto|graalvm|sapmachine)[-_a-z]*?(?:1\.)?(\d{1,2})(?!\d)"
)
_SIZE = re.compile(rb"^(\d+)([kKmMgGtT]?)$")
_ALIGNMENTS = (8, 16, 32, 64, 128, 256)  # that the JVM accepts
_UNIT = {b"": 1, b"k": KIB, b"m": MIB, b"g": GIB, b"t": 2**40}


@dataclass(frozen=True, slots=True)
class JvmArguments:
    """Sizes in bytes; 0 where the argument was not given."""

    heap_max: int = 0
    heap_share: float = 25.0  # -XX:MaxRAMPercentage
    stack: int = 0
    vm_stack: int = 0  # -XX:VMThreadStackSize, of the JVM's own threads
    code_cache: int = 0
    class_space: int = 0
    ram_max: int = 0
    generational: bool = False  # -XX:ShenandoahGCMode=generational
    known: bool = False  # an argument list was sent
    large_pages: bool = False  # huge pages asked for, transparent or not
    full_oops: bool = False  # compressed ones switched off
    alignment: int = OBJECT_ALIGNMENT_BYTES  # -XX:ObjectAlignmentInBytes
    collector: str = ""  # Serial, Parallel, G1, Z, ...; "" where the JVM chose


@dataclass(slots=True)
class Jvm:
    """One JVM of the host; the heap is filled in by the rule that finds it."""

    process: int
    version: int  # feature release; 0 where the path does not tell
    arguments: JvmArguments
    heap: tuple[int, int] = (0, 0)
    runs: list[tuple[int, int, bool]] = field(default_factory=list)  # the heap's: start, end, whether closed
    mark_stack: bool = False  # found as a mapping of its own
    tables: set[int] = field(default_factory=set)  # sizes of whole tables that were found
    scales: set[int] = field(default_factory=set)  # at which images of the heap were found
    code_segments: list[tuple[int, int]] = field(default_factory=list)  # reserved and committed bytes of each

    @property
    def before_9(self) -> bool:
        """Known to be JDK 8 or older."""
        return 0 < self.version < 9


def size_of(text: bytes) -> int:
    """A size as the JVM reads it: digits and k, m, g or t; 0 for anything else."""
    match = _SIZE.match(text)
    return int(match[1]) * _UNIT[match[2].lower()] if match and len(match[1]) < 20 else 0


_SIZES = {
    b"MaxHeapSize": "heap_max",
    b"ReservedCodeCacheSize": "code_cache",
    b"CompressedClassSpaceSize": "class_space",
    b"MaxRAM": "ram_max",
    b"ObjectAlignmentInBytes": "alignment",
}
_SWITCHES = {
    b"-XX:+UseTransparentHugePages": ("large_pages", True),
    b"-XX:+UseLargePages": ("large_pages", True),
    b"-XX:ShenandoahGCMode=generational": ("generational", True),
    b"-XX:-UseCompressedOops": ("full_oops", True),
    b"-XX:+UseCompressedOops": ("full_oops", False),
}
_COLLECTOR = re.compile(rb"^-XX:\+Use(\w+?)GC$")


def read_arguments(argv: tuple[bytes, ...]) -> JvmArguments:
    """The arguments that shape the address space; where one is repeated the last counts."""
    sizes = dict.fromkeys((*_SIZES.values(), "stack", "vm_stack"), 0)
    share, collector = 25.0, ""
    switched: dict[str, bool] = {}
    for argument in _options(argv):
        chosen = _COLLECTOR.match(argument)
        name, _, value = argument[4:].partition(b"=")
        if argument.startswith(b"-Xmx"):
            sizes["heap_max"] = size_of(argument[4:]) or sizes["heap_max"]
        elif argument.startswith(b"-Xss"):
            sizes["stack"] = size_of(argument[4:]) or sizes["stack"]
        elif chosen:
            collector = chosen[1].decode()
        elif argument in _SWITCHES:
            switched.update([_SWITCHES[argument]])
        elif name in _SIZES:
            sizes[_SIZES[name]] = size_of(value) or sizes[_SIZES[name]]
        elif name == b"ThreadStackSize":
            sizes["stack"] = size_of(value) * KIB or sizes["stack"]
        elif name == b"VMThreadStackSize":
            sizes["vm_stack"] = size_of(value) * KIB or sizes["vm_stack"]
        elif name in {b"MaxRAMPercentage", b"MaxRAMFraction"}:
            share = _share(name, value, share)
    sizes["alignment"] = sizes["alignment"] if sizes["alignment"] in _ALIGNMENTS else OBJECT_ALIGNMENT_BYTES
    return JvmArguments(
        known=bool(argv),
        heap_share=share,
        collector=collector,
        generational=switched.get("generational", False),
        large_pages=switched.get("large_pages", False),
        full_oops=switched.get("full_oops", False),
        **sizes,
    )


def _options(argv: tuple[bytes, ...]) -> list[bytes]:
    """The launcher's own options: those before the program's."""
    for position, argument in enumerate(argv[1:], 1):
        before = argv[position - 1]
        if before == b"-jar" or (not argument.startswith((b"-", b"@")) and before not in _TAKES_A_VALUE):
            return list(argv[1:position])
    return list(argv[1:])


_TAKES_A_VALUE = (
    *(
        b"-cp",
        b"-classpath",
        b"--class-path",
        b"-p",
        b"--module-path",
        b"--upgrade-module-path",
        b"--add-modules",
    ),
    *(
        b"--enable-native-access",
        b"--add-opens",
        b"--add-exports",
        b"--add-reads",
        b"--patch-module",
        b"-d",
        b"--limit-modules",
    ),
)


def _share(name: bytes, value: bytes, otherwise: float) -> float:
    try:
        share = float(value)
    except ValueError:
        return otherwise
    share = 100 / share if name == b"MaxRAMFraction" and share > 0 else share
    return share if 0 < share <= 100 else otherwise


def version_of(path: bytes) -> int:
    """The feature release that the path of libjvm.so tells; 0 where it does not."""
    if b"/jre/lib/" in path:
        return 8
    found = (int(match[1]) for match in _VERSION.finditer(path.lower()))
    return next((number for number in found if OLDEST_VERSION <= number <= NEWEST_VERSION), 0)
