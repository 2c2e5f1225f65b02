"""What the arguments of a JVM, and the path of its libjvm.so, say about the memory that it reserves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from procmaps.arguments import JAVA_TAKES_VALUE
from procmaps.lazy_pattern import compiled
from procmaps.rules.process import GIB, KIB, MIB

OLDEST_VERSION: Final = 6
NEWEST_VERSION: Final = 40  # larger numbers in a path are an architecture's
OBJECT_ALIGNMENT_BYTES: Final = 8
SIZE_LIMIT_DIGITS: Final = 19  # what the JVM reads into 64 bits

_VERSION = compiled(
    rb"(?:java|jdk|jre|openjdk|temurin|zulu|corretto|graalvm|sapmachine)[-_a-z]*?(?:1\.)?(\d{1,2})(?!\d)"
)
_SIZE = compiled(rb"(\d{1,%d})([kKmMgGtT]?)\Z" % SIZE_LIMIT_DIGITS)
_UNIT = {b"": 1, b"k": KIB, b"m": MIB, b"g": GIB, b"t": 2**40}
_ALIGNMENTS = (8, 16, 32, 64, 128, 256)  # that the JVM accepts
_COLLECTOR = compiled(rb"-XX:\+Use(\w+?)GC\Z")


@dataclass(frozen=True, slots=True)
class JvmArguments:
    """Sizes in bytes; 0 if the argument was not given."""

    heap_max: int = 0  # -Xmx
    heap_share: float = 25.0  # -XX:MaxRAMPercentage
    vm_stack: int = 0  # -XX:VMThreadStackSize, of the JVM's own threads
    code_cache: int = 0
    class_space: int = 0
    metaspace_max: int = 0  # -XX:MaxMetaspaceSize
    direct_max: int = 0  # -XX:MaxDirectMemorySize
    code_cache_initial: int = 0  # -XX:InitialCodeCacheSize
    heap_is_set: bool = False  # by -Xmx or as a share
    ram_max: int = 0
    generational: bool = False  # -XX:ShenandoahGCMode=generational
    known: bool = False  # an argument list was sent
    large_pages: bool = False  # huge pages asked for, transparent or not
    full_oops: bool = False  # compressed ones switched off
    alignment: int = OBJECT_ALIGNMENT_BYTES  # -XX:ObjectAlignmentInBytes
    collector: str = ""  # Serial, Parallel, G1, Z, ...; "" if the JVM chose


def read_arguments(argv: tuple[bytes, ...]) -> JvmArguments:
    """The arguments that shape the address space; the last of repeated ones counts.

    Values that the JVM does not accept are ignored: what is running was started without them.
    """
    found: dict[str, Any] = {}
    for option in _options(argv):
        field, value = _meaning(option)
        if value is not None:
            found[field] = value
    is_set = "heap_max" in found or "heap_share" in found
    return JvmArguments(known=bool(argv), heap_is_set=is_set, **found)


def version_of(path: bytes) -> int:
    """The feature release that the path of libjvm.so tells; 0 if it does not."""
    if b"/jre/lib/" in path:
        return 8
    found = (int(match[1]) for match in _VERSION.finditer(path.lower()))
    return next((number for number in found if OLDEST_VERSION <= number <= NEWEST_VERSION), 0)


def folder_of_java(path: bytes) -> bytes:
    """The folder of the JDK or JRE, with a slash at its end, that the path of libjvm.so tells."""
    return path.rpartition(b"/lib/")[0].removesuffix(b"/jre") + b"/"


def size_of(text: bytes) -> int | None:
    """A size as the JVM reads it: digits and k, m, g or t; None for 0 and for anything else."""
    match = _SIZE.match(text)
    return (int(match[1]) * _UNIT[match[2].lower()] or None) if match else None


def _options(argv: tuple[bytes, ...]) -> Iterator[bytes]:
    """The launcher's own options: those before the main class or the jar. An @file of more is not read."""
    before = b""
    for argument in argv[1:]:
        if before == b"-jar" or not (argument.startswith((b"-", b"@")) or before in JAVA_TAKES_VALUE):
            return
        yield argument
        before = argument


def _meaning(option: bytes) -> tuple[str, object]:
    """The field that an option sets, and its value; None if it sets none."""
    if option in _SWITCHES:
        return _SWITCHES[option]
    collector = _COLLECTOR.match(option)
    if collector:
        return "collector", collector[1].decode()
    if option.startswith(b"-Xmx"):
        return "heap_max", size_of(option[4:])
    name, _, value = option.partition(b"=")
    if name not in _VALUES:
        return "", None
    field, read = _VALUES[name]
    return field, read(value)


def _kib(text: bytes) -> int | None:
    size = size_of(text)
    return size * KIB if size else None


def _percentage(text: bytes) -> float | None:
    try:
        share = float(text)
    except ValueError:
        return None
    return share if 0 < share <= 100 else None


def _fraction(text: bytes) -> float | None:
    """A share as the part of memory that it is: 4 for 25 percent."""
    parts = size_of(text)
    return 100 / parts if parts else None


def _alignment(text: bytes) -> int | None:
    size = size_of(text)
    return size if size in _ALIGNMENTS else None


_SWITCHES: Final = {
    b"-XX:+UseTransparentHugePages": ("large_pages", True),
    b"-XX:+UseLargePages": ("large_pages", True),
    b"-XX:ShenandoahGCMode=generational": ("generational", True),
    b"-XX:-UseCompressedOops": ("full_oops", True),
    b"-XX:+UseCompressedOops": ("full_oops", False),
}
_VALUES: Final[dict[bytes, tuple[str, Callable[[bytes], float | None]]]] = {
    b"-XX:MaxHeapSize": ("heap_max", size_of),
    b"-XX:ReservedCodeCacheSize": ("code_cache", size_of),
    b"-XX:InitialCodeCacheSize": ("code_cache_initial", size_of),
    b"-XX:CompressedClassSpaceSize": ("class_space", size_of),
    b"-XX:MaxMetaspaceSize": ("metaspace_max", size_of),
    b"-XX:MaxDirectMemorySize": ("direct_max", size_of),
    b"-XX:MaxRAM": ("ram_max", size_of),
    b"-XX:MaxRAMPercentage": ("heap_share", _percentage),
    b"-XX:MaxRAMFraction": ("heap_share", _fraction),
    b"-XX:ObjectAlignmentInBytes": ("alignment", _alignment),
    b"-XX:VMThreadStackSize": ("vm_stack", _kib),
}
