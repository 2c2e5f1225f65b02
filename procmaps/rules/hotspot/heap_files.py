"""Java heaps in files: -XX:AllocateHeapAt, and ZGC where the kernel has no memfd.

The JVM opens a file without a name (O_TMPFILE), which the kernel shows as #INODE. Where the file system has
no such files, the JVM deletes the file that it made: jvmheap.XXXXXX (OpenJDK, os/posix/os_posix.cpp:
create_file_for_heap), or java_heap.PID (os/linux/gc/z/zPhysicalMemoryBacking_linux.cpp: create_file_fd).
"""

from collections.abc import Sequence
from typing import Final

from procmaps.lazy_pattern import compiled
from procmaps.rules.hotspot.jvm import LOW_BYTES
from procmaps.rules.kernel_names import Name
from procmaps.tables import EXECUTE, READ, SHARED, WRITE, Bytes8, Flags, MapTable, which

ZGC_LOW_BYTES: Final = 4 * 2**40  # ZGC reserves addresses from here on
ZGC_HIGH_BYTES: Final = 32 * 2**40
_NAMED: Final = compiled(rb"/(?:jvmheap\.[A-Za-z0-9]{6}|java_heap\.\d+) \(deleted\)\Z")
_UNNAMED: Final = compiled(rb"/#\d+ \(deleted\)\Z")
_AT: Final = (b"-XX:AllocateHeapAt=", b"-XX:AllocateOldGenAt=")


def mark_heap_files(maps: MapTable, argv: Sequence[tuple[bytes, ...]], code: Bytes8, in_jvm: Flags) -> None:
    """Give Java heaps in files the code JAVA_HEAP; `in_jvm` says which processes map libjvm.so.

    A file without a name is one where mmap puts nothing by itself, or if the arguments say that there is one.
    """
    shared = maps.perms & (READ | WRITE | EXECUTE | SHARED) == READ | WRITE | SHARED
    shared &= (code == int(Name.FILE_DATA)) | (code == int(Name.SHM))
    for row in which(shared & in_jvm[maps.process]).tolist():
        name = maps.name(row)
        if _NAMED.search(name) or (_UNNAMED.search(name) and _is_heap(maps, argv, row)):
            code[row] = int(Name.JAVA_HEAP)


def _is_heap(maps: MapTable, argv: Sequence[tuple[bytes, ...]], row: int) -> bool:
    start = int(maps.start[row])
    asked = any(argument.startswith(_AT) for argument in argv[int(maps.process[row])])
    return asked or start < LOW_BYTES or ZGC_LOW_BYTES <= start < ZGC_HIGH_BYTES
