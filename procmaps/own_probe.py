"""Which processes of a host belong to the sweep itself: the probe's shell, and what is above and below it.

A process chooses its arguments itself, so they prove nothing. What the kernel says does: the uid, the parent,
the size. Only the account that the probe runs as can have a process that is taken for the probe's, and
nothing that is large enough to matter is taken for it.
"""

from typing import Final

import numpy as np

from procmaps.tables import Evidence, Flags, Ints64, ProcessTable, which

RUNTIME: Final = "mapsweep probe"  # no runtime that mapped files show has this name
LARGEST_BYTES: Final = 16 * 2**20  # a shell has 1 to 4 MiB, and with a million pids in its arguments 10
_SCRIPT: Final = b": mapsweep probe;"  # the first words of collector/probe.sh
_ROOT: Final = 0


def of_probe(processes: ProcessTable) -> Flags:
    """Per process whether it is the probe's own."""
    says_so = np.array([_has_script(argv) for argv in processes.argv], bool)
    small = _private_bytes(processes) <= LARGEST_BYTES
    account = _account(processes)
    own = says_so & (processes.uid == account) if account is not None else np.zeros_like(says_so)
    if not own.any():
        return own
    row_of = dict(zip(processes.pid.tolist(), range(len(processes)), strict=True))
    parent = np.array([row_of.get(pid, -1) for pid in processes.parent_pid.tolist()], np.int64)
    # sudo, and the login shell of another account: they have the script too, and are no stranger's ancestors
    for row in which(own).tolist():
        above = int(parent[row])
        while above >= 0 and says_so[above] and not own[above]:
            own[above] = True
            above = int(parent[above])
    while True:  # a generation at a time
        children = (parent >= 0) & own[parent] & ~own
        if not children.any():
            return own & small
        own |= children


def _has_script(argv: tuple[bytes, ...]) -> bool:
    """Whether the arguments are those of the probe's shell, or of one that passes its command on."""
    return any(_SCRIPT in argument for argument in argv[1:])


def _account(processes: ProcessTable) -> int | None:
    """The uid that the probe ran as: it reads its own mappings, as root all, and otherwise no others.

    None if that does not tell.
    """
    readers = set(processes.uid[processes.evidence != Evidence.DENIED].tolist())
    if _ROOT in readers:
        return _ROOT
    return readers.pop() if len(readers) == 1 else None


def _private_bytes(processes: ProcessTable) -> Ints64:
    """What is resident apart from files, and swapped; all that is resident if that is unknown."""
    known = processes.rss_anon_bytes >= 0
    anonymous = processes.rss_anon_bytes + processes.rss_shmem_bytes.clip(0)
    resident: Ints64 = np.where(known, anonymous, processes.rss_bytes)
    swapped: Ints64 = processes.swap_bytes.clip(0)
    return resident + swapped
