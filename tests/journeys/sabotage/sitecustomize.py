"""Python imports this at its start where it lies on PYTHONPATH: hosts of certain names meet with trouble.

A dump is damaged on the disk, a rule raises, a process is killed: nothing that a host sends does these, as
far as is known, so they are done here, inside the real commands.
"""

import os
import signal
import time
from typing import Any

import procmaps.classify
import procmaps.frames
from archive.run import Run
from domain.records import Dump
from procmaps.tables import Evidence, PartTable, Snapshot

DAMAGED, RAISES, KILLS, DEAR = "damaged", b"raises", b"kills", b"dear"  # a host; processes
DEAR_S = 600

write_dump = Run.write_dump
classify = procmaps.classify.classify
mask_identity = procmaps.frames.mask_identity


def damaging(self: Run, dump: Dump) -> bool:
    """Keep a dump on a disk that loses its last byte."""
    written = write_dump(self, dump)
    if dump.host == DAMAGED:
        path = f"dumps/{DAMAGED}.dump"
        self.store.replace(path, self.store.read(path)[:-1])
    return written


def sabotaged(snapshot: Snapshot, evidence: Evidence = Evidence.SMAPS) -> PartTable:
    """Classify a host, unless one of its processes is one that must not be."""
    names = [bytes(name).rstrip(b"\0") for name in snapshot.processes.comm]
    if KILLS in names:
        os.kill(os.getpid(), signal.SIGKILL)
    if RAISES in names:
        raise KeyError(RAISES)
    return classify(snapshot, evidence)


def dear(part: bytes, *more: Any, **options: Any) -> Any:
    """Mask what a host sent, and take very long over it if one of its processes says so."""
    if DEAR in part:
        time.sleep(DEAR_S)
    return mask_identity(part, *more, **options)


Run.write_dump = damaging  # type: ignore[method-assign]
procmaps.classify.classify = sabotaged  # type: ignore[assignment]
procmaps.frames.mask_identity = dear
