"""The fields of /proc/PID/smaps as columns, by name and not by position, because kernels differ."""

from typing import Final, NamedTuple

import numpy as np

from procmaps.lines import Lines, beginning_with, sizes_after
from procmaps.tables import UNKNOWN, Addresses, Flags, Ints64, which

# fs/proc/task_mmu.c, show_smap_vma_flags, Linux 7.2. Later codes are ignored.
_CODES: Final = (
    "rd wr ex sh mr mw me ms gd pf gu lo io sr rr dc de lf ac nr ht sf ar wf dd bt sd mm hg nh mg um uw mt "
    "ui ss dp sl"
)
# the mask of each code
VM_FLAGS: Final[dict[str, int]] = {code: 1 << bit for bit, code in enumerate(_CODES.split())}
VM_FLAGS_LIMIT_CODES: Final = 64
LAZY_LIMIT_BYTES: Final = 2**38  # of one mapping; of 20 million the sum stays within 64 bits
_FLAGS_KEY: Final = b"VmFlags:"
_LAZY_KEY: Final = b"LazyFree:"
_HUGETLB_KEYS: Final = (b"Private_Hugetlb:", b"Shared_Hugetlb:")
_MASK_OF_PAIR = np.zeros(1 << 16, np.uint64)
for _code, _mask in VM_FLAGS.items():
    _MASK_OF_PAIR[int.from_bytes(_code.encode())] = _mask


class SmapsColumns(NamedTuple):
    """One entry per mapping; UNKNOWN, or no flags, if its field did not come."""

    resident_bytes: Ints64
    pss_bytes: Ints64
    swap_bytes: Ints64
    anonymous_bytes: Ints64
    huge_bytes: Ints64  # hugetlb pages are resident, but the kernel does not count them in Rss
    vm_flags: Addresses

    def only(self, kept: Ints64) -> "SmapsColumns":
        """The columns with only these rows."""
        return SmapsColumns._make(column[kept] for column in self)


def parse(lines: Lines, header_rows: Ints64, mapping_rows: Ints64, walked: Flags) -> SmapsColumns:
    """The fields of the mappings whose header lines are `mapping_rows`, in their order.

    `header_rows` are all lines that look like a header: fields belong to the last one before them in the same
    file, and those of a header that could not be read are dropped. `walked` says which files are smaps.
    """
    mappings = len(mapping_rows)
    if not walked.any() or not mappings:
        unknown = np.full(mappings, UNKNOWN, np.int64)
        return SmapsColumns(unknown, unknown, unknown, unknown, unknown, np.zeros(mappings, np.uint64))

    def found(key: bytes) -> tuple[Ints64, Ints64]:
        """The lines of a key, and the mappings that they belong to."""
        rows = beginning_with(lines, key)
        owner = _owners(lines, header_rows, mapping_rows, rows)
        kept = (owner >= 0) & walked[lines.file[rows]]
        return (rows, owner) if kept.all() else (rows[kept], owner[kept])

    def column(*keys: bytes) -> Ints64:
        sizes = np.full(mappings, UNKNOWN, np.int64)
        for key in keys:
            rows, owner = found(key)
            size = sizes_after(lines, rows, len(key))
            known = which(size != UNKNOWN)
            at = owner[known]
            sizes[at] = np.maximum(sizes[at], 0) + size[known]
        return sizes

    flags = _flags(lines, *found(_FLAGS_KEY), mappings)
    # without a hugetlb mapping all say 0
    hugetlb = _HUGETLB_KEYS if (flags & np.uint64(VM_FLAGS["ht"])).any() else ()
    return SmapsColumns(
        column(b"Rss:"),
        column(b"Pss:"),
        column(b"Swap:"),
        column(b"Anonymous:"),
        column(b"AnonHugePages:", *hugetlb),
        flags,
    )


def lazily_freed(lines: Lines, walked: Flags) -> Ints64:
    """LazyFree of each file in bytes; UNKNOWN where no mapping has the field (before Linux 4.12)."""
    found = np.full(len(walked), UNKNOWN, np.int64)
    if walked.any():
        rows = beginning_with(lines, _LAZY_KEY)
        rows = rows[walked[lines.file[rows]]]
        found[lines.file[rows]] = 0
        sizes = sizes_after(lines, rows, len(_LAZY_KEY))
        np.add.at(found, lines.file[rows], sizes.clip(0, LAZY_LIMIT_BYTES))
    return found


def _owners(lines: Lines, header_rows: Ints64, mapping_rows: Ints64, rows: Ints64) -> Ints64:
    """The mapping, as an index in `mapping_rows`, that each of these lines belongs to; -1 for none."""
    if len(rows) == len(mapping_rows) == len(header_rows):
        # usually each mapping has the key exactly once
        behind = rows > mapping_rows
        if behind.all() and (rows[:-1] < mapping_rows[1:]).all():
            return np.where(lines.file[rows] == lines.file[mapping_rows], np.arange(len(rows)), -1)
    last_header = np.append(header_rows, -1)[header_rows.searchsorted(rows) - 1]
    owner = mapping_rows.searchsorted(last_header)
    owner[owner == len(mapping_rows)] = 0
    owned = (mapping_rows[owner] == last_header) & (lines.file[rows] == lines.file[last_header])
    return np.where(owned, owner, -1)


def _flags(lines: Lines, rows: Ints64, mapping: Ints64, mappings: int) -> Addresses:
    """The two-letter codes of these lines as one word of bits a mapping."""
    flags = np.zeros(mappings, np.uint64)
    at, end = lines.start[rows] + len(_FLAGS_KEY) + 1, lines.end[rows]
    characters = lines.text.characters
    for _ in range(VM_FLAGS_LIMIT_CODES):
        more = which(at + 2 <= end)
        if not len(more):
            break
        at, end, mapping = at[more], end[more], mapping[more]
        pair = characters[at].astype(np.uint16) << 8 | characters[at + 1]
        flags[mapping] |= _MASK_OF_PAIR[pair]
        at = at + 3
    return flags
