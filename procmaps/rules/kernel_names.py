"""Names of mappings as the kernel prints them, read into codes, one code a mapping.

A name is that of a file, of something that only looks like a file (memfd, device), one of the kernel's own
([heap]), or one that a program has given to anonymous memory ([anon:...]). procmaps.rules.name_rules says
which rule a code settles.
"""

from enum import IntEnum

import numpy as np

from procmaps.rules.groups import among
from procmaps.tables import EXECUTE, SHARED, WRITE, Addresses, Bytes8, Flags, Ints64, MapTable, which


class Name(IntEnum):
    """What a mapping's name says. After the codes in OPEN_CODES labellers must tell whose memory it is."""

    ANONYMOUS = 0
    ANON_OTHER = 1  # [anon:...] of an unknown owner
    HUGE = 2  # /anon_hugepage (deleted), private
    JSA = 3  # a class data archive of a JVM, which can lie inside its heap
    JAVA_HEAP = 4  # ZGC's memfd, and heaps of any collector in files
    FILE_CODE = 5
    FILE_RODATA = 6
    FILE_DATA = 7
    SHM = 8
    DEVICE = 9
    ZERO = 10  # /dev/zero mapped privately: anonymous memory
    HEAP = 11
    STACK = 12
    THREAD_STACK = 13  # [stack:TID], Linux 3.4 to 4.4
    SYSTEM = 14
    DOTNET_CODE = 15
    BEAM_JIT = 16
    ANON_SHMEM = 17
    GLIBC_ARENA = 18
    GLIBC_MALLOC = 19
    GLIBC_STACK = 20
    GLIBC_LOADER = 21
    GLIBC_BSS = 22
    GLIBC_RANDOM = 23
    GO_HEAP = 24
    GO_RUNTIME = 25
    ALLOCATOR = 26
    V8 = 27
    PYTHON = 28
    DOTNET = 29
    ZEND = 30
    BIONIC_STACK = 31
    BIONIC_BSS = 32
    PRIVATE_MEMFD = 33  # of which written pages are anonymous memory


OPEN_CODES = (Name.ANONYMOUS, Name.ANON_OTHER, Name.HUGE, Name.JSA, Name.JAVA_HEAP)

FILE_OF_PERMS = np.array(
    [
        Name.FILE_CODE if perms & EXECUTE else Name.FILE_DATA if perms & WRITE else Name.FILE_RODATA
        for perms in range(16)
    ],
    np.uint8,
)

# first bytes of names that no ordinary file has, the more special ones later; eight bytes at most count
_PATHS: tuple[tuple[bytes, Name], ...] = (
    (b"/memfd:", Name.SHM),
    (b"/SYSV", Name.SHM),
    (b"/dev/", Name.DEVICE),
    (b"/dev/shm", Name.SHM),
    (b"/dev/zer", Name.SHM),
    (b"/dev/hug", Name.SHM),
    (b"/anon_hu", Name.SHM),
    (b"/dmabuf", Name.DEVICE),
    (b"/drm mm", Name.DEVICE),
    (b"/i915", Name.DEVICE),
    (b"anon_ino", Name.DEVICE),
    (b"socket:[", Name.DEVICE),
    (b"/[aio]", Name.SYSTEM),
    (b"[heap]", Name.HEAP),
    (b"[stack]", Name.STACK),
    (b"[stack:", Name.THREAD_STACK),
    (b"[anon:", Name.ANON_OTHER),
    (b"[anon_sh", Name.ANON_SHMEM),
)

