"""Footprints: the parts of each process summed by kind, and for some kinds by block size."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from procmaps.kinds import FAMILY_OF, Family, Kind
from procmaps.tables import (
    EXECUTE,
    READ,
    UNKNOWN,
    UNLIMITED,
    WRITE,
    Evidence,
    Flags,
    FootprintTable,
    Ints64,
    PartTable,
    Snapshot,
    which,
)

_BY_BLOCK: Final = (
    *(Kind.THREAD_STACK, Kind.HEAP_ARENA, Kind.ANONYMOUS),
    *(kind for kind, family in FAMILY_OF.items() if family is Family.JAVA),
)
BLOCK_SIZE_TOLD = np.isin(np.arange(len(Kind)), _BY_BLOCK)  # by Kind: blocks of equal size have their own row


def footprints(snapshot: Snapshot, parts: PartTable) -> FootprintTable:
    """One row per process, kind and block size: by process row, then kind, then the largest blocks first."""
    maps = snapshot.maps
    process = maps.process[parts.mapping].astype(np.int64)
    size = (parts.end - parts.start).astype(np.int64)
    block_bytes = np.where(BLOCK_SIZE_TOLD[parts.kind], _block_bytes(parts, size), 0)
    order, first = _groups(process * len(Kind) + parts.kind, block_bytes)

    def total(column: Ints64) -> Ints64:
        return np.add.reduceat(column[order], first)

    def known_total(column: Ints64) -> Ints64:
        """The sum of a column of smaps; UNKNOWN if it is unknown for a part."""
        if not walked.any():
            return np.full(len(first), UNKNOWN, np.int64)
        known = np.minimum.reduceat(column[order], first) != UNKNOWN
        return np.where(known, total(column), UNKNOWN)

    walked = snapshot.processes.evidence == int(Evidence.SMAPS)
    head = order[first]
    accessible = (maps.perms[parts.mapping] & (READ | WRITE | EXECUTE)) != 0
    anonymous = is_anonymous(snapshot, parts, np.arange(len(parts)))
    committed = np.where(accessible, size, 0)
    resident = known_total(parts.resident_bytes)
    bound = resident_bound(
        snapshot, process[head], total(np.where(anonymous, committed, 0)), total(committed)
    )
    return FootprintTable(
        process=process[head].astype(np.int32),
        kind=parts.kind[head],
        block_bytes=block_bytes[head],
        count=total((parts.block == np.arange(len(parts))).astype(np.int64)),
        reserved_bytes=total(size),
        committed_bytes=total(committed),
        resident_bytes=resident,
        resident_max_bytes=np.where(resident == UNKNOWN, bound, resident),
        pss_bytes=known_total(parts.pss_bytes),
        swap_bytes=known_total(parts.swap_bytes),
    )


def _block_bytes(parts: PartTable, size: Ints64) -> Ints64:
    """The size of the block that each part belongs to."""
    of_block = np.zeros(len(parts), np.int64)
    np.add.at(of_block, parts.block, size)
    return of_block[parts.block]


def _groups(owner: Ints64, block_bytes: Ints64) -> tuple[Ints64, Ints64]:
    """An order that groups equal (owner, block size), and the start of each group in it."""
    if not len(owner):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    order = np.lexsort((-block_bytes, owner))
    owner, block_bytes = owner[order], block_bytes[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (owner[1:] != owner[:-1]) | (block_bytes[1:] != block_bytes[:-1])
    return order, which(new)


def is_anonymous(snapshot: Snapshot, parts: PartTable, rows: Ints64) -> Flags:
    """Which of these parts are of no file, and not of the kernel."""
    found: Flags = (snapshot.maps.inode[parts.mapping[rows]] == 0) & (parts.kind[rows] != int(Kind.SYSTEM))
    return found


def resident_bound(snapshot: Snapshot, process: Ints64, anonymous: Ints64, committed: Ints64) -> Ints64:
    """An upper bound of the resident size: RssAnon for anonymous memory, VmRSS for the rest.

    One entry per process row in `process`; `committed` includes `anonymous`.
    """
    processes = snapshot.processes

    def limit(column: Ints64) -> Ints64:
        of_process: Ints64 = column[process]
        return np.where(of_process == UNKNOWN, UNLIMITED, of_process)

    backed = committed - anonymous
    rss = limit(processes.rss_bytes)
    bound: Ints64 = np.minimum(anonymous, limit(processes.rss_anon_bytes)) + np.minimum(backed, rss)
    return np.minimum(bound, rss)


@dataclass(frozen=True, slots=True)
class Sums:
    """Footprint rows added up; UNKNOWN if one of them is."""

    count: int
    reserved_bytes: int
    committed_bytes: int
    resident_bytes: int
    resident_max_bytes: int
    pss_bytes: int
    swap_bytes: int


def sums(footprints: FootprintTable, rows: Flags) -> Sums:
    """The sums over these rows."""

    def known_sum(column: Ints64) -> int:
        chosen = column[rows]
        return UNKNOWN if (chosen == UNKNOWN).any() else int(chosen.sum())

    return Sums(
        count=int(footprints.count[rows].sum()),
        reserved_bytes=int(footprints.reserved_bytes[rows].sum()),
        committed_bytes=int(footprints.committed_bytes[rows].sum()),
        resident_bytes=known_sum(footprints.resident_bytes),
        resident_max_bytes=int(footprints.resident_max_bytes[rows].sum()),
        pss_bytes=known_sum(footprints.pss_bytes),
        swap_bytes=known_sum(footprints.swap_bytes),
    )
