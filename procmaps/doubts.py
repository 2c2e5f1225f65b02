"""How much of each process is labelled by a guess, and by how much that can move its native heap."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from procmaps.footprint import is_anonymous, resident_bound
from procmaps.kinds import FAMILY_OF, Confidence, Family, Kind
from procmaps.tables import (
    EXECUTE,
    READ,
    UNKNOWN,
    UNLIMITED,
    WRITE,
    Evidence,
    Flags,
    FootprintTable,
    Ints32,
    Ints64,
    PartTable,
    Snapshot,
    which,
)

DOUBTFUL_PART: Final = 10  # doubtful: guesses are more than one part in so many of what is in use
NATIVE: Final = np.isin(
    np.arange(len(Kind)), [kind for kind, family in FAMILY_OF.items() if family is Family.NATIVE_HEAP]
)  # by Kind


class Guess(NamedTuple):
    """Memory of one process that is labelled by a guess."""

    process: int  # row in the ProcessTable
    kind: Kind
    runner_up: Kind  # what else it can be; the kind itself if nothing is known
    size_bytes: int  # resident or swapped; without smaps at most

    @property
    def words(self) -> str:
        """`java_gc or heap_arena`."""
        kind, other = self.kind.label, self.runner_up.label
        return kind if other == kind else f"{kind} or {other}"


@dataclass(frozen=True, slots=True, eq=False)
class DoubtTable:
    """One row per process, in the order of the ProcessTable; UNKNOWN if its mappings were not read.

    The native sizes are in the unit of FootprintTable.resident_max_bytes: resident, or the bound of it. The
    others are resident or swapped bytes, without smaps at most so many; without status, accessible bytes.
    """

    native_sure_bytes: Ints64  # labelled native heap, and not by a guess
    native_doubt_bytes: Ints64  # guessed to be something else that can be native heap instead
    guessed_bytes: Ints64  # labelled by a guess, whatever the kind
    present_bytes: Ints64  # all of the process
    guesses: tuple[Guess, ...]  # by process, the largest first

    def __len__(self) -> int:
        return len(self.guessed_bytes)

    def is_doubtful(self, process: int) -> bool:
        """Whether guesses are more than a tenth of what the process has resident or swapped."""
        guessed, present = int(self.guessed_bytes[process]), int(self.present_bytes[process])
        return guessed != UNKNOWN and guessed * DOUBTFUL_PART > present

    def largest_guesses(self) -> list[str]:
        """The words of each process's largest guess; "" if it has none."""
        words = [""] * len(self)
        for guess in reversed(self.guesses):
            words[guess.process] = guess.words
        return words

    def native_range(
        self, snapshot: Snapshot, footprints: FootprintTable, process: int
    ) -> tuple[int, int, int]:
        """The native heap of a process: at least, as labelled, at most, in bytes."""
        rows = (footprints.process == process) & NATIVE[footprints.kind]
        labelled = int(footprints.resident_max_bytes[rows].sum())
        anonymous = int(snapshot.processes.rss_anon_bytes[process])
        own = footprints.resident_bytes[footprints.process == process]
        limit = anonymous if (own == UNKNOWN).any() and anonymous != UNKNOWN else UNLIMITED
        labelled = min(labelled, limit)
        most = min(labelled + max(0, int(self.native_doubt_bytes[process])), limit)
        return min(max(0, int(self.native_sure_bytes[process])), labelled), labelled, most


def doubts(snapshot: Snapshot, parts: PartTable) -> DoubtTable:
    """What guesses make of each process of a host."""
    sums = _Sums(snapshot, parts)
    guess = parts.confidence == int(Confidence.GUESS)
    native = NATIVE[parts.kind]
    anonymous = snapshot.processes.rss_anon_bytes
    sure = sums.resident(which(native & ~guess))
    guessed = sums.used(which(guess))
    return DoubtTable(
        native_sure_bytes=sums.known(np.where(sums.exact, sure, np.minimum(sure, _limit(anonymous)))),
        native_doubt_bytes=sums.known(sums.resident(which(guess & ~native & NATIVE[parts.runner_up]))),
        guessed_bytes=sums.known(guessed),
        present_bytes=sums.known(sums.present()),
        guesses=sums.guesses(which(guess), guessed),
    )