# what follows "[anon:"; the first entry that matches counts, so a longer one stands before its beginning
_ANON: tuple[tuple[bytes, Name], ...] = (
    (b" glibc: malloc arena", Name.GLIBC_ARENA),
    (b" glibc: malloc", Name.GLIBC_MALLOC),
    (b" glibc: pthread", Name.GLIBC_STACK),
    (b" glibc: unused stack", Name.GLIBC_STACK),
    (b" glibc: loader", Name.GLIBC_LOADER),
    (b" glibc: .bss", Name.GLIBC_BSS),
    (b" glibc: getrandom", Name.GLIBC_RANDOM),
    (b" Go: heap index", Name.GO_RUNTIME),
    (b" Go: heap", Name.GO_HEAP),
    (b" Go:", Name.GO_RUNTIME),
    (b"libc_malloc", Name.ALLOCATOR),
    (b"scudo:", Name.ALLOCATOR),
    (b"GWP-ASan", Name.ALLOCATOR),
    (b"jemalloc", Name.ALLOCATOR),
    (b"tcmalloc", Name.ALLOCATOR),
    (b"mimalloc", Name.ALLOCATOR),
    (b"snmalloc", Name.ALLOCATOR),
    (b"partition_alloc", Name.ALLOCATOR),
    (b"absl", Name.ALLOCATOR),
    (b"v8", Name.V8),
    (b"cpython:", Name.PYTHON),
    (b"doublemapper", Name.DOTNET_CODE),
    (b"dotnet", Name.DOTNET),
    (b"zend_alloc", Name.ZEND),
    (b"stack_and_tls", Name.BIONIC_STACK),
    (b"thread stack", Name.BIONIC_STACK),
    (b".bss", Name.BIONIC_BSS),
)
_MEMFDS: tuple[tuple[bytes, Name], ...] = (
    (b"/memfd:java_heap", Name.JAVA_HEAP),
    (b"/memfd:doublemapper", Name.DOTNET_CODE),
    (b"/memfd:vmem", Name.BEAM_JIT),
)
# _PATHS as numbers: a mask over the first eight bytes of a name, and what they must be
_PATH_WORDS = tuple(
    (
        np.uint64((1 << 8 * len(prefix)) - 1),
        np.uint64(int.from_bytes(prefix, "little")),
        int(name),
    )
    for prefix, name in _PATHS
)
# whether a name that begins with these two bytes must be looked at further; few ordinary files' do
_MAY_BE_SPECIAL = np.zeros(2**16, np.bool_)
_MAY_BE_SPECIAL[[int.from_bytes(prefix[:2], "little") for prefix, _ in _PATHS]] = True
_MAY_BE_SPECIAL[ord("[") :: 2**8] = True
_ANON_PREFIX_BYTES = 24
WORD_BYTES = 8


def read_codes(maps: MapTable) -> Bytes8:
    """The Name of each mapping; archives of classes are told apart later, in JVMs alone (mark_archives)."""
    is_path = maps.inode != 0
    code = np.where(is_path, FILE_OF_PERMS[maps.perms], np.uint8(Name.ANONYMOUS))
    named = maps.name_end > maps.name_start
    first = _first_of_run(maps, is_path)
    heads = which(first & named)
    special = _special(maps, heads)
    hit = which(special)
    begin = heads[hit]
    runs = np.append(which(first), len(first))
    length = runs[runs.searchsorted(begin, "right")] - begin
    upto = length.cumsum()
    code[np.repeat(begin - upto + length, length) + np.arange(length.sum())] = special[hit].repeat(length)
    return code


def mark_archives(maps: MapTable, code: Bytes8, in_jvm: Flags) -> None:
    """Give class data archives the code JSA, in the processes that map libjvm.so.

    They are named *.jsa, unless -XX:SharedArchiveFile or -XX:AOTCache names another file: that is then a file
    whose first mapping is private and writable, and of which no mapping is executable. Libraries are.
    """
    plain = (code >= int(Name.FILE_CODE)) & (code <= int(Name.FILE_DATA))
    rows = which(plain & in_jvm[maps.process] & (maps.name_end - maps.name_start > 4))
    if len(rows):
        text = np.frombuffer(maps.text, np.uint8)
        tail = text[maps.name_end[rows][:, None] - np.arange(4, 0, -1)]
        found = (tail == np.frombuffer(b".jsa", np.uint8)).all(axis=1)
        inode, perms = maps.inode[rows], maps.perms[rows]
        # the writable data of a library are not its first mapping
        first = np.concatenate(([True], inode[1:] != inode[:-1])) & (inode != 0)
        written = set(inode[first & ~found & (perms & (WRITE | SHARED) == WRITE)].tolist())
        if written:
            written -= set(inode[perms & (EXECUTE | WRITE) == EXECUTE].tolist())
            found |= among(inode, written)
        code[rows[found]] = int(Name.JSA)


