"""The fields of /proc/PID/smaps as columns: told by name, never by position, as each kernel prints others."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from procmaps.lines import KILO_BYTES, Lines, beginning_with, numbers_after
from procmaps.tables import UNKNOWN, Addresses, Flags, Ints64

# fs/proc/task_mmu.c, show_smap_vma_flags, Linux 7.2. Later codes are ignored.
_CODES: Final = (
    "rd wr ex sh mr mw me ms gd pf gu lo io sr rr dc de lf ac nr ht sf ar wf dd bt sd mm hg nh mg um uw mt "
    "ui ss dp sl"
)
# the mask of each code
VM_FLAGS: Final[dict[str, int]] = {code: 1 << bit for bit, code in enumerate(_CODES.split())}
VM_FLAGS_LIMIT_CODES: Final = 64
_FLAGS_KEY: Final = b"VmFlags:"
_MASK_OF_PAIR = np.zeros(1 << 16, np.uint64)
for _code, _mask in VM_FLAGS.items():
    _MASK_OF_PAIR[int.from_bytes(_code.encode())] = _mask


@dataclass(frozen=True, slots=True)
class SmapsColumns:
    """One entry a mapping; UNKNOWN, and no flag, where its field did not come."""

    resident_bytes: Ints64
    pss_bytes: Ints64
    swap_bytes: Ints64
    anonymous_bytes: Ints64
    huge_bytes: Ints64  # hugetlb pages are resident, but the kernel counts them here and not in Rss
    vm_flags: Addresses

    def only(self, kept: Ints64) -> "SmapsColumns":
        """The same columns with these rows alone."""
        return SmapsColumns(
            self.resident_bytes[kept],
            self.pss_bytes[kept],
            self.swap_bytes[kept],
            self.anonymous_bytes[kept],
            self.huge_bytes[kept],
            self.vm_flags[kept],
        )


def parse(lines: Lines, is_header: Flags, fields: Ints64, mapping_rows: Ints64) -> SmapsColumns:
    """The fields in these lines, for the mappings whose header lines are `mapping_rows`, in their order.

    A field belongs to the header before it in the same file; those of unreadable headers are dropped.
    """
    mappings = len(mapping_rows)
    if not len(fields) or not mappings:
        unknown = np.full(mappings, UNKNOWN, np.int64)
        return SmapsColumns(unknown, unknown, unknown, unknown, unknown, np.zeros(mappings, np.uint64))
    owner = np.searchsorted(mapping_rows, np.arange(len(lines)), side="right") - 1
    header = np.maximum.accumulate(np.where(is_header, np.arange(len(lines)), -1))
    owned = (owner >= 0) & (header == mapping_rows[owner]) & (lines.chunk == lines.chunk[mapping_rows[owner]])
    fields = fields[owned[fields]]
    words = lines.text.word(lines.start[fields])

    def column(*keys: bytes) -> Ints64:
        sizes = np.full(mappings, UNKNOWN, np.int64)
        for key in keys:
            rows = fields[beginning_with(lines, fields, words, key)]
            kilobytes = numbers_after(lines, rows, len(key))
            known = kilobytes != UNKNOWN
            at = owner[rows[known]]
            sizes[at] = np.maximum(sizes[at], 0) + kilobytes[known] * KILO_BYTES
        return sizes

    return SmapsColumns(
        column(b"Rss:"),
        column(b"Pss:"),
        column(b"Swap:"),
        column(b"Anonymous:"),
        column(b"AnonHugePages:", b"Private_Hugetlb:", b"Shared_Hugetlb:"),
        _flags(lines, fields[beginning_with(lines, fields, words, _FLAGS_KEY)], owner, mappings),
    )


def _flags(lines: Lines, rows: Ints64, owner: Ints64, mappings: int) -> Addresses:
    """The two-letter codes of these lines as one word of bits a mapping."""
    flags = np.zeros(mappings, np.uint64)
    at, end = lines.start[rows] + len(_FLAGS_KEY) + 1, lines.end[rows]
    mapping = owner[rows]
    characters = lines.text.characters
    for _ in range(VM_FLAGS_LIMIT_CODES):
        more = np.flatnonzero(at + 2 <= end)
        if not len(more):
            break
        at, end, mapping = at[more], end[more], mapping[more]
        pair = characters[at].astype(np.uint16) << 8 | characters[at + 1]
        flags[mapping] |= _MASK_OF_PAIR[pair]
        at = at + 3
    return flags
