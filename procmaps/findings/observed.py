"""What findings look at: the processes of a host, and sums of their memory by kind."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from procmaps.amounts import scaled
from procmaps.facts import display
from procmaps.findings.finding import Code, Finding, Severity
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

_SHARED_OR_KERNEL: Final = (Kind.FILE_CODE, Kind.SHM, Kind.DEVICE, Kind.SYSTEM)
_JAVA: Final = tuple(kind for kind, family in FAMILY_OF.items() if family is Family.JAVA)
NATIVE: Final = tuple(kind for kind, family in FAMILY_OF.items() if family is Family.NATIVE_HEAP)


@dataclass(frozen=True, slots=True)
class Blocks:
    """The blocks of one kind of some processes, one entry per block, processes in their order."""

    process: Ints64  # row in the ProcessTable
    reserved: Ints64
    committed: Ints64
    resident: Ints64  # 0 without smaps
    swapped: Ints64  # 0 without smaps
    huge: Ints64  # huge pages; 0 without smaps


class Observed:
    """Sums per process and kind, as arrays of processes x kinds, and what is derived from them."""

    def __init__(self, snapshot: Snapshot, parts: PartTable, footprints: FootprintTable) -> None:
        self.snapshot = snapshot
        self.parts = parts
        self._footprints = footprints
        self.count = self._total(footprints.count)
        self.reserved = self._total(footprints.reserved_bytes)
        self.committed = self._total(footprints.committed_bytes)
        # Rss if smaps was read, otherwise an upper bound
        self.resident_most = self._total(footprints.resident_max_bytes)
        self.exact: Flags = snapshot.processes.evidence == Evidence.SMAPS

    def _total(self, column: Ints64) -> Ints64:
        sums = np.zeros((len(self.snapshot.processes), len(Kind)), np.int64)
        np.add.at(sums, (self._footprints.process, self._footprints.kind), column)
        return sums

    @cached_property
    def swapped(self) -> Ints64:
        """What of each kind is swapped out; UNKNOWN where smaps does not say."""
        if not self.exact.any():
            return np.full_like(self.reserved, UNKNOWN)
        known = self._total(np.maximum(self._footprints.swap_bytes, 0))
        unknown = self._total((self._footprints.swap_bytes == UNKNOWN).astype(np.int64)) > 0
        return np.where(unknown, UNKNOWN, known)

    @cached_property
    def jvms(self) -> Flags:
        """Processes with memory of a JVM, per process."""
        found: Flags = self.reserved[:, _JAVA].sum(axis=1) > 0
        return found

    @cached_property
    def anonymous_known(self) -> Ints64:
        """RssAnon, and 0 where it is unknown."""
        return np.maximum(self.snapshot.processes.rss_anon_bytes, 0)

    @cached_property
    def row_of_pid(self) -> dict[int, int]:
        """The row of each process by its pid."""
        pids = self.snapshot.processes.pid
        return dict(zip(pids.tolist(), range(len(pids)), strict=True))

    def resident_least(self, kind: Kind, rows: slice = slice(None)) -> Ints64:
        """A lower bound of what is resident of a kind: what RssAnon leaves when all else is resident.

        0 where RssAnon is unknown. Exact where smaps was read.
        """
        others = np.ones(len(Kind), np.bool_)
        others[[kind, *_SHARED_OR_KERNEL]] = False
        least = np.maximum(self.anonymous_known[rows] - self.committed[rows, others].sum(axis=1), 0)
        most: Ints64 = self.resident_most[rows, kind]
        return np.where(self.exact[rows], most, np.minimum(least, most))

    def blocks(self, kind: Kind, processes: Flags) -> Blocks:
        """The blocks of a kind of these processes."""
        parts, maps = self.parts, self.snapshot.maps
        rows = which(parts.kind == int(kind))
        rows = rows[processes[maps.process[parts.mapping[rows]]]]
        heads, block = np.unique(parts.block[rows], return_inverse=True)
        size = (parts.end[rows] - parts.start[rows]).astype(np.int64)
        accessible = maps.perms[parts.mapping[rows]] & (READ | WRITE | EXECUTE) != 0

        def total(column: Ints64) -> Ints64:
            sums = np.zeros(len(heads), np.int64)
            np.add.at(sums, block, column)
            return sums

        return Blocks(
            process=maps.process[parts.mapping[heads]].astype(np.int64),
            reserved=total(size),
            committed=total(np.where(accessible, size, 0)),
            resident=total(np.maximum(parts.resident_bytes[rows], 0)),
            swapped=total(np.maximum(parts.swap_bytes[rows], 0)),
            huge=total(np.maximum(parts.huge_bytes[rows], 0)),
        )

    def at_most(self, row: int, amount_bytes: int) -> str:
        """Resident bytes of a process in words: without smaps they are an upper bound."""
        return ("" if self.exact[row] else "at most ") + scaled(amount_bytes)

    def between(self, row: int, kind: Kind) -> str:
        """Resident bytes of a kind in words; without smaps the bounds that are known."""
        least = int(self.resident_least(kind, slice(row, row + 1))[0])
        most = int(self.resident_most[row, kind])
        if least == most:
            return scaled(most)
        return f"at most {scaled(most)}" + (f" and at least {scaled(least)}" if least else "")

    def found(
        self,
        code: Code,
        severity: Severity,
        row: int,
        evidence: str,
        *,
        kind: Kind | None = None,
        concerns_bytes: int | None = None,
    ) -> Finding:
        """A finding of this code about a process."""
        processes = self.snapshot.processes
        return Finding(
            code=code.name,
            severity=severity,
            process=row,
            subject=f"{display(processes.comm[row]) or 'process'} ({processes.pid[row]})",
            evidence=evidence,
            advice=code.advice,
            confirm=code.confirm,
            not_shown=code.not_shown,
            kind="" if kind is None else kind.label,
            # a host can say what it wants; tables have 64 bits
            concerns_bytes=None if concerns_bytes is None else min(concerns_bytes, UNLIMITED),
        )
