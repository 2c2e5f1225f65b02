"""Files that are not what their names say at first: huge pages, private memfds, names like the kernel's.

What decides is more than the first bytes of a name: access, alignment, device, or a flag of smaps.
"""

import re
from typing import Final

import numpy as np

from procmaps.lazy_pattern import compiled
from procmaps.rules.groups import among
from procmaps.rules.kernel_names import FILE_OF_PERMS, Name
from procmaps.rules.marks import distinct_files
from procmaps.rules.regions import is_multiple
from procmaps.smaps import VM_FLAGS
from procmaps.tables import EXECUTE, SHARED, UNKNOWN, WRITE, Bytes8, Flags, Ints64, MapTable, Snapshot, which

HUGE_PAGE_BYTES: Final = 2 * 2**20  # the smallest on x86-64, and by default on aarch64
WRITTEN_SHARE: Final = 16  # with less written, it is the file that the program wants
DEVICE_SHIFT: Final = 32  # the major number, 0 for file systems without a disk, is above it
# mount points and files of hugetlbfs as libvirt, DPDK, SPDK and libhugetlbfs name them
_HUGE: Final = compiled(rb"(?i)/[^/]*huge[^/]*/.|/(?:rtemap_|spdk_pid\d+map_|libhugetlbfs\.tmp\.)[^/]*$")
# fs/hugetlbfs, ipc/shm.c, drivers/dma-buf, drivers/gpu: the names that the kernel gives, as a whole
_KERNEL_S: Final = compiled(
    rb"/SYSV[0-9a-f]{8}(?: \(deleted\))?|/anon_hugepage(?: \(deleted\))?|/dmabuf:.*|/i915(?: \(deleted\))?"
    rb"|/drm mm object(?: \(deleted\))?|/memfd:.*|/dev/.*|anon_inode.*|socket:.*",
    re.DOTALL,
)
_KERNEL_S_CODES: Final = (int(Name.SHM), int(Name.DEVICE), int(Name.HUGE))


def correct_codes(snapshot: Snapshot, code: Bytes8, smaps: Flags) -> None:
    """Correct the Names of such files in place; `smaps` says of which processes flags may be used."""
    maps = snapshot.maps
    _ordinary_files(maps, code)
    _private_memfds(maps, code, smaps, snapshot.processes.rss_shmem_bytes)
    _huge_pages(maps, code, smaps)


def _ordinary_files(maps: MapTable, code: Bytes8) -> None:
    """Files of a root directory whose names only begin as those of the kernel do."""
    rows = which(among(code, _KERNEL_S_CODES) & (maps.inode != 0))
    if not len(rows):
        return
    first, inverse = distinct_files(maps, rows)
    own = [_KERNEL_S.fullmatch(maps.name(row)) is not None for row in rows[first].tolist()]
    others = rows[~np.array(own, np.bool_)[inverse]]
    code[others] = FILE_OF_PERMS[maps.perms[others]]


def _private_memfds(maps: MapTable, code: Bytes8, smaps: Flags, rss_shmem: Ints64) -> None:
    """What is written to a private mapping of a memfd is anonymous, unless the memfd is a loaded object.

    With smaps it is known; without, the process has too little shared memory resident for it to be that.
    """
    private = maps.perms & (WRITE | SHARED | EXECUTE) == WRITE
    rows = which((code == int(Name.SHM)) & private)
    if not len(rows):
        return
    process, resident = maps.process[rows], maps.resident_bytes[rows]
    size = (maps.end[rows] - maps.start[rows]).astype(np.int64)
    shared = rss_shmem[process]
    written = np.where(
        smaps[process],
        (maps.anonymous_bytes[rows] * 2 > resident) & (maps.anonymous_bytes[rows] * WRITTEN_SHARE >= size),
        (shared != UNKNOWN) & (shared * 2 < size),
    )
    loaded = set(maps.inode[(code == int(Name.SHM)) & (maps.perms & EXECUTE != 0)].tolist())
    for row in rows[written].tolist():
        if maps.name(row).startswith(b"/memfd:") and int(maps.inode[row]) not in loaded:
            code[row] = int(Name.PRIVATE_MEMFD)


def _huge_pages(maps: MapTable, code: Bytes8, smaps: Flags) -> None:
    """Files of hugetlbfs, wherever it is mounted: by the flag ht, and without smaps by name and alignment."""
    is_file = (code >= int(Name.FILE_CODE)) & (code <= int(Name.FILE_DATA))
    known = smaps[maps.process]
    flagged = maps.vm_flags & VM_FLAGS["ht"] != 0
    candidate = maps.perms & WRITE != 0
    candidate &= is_multiple((maps.start | maps.end).astype("i8"), HUGE_PAGE_BYTES)
    candidate &= maps.device >> DEVICE_SHIFT == 0
    found = is_file & known & flagged
    for row in which(is_file & ~known & candidate).tolist():
        found[row] = _HUGE.search(maps.name(row)) is not None
    shared = maps.perms & SHARED != 0
    code[found & shared] = int(Name.SHM)
    code[found & ~shared] = int(Name.HUGE)