def _first_of_run(maps: MapTable, is_path: Flags) -> Flags:
    """Mappings that are of another file than the mapping before them, or of none."""
    first = np.ones(len(maps), np.bool_)
    same = maps.inode[1:] == maps.inode[:-1]
    same &= maps.device[1:] == maps.device[:-1]
    same &= maps.process[1:] == maps.process[:-1]
    # private and shared mappings of one file may differ in role: /dev/zero, hugetlb
    same &= (maps.perms[1:] ^ maps.perms[:-1]) & SHARED == 0
    # SysV segments, memfds and shared anonymous memory have inode numbers of their own, which can be equal
    same &= (maps.name_end[1:] - maps.name_start[1:]) == (maps.name_end[:-1] - maps.name_start[:-1])
    first[1:] = ~(same & is_path[1:])
    return first


def _first_words(maps: MapTable, rows: Ints64) -> Addresses:
    """The first eight bytes of names as numbers, zero beyond the name's end."""
    # a view with one 8-byte word per byte of the text, overlapping: one gather instead of eight
    words = np.ndarray((len(maps.text) - WORD_BYTES + 1,), "<u8", maps.text, strides=(1,))
    position = maps.name_start[rows]
    read_at = np.minimum(position, len(words) - 1)
    length = np.minimum(maps.name_end[rows] - position, WORD_BYTES).astype(np.uint64)
    before = (position - read_at).astype(np.uint64) * np.uint64(8)
    beyond = np.uint64(64) - length * np.uint64(8)
    word: Addresses = words[read_at] >> before << beyond >> beyond
    return word


def _prefixes(maps: MapTable, rows: Ints64, width: int, skip: int = 0) -> Bytes8:
    """The first bytes of names, zero beyond the name's end: an array of len(rows) x width."""
    text = np.frombuffer(maps.text, np.uint8)
    column = np.arange(skip, skip + width)
    position = maps.name_start[rows][:, None] + column
    inside = position < maps.name_end[rows][:, None]
    return np.where(inside, text[np.minimum(position, len(text) - 1)], np.uint8(0))


def _special(maps: MapTable, rows: Ints64) -> Bytes8:
    """Name codes of everything but ordinary files, for which it is ANONYMOUS (0)."""
    found = np.zeros(len(rows), np.uint8)
    if len(maps.text) < WORD_BYTES:
        return found
    heads = np.ndarray((len(maps.text) - 1,), "<u2", maps.text, strides=(1,))
    odd = which(_MAY_BE_SPECIAL[heads[np.minimum(maps.name_start[rows], len(heads) - 1)]])
    if not len(odd):
        return found
    rows = rows[odd]
    key = _first_words(maps, rows)
    code = np.zeros(len(rows), np.uint8)
    # the kernel's own names, unless an entry below matches; a path begins with a slash
    code[key & np.uint64(0xFF) == ord("[")] = int(Name.SYSTEM)
    for mask, word, name in _PATH_WORDS:
        code[(key & mask) == word] = name
    private = maps.perms[rows] & SHARED == 0
    code[(key == _key(b"/dev/zer")) & private] = int(Name.ZERO)
    code[(key == _key(b"/anon_hu")) & private] = int(Name.HUGE)
    _refine(maps, rows, code, which(code == int(Name.ANON_OTHER)), _ANON)
    memfds = which((key & np.uint64((1 << 56) - 1)) == _key(b"/memfd:"))
    _refine(maps, rows, code, memfds, _MEMFDS)
    found[odd] = code
    return found


def _refine(
    maps: MapTable, rows: Ints64, code: Bytes8, chosen: Ints64, table: tuple[tuple[bytes, Name], ...]
) -> None:
    """Set `code[chosen]` by the first entry of `table` with which the name begins, if there is one."""
    if not len(chosen):
        return
    skip = len(b"[anon:") if table is _ANON else 0
    text = np.ascontiguousarray(_prefixes(maps, rows[chosen], _ANON_PREFIX_BYTES, skip))
    distinct, inverse = np.unique(text.view(f"V{_ANON_PREFIX_BYTES}").reshape(-1), return_inverse=True)
    found = [
        next((name for prefix, name in table if entry.tobytes().startswith(prefix)), None)
        for entry in distinct
    ]
    for position, name in enumerate(found):
        if name is not None:
            code[chosen[inverse == position]] = int(name)


def _key(prefix: bytes) -> np.uint64:
    return np.uint64(int.from_bytes(prefix, "little"))