class _Sums:
    """Sums of parts by process."""

    def __init__(self, snapshot: Snapshot, parts: PartTable) -> None:
        maps, processes = snapshot.maps, snapshot.processes
        self._snapshot, self._parts = snapshot, parts
        self._process = maps.process[parts.mapping]
        self._read = processes.evidence != int(Evidence.DENIED)
        walked = processes.evidence == int(Evidence.SMAPS)
        unknown = self._process[parts.resident_bytes == UNKNOWN]
        self.exact: Flags = walked & (np.bincount(unknown, minlength=len(processes)) == 0)
        swapped = np.maximum(processes.swap_bytes, 0)
        self._limits = tuple(
            np.where(column == UNKNOWN, UNLIMITED, column + swapped)
            for column in (processes.rss_anon_bytes, processes.rss_bytes)
        )

    def known(self, sums: Ints64) -> Ints64:
        """UNKNOWN for processes whose mappings were not read."""
        return np.where(self._read, sums, UNKNOWN)

    def resident(self, rows: Ints64) -> Ints64:
        """Resident bytes of these parts, bounded as footprints are where they are not known."""
        amount = self._amount(rows, np.zeros(len(rows), np.int64))
        backed, all_ = self._by_kind_of_memory(rows, amount)
        numbers = np.arange(len(self._read))
        return np.where(self.exact, all_, resident_bound(self._snapshot, numbers, all_ - backed, all_))

    def used(self, rows: Ints64) -> Ints64:
        """Resident and swapped bytes of these parts, likewise bounded."""
        backed, all_ = self._by_kind_of_memory(rows, self._used_amount(rows))
        anonymous, whole = self._limits
        bound = np.minimum(np.minimum(all_ - backed, anonymous) + np.minimum(backed, whole), whole)
        return np.where(self.exact, all_, bound)

    def present(self) -> Ints64:
        """Resident and swapped bytes of each process; if neither smaps nor status tells, accessible ones."""
        whole = self._limits[1]
        if not self.exact.any() and (whole != UNLIMITED).all():
            return whole
        all_ = self._total(self._process, self._used_amount(np.arange(len(self._parts))))
        return np.where(self.exact | (whole == UNLIMITED), all_, whole)

    def guesses(self, rows: Ints64, most: Ints64) -> tuple[Guess, ...]:
        """What is guessed, by process, the largest first; of none more than `most` of its process."""
        kinds = len(Kind)
        pair = self._parts.kind[rows].astype(np.int64) * kinds + self._parts.runner_up[rows]
        keys, place = np.unique(self._process[rows] * np.int64(kinds * kinds) + pair, return_inverse=True)
        sizes = np.zeros(len(keys), np.int64)
        np.add.at(sizes, place, self._used_amount(rows))
        owners = keys // (kinds * kinds)
        sizes = np.minimum(sizes, most[owners])
        order = np.lexsort((keys, -sizes, owners))
        return tuple(
            Guess(owner, Kind(of // kinds), Kind(of % kinds), size)
            for owner, of, size in zip(
                owners[order].tolist(),
                (keys % (kinds * kinds))[order].tolist(),
                sizes[order].tolist(),
                strict=True,
            )
            if size
        )

    def _used_amount(self, rows: Ints64) -> Ints64:
        return self._amount(rows, np.maximum(self._parts.swap_bytes[rows], 0))

    def _amount(self, rows: Ints64, swapped: Ints64) -> Ints64:
        """Resident bytes of these parts and what is swapped; accessible ones where smaps does not tell."""
        parts = self._parts
        perms = self._snapshot.maps.perms[parts.mapping[rows]]
        size = (parts.end[rows] - parts.start[rows]).astype(np.int64)
        accessible = np.where(perms & (READ | WRITE | EXECUTE), size, 0)
        resident = parts.resident_bytes[rows]
        return np.where(resident == UNKNOWN, accessible, resident + swapped)

    def _by_kind_of_memory(self, rows: Ints64, amount: Ints64) -> tuple[Ints64, Ints64]:
        """Sums by process: of what is backed by a file, and of all."""
        process = self._process[rows]
        backed = ~is_anonymous(self._snapshot, self._parts, rows)
        return self._total(process[backed], amount[backed]), self._total(process, amount)

    def _total(self, process: Ints32, amount: Ints64) -> Ints64:
        sums = np.zeros(len(self._read), np.int64)
        np.add.at(sums, process, amount)
        return sums


def _limit(column: Ints64) -> Ints64:
    return np.where(column == UNKNOWN, UNLIMITED, column)
