"""What is known of a host's processes before anybody looks at their memory."""

from typing import Final, NamedTuple

import numpy as np

from procmaps.detail import in_detail
from procmaps.rules.executability import as_asked, executability
from procmaps.rules.hotspot.heap_files import mark_heap_files
from procmaps.rules.hotspot.stack_sizes import Unlike, java_stack_bytes, with_graal
from procmaps.rules.kernel_names import Name, mark_archives
from procmaps.rules.kernel_release import with_release
from procmaps.rules.marks import has
from procmaps.rules.process_marks import find_marks
from procmaps.rules.regions import ProcessFacts
from procmaps.rules.special_files import correct_codes
from procmaps.tables import (
    UNKNOWN,
    Bytes8,
    Evidence,
    Flags,
    Ints64,
    MapTable,
    ProcessTable,
    Snapshot,
    which,
)

_ADDRESSES_32_BITS: Final = np.uint64(2**32)


class Known(NamedTuple):
    """A host with its facts, as labellers are told them."""

    snapshot: Snapshot  # with the access that was asked for, and the release that mappings tell
    code: Bytes8  # the Name of each mapping
    facts: ProcessFacts


def known_of(snapshot: Snapshot, evidence: Evidence) -> Known:
    """What names, marks, arguments and status tell. With Evidence.MAPS, the fields of smaps are ignored."""
    snapshot, implied = as_asked(with_release(snapshot))
    maps, processes = snapshot.maps, snapshot.processes
    mappings = np.bincount(maps.process, minlength=len(processes))
    marks, code, libjvm = find_marks(maps, len(processes))
    smaps = (processes.evidence == int(Evidence.SMAPS)) & (evidence == Evidence.SMAPS)
    correct_codes(snapshot, code, smaps)
    if libjvm:
        mark_archives(maps, code, has(marks, "jvm"))
        mark_heap_files(maps, processes.argv, code, has(marks, "jvm"))
    executable = executability(maps, code, marks, implied)
    thirty_two_bit = _thirty_two_bit(maps, mappings)
    unlike = Unlike(thirty_two_bit, has(marks, "qemu"))
    facts = ProcessFacts(
        marks=marks,
        libjvm=libjvm,
        thirty_two_bit=thirty_two_bit,
        brk_heap_bytes=_bytes_of(snapshot, code == int(Name.HEAP)),
        threads=processes.threads,
        anonymous_bytes=_anonymous_bytes(processes),
        stack_limit_bytes=processes.stack_limit_bytes,
        smaps=smaps,
        named_stacks=which(code == int(Name.THREAD_STACK)),
        in_detail=in_detail(mappings),
        java_stack_bytes=java_stack_bytes(maps, code, libjvm, processes.argv, unlike),
        graal=with_graal(libjvm, processes.argv),
        code_unmarked=executable.silent,
        stacks_executable=executable.stacks,
    )
    # [stack:TID] is anonymous memory, of which a part is a stack
    code[facts.named_stacks] = int(Name.ANONYMOUS)
    return Known(snapshot, code, facts)


def _bytes_of(snapshot: Snapshot, mask: Flags) -> Ints64:
    """The size of these mappings, by process."""
    maps, rows = snapshot.maps, which(mask)
    sizes: Ints64 = np.zeros(len(snapshot.processes), np.int64)
    np.add.at(sizes, maps.process[rows], (maps.end[rows] - maps.start[rows]).astype(np.int64))
    return sizes


def _anonymous_bytes(processes: ProcessTable) -> Ints64:
    """RssAnon and VmSwap: what the process wrote to, wherever it is now; UNKNOWN if not even VmRSS was sent.

    VmSwap counts private anonymous memory alone (Linux, fs/proc/task_mmu.c), so the two do not overlap.
    Before Linux 4.5 there is no RssAnon: VmRSS is the most that it can be.
    """
    resident = np.where(processes.rss_anon_bytes == UNKNOWN, processes.rss_bytes, processes.rss_anon_bytes)
    return np.where(resident == UNKNOWN, UNKNOWN, resident + np.maximum(processes.swap_bytes, 0))


def _thirty_two_bit(maps: MapTable, mappings: Ints64) -> Flags:
    """Processes whose addresses all fit in 32 bits."""
    low = np.bincount(maps.process[maps.end <= _ADDRESSES_32_BITS], minlength=len(mappings))
    found: Flags = (mappings > 0) & (low == mappings)
    return found
