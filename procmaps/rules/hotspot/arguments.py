"""What the arguments of a JVM, and the path of its libjvm.so, say about the memory that it reserves."""

import re
from dataclasses import dataclass
from typing import Final

from procmaps.rules.process import GIB, KIB, MIB

OLDEST_VERSION: Final = 6
NEWEST_VERSION: Final = 40  # larger numbers in a path are an architecture's
OBJECT_ALIGNMENT_BYTES: Final = 8

_VERSION = re.compile(
    rb"(?:java|jdk|jre|openjdk|temurin|zulu|corretto|graalvm|sapmachine)[-_a-z]*?(?:1\.)?(\d{1,2})(?!\d)"
)
_SIZE = re.compile(rb"^(\d+)([kKmMgGtT]?)$")
_ALIGNMENTS = (8, 16, 32, 64, 128, 256)  # that the JVM accepts
_UNIT = {b"": 1, b"k": KIB, b"m": MIB, b"g": GIB, b"t": 2**40}


@dataclass(frozen=True, slots=True)
class JvmArguments:
    """Sizes in bytes; 0 if the argument was not given."""

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
    collector: str = ""  # Serial, Parallel, G1, Z, ...; "" if the JVM chose


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
    """The arguments that shape the address space; the last of repeated ones counts."""
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
    """The feature release that the path of libjvm.so tells; 0 if it does not."""
    if b"/jre/lib/" in path:
        return 8
    found = (int(match[1]) for match in _VERSION.finditer(path.lower()))
    return next((number for number in found if OLDEST_VERSION <= number <= NEWEST_VERSION), 0)
