"""One process with every byte labelled, for all views of `mapsweep classify` and `mapsweep show`."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from domain.mistakes import Mistake, OperatorError
from mapsweep.process_view.heading import heading
from mapsweep.process_view.process_files import ProcessFiles
from mapsweep.terminal.terminal import visible
from procmaps.classify import classify
from procmaps.doubts import DoubtTable, doubts
from procmaps.footprint import footprints
from procmaps.kinds import Confidence, Kind
from procmaps.other_texts import other_text
from procmaps.perms import perms_text
from procmaps.read import read_process
from procmaps.rules.book import RULES
from procmaps.tables import (
    EXECUTE,
    READ,
    UNKNOWN,
    WRITE,
    Evidence,
    Flags,
    FootprintTable,
    Ints64,
    PartTable,
    Snapshot,
    Trouble,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from procmaps.losers import Loser

TORN = "its lines overlap: the process changed its memory while it was read; each byte is counted once"


@dataclass(frozen=True, slots=True)
class LabelledProcess:
    """The tables of one process, and the properties of its parts."""

    target: str  # where it is from, in the words of the operator
    pid: int  # 0 if it is not known
    evidence: Evidence  # the evidence of the labels
    snapshot: Snapshot
    parts: PartTable
    sizes_bytes: Ints64  # of each part
    accessible: Flags  # parts with any of r, w, x: their sizes are committed bytes

    def footprints(self) -> FootprintTable:
        """One row per kind and block size."""
        return footprints(self.snapshot, self.parts)

    def doubts(self) -> DoubtTable:
        """What is only guessed; one row."""
        return doubts(self.snapshot, self.parts)

    @property
    def comm(self) -> bytes:
        """The name that the process gave itself; empty if it is not known."""
        return self.snapshot.processes.comm[0]

    @property
    def heading(self) -> str:
        """The first line of every view for people."""
        return heading(self.comm, self.pid, self.target, self.evidence)

    @property
    def has_resident(self) -> bool:
        """Whether resident bytes are known."""
        return bool((self.parts.resident_bytes != UNKNOWN).any())

    def sum_bytes(self, of: Flags) -> int:
        """The sum of the sizes of the marked parts."""
        return int(self.sizes_bytes[of].sum())

    def span(self, part: int) -> tuple[str, str]:
        """Start and end in hex, as maps prints them."""
        return f"{int(self.parts.start[part]):08x}", f"{int(self.parts.end[part]):08x}"

    def block_bytes(self, part: int) -> int:
        """The size of the block that the part is of."""
        return self.sum_bytes(self.parts.block == self.parts.block[part])

    def kind(self, part: int) -> Kind:
        """The part's kind."""
        return Kind(int(self.parts.kind[part]))

    def rule(self, part: int) -> str:
        """The name of the rule that labelled the part."""
        return RULES[int(self.parts.rule[part])].name

    def confidence(self, part: int) -> Confidence:
        """How sure that rule is."""
        return Confidence(int(self.parts.confidence[part]))

    def perms(self, part: int) -> str:
        """The perms of the part's mapping, as maps prints them."""
        return perms_text(int(self.snapshot.maps.perms[self.parts.mapping[part]]))

    def name(self, part: int) -> bytes:
        """The name of the part's mapping, as the kernel printed it."""
        return self.snapshot.maps.name(int(self.parts.mapping[part]))

    def why(self, part: int, *, other: bool = True) -> str:
        """The reason for the part's label, in words, with the other kind that the rule knows of; escaped."""
        from procmaps.reasons import why  # noqa: PLC0415 - only --why pays for it

        return visible(why(self.snapshot, self.parts, part, other=other))

    def source(self, part: int) -> str:
        """Whose behaviour the part's rule rests on: kernel, glibc, a JDK, ..., with the file or version."""
        return RULES[int(self.parts.rule[part])].source

    def losers(self) -> "Mapping[int, tuple[Loser, ...]]":
        """What other rules would have called each block, by its first part; without it, too much to tell."""
        from procmaps.losers import losers_by_block  # noqa: PLC0415 - only --why pays for it

        return losers_by_block(self.snapshot, self.evidence, self.parts)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes on the text, with the name that the operator gave."""
        notes = [note.removeprefix(f"process {self.pid}: ") for note in self.snapshot.notes]
        if self.snapshot.processes.trouble[0] & Trouble.TORN:
            notes.append(TORN)
        return tuple(f"{self.target}: {note}" for note in notes)

    @property
    def is_cut(self) -> bool:
        """Whether the text ends in the middle of a line."""
        return bool(self.snapshot.processes.trouble[0] & Trouble.CUT)


def label(files: ProcessFiles, evidence: Evidence) -> LabelledProcess:
    """Read and classify one process. Raises OperatorError if there is no mapping to label."""
    if not files.mappings:
        raise OperatorError(
            Mistake(
                files.source, "empty: a kernel thread, a zombie, or a process that was ending has no memory"
            )
        )
    snapshot = read_process(files.files, files.pid)
    if not len(snapshot.maps):
        raise OperatorError(_no_mappings(files))
    return labelled(files.source, files.pid, snapshot, evidence)


def labelled(target: str, pid: int, snapshot: Snapshot, evidence: Evidence) -> LabelledProcess:
    """The same of a snapshot of one process, which has mappings."""
    parts = classify(snapshot, evidence)
    perms = snapshot.maps.perms[parts.mapping]
    return LabelledProcess(
        target=target,
        pid=pid,
        evidence=min(evidence, Evidence(int(snapshot.processes.evidence[0]))),
        snapshot=snapshot,
        parts=parts,
        sizes_bytes=(parts.end - parts.start).astype(np.int64),
        accessible=(perms & (READ | WRITE | EXECUTE)) != 0,
    )


def _no_mappings(files: ProcessFiles) -> Mistake:
    other = other_text(files.mappings)
    if other is None:
        return Mistake(files.place, "no line is a mapping", "is it a maps or smaps file?")
    return Mistake(files.place, f"this is {other.name}, not maps or smaps", other.remedy)
