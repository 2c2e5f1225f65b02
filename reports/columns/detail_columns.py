"""Columns of what a process and a host consist of: footprints, kinds, findings."""

from dataclasses import replace

from reports.columns.column import Column, count, size, text
from reports.columns.shared_columns import BOUND, COMM, HOST, MAPS, PROCESS, SAID

_KIND: tuple[Column, ...] = (
    text("kind", "Kind", "rules", "What the memory is for", 15),
    text("family", "Family", "rules", "The group to which the kind belongs", 11),
)
_BLOCKS: tuple[Column, ...] = (
    count("count", "Blocks", MAPS, "Blocks; a stack and its guards count as one"),
    size("reserved_bytes", "Reserved", MAPS, "Address space, accessible or not"),
    size("committed_bytes", "Committed", MAPS, "The accessible part (any of r, w, x)"),
    size("resident_bytes", "Resident", "smaps Rss", "Resident; unknown without smaps"),
)
_AT_MOST: Column = size(
    "resident_max_bytes",
    "At most resident",
    BOUND,
    "Rss if smaps was read, otherwise the smaller of committed and RssAnon",
)

FOOTPRINTS: tuple[Column, ...] = (
    *PROCESS,
    *_KIND,
    size("block_bytes", "Block", MAPS, "Size of one block, if blocks of equal size are grouped; otherwise 0"),
    *_BLOCKS,
    _AT_MOST,
    size("pss_bytes", "Pss", "smaps Pss", "Resident; a shared page is divided by the number of its users"),
    size("swap_bytes", "Swap", "smaps Swap", "Swapped out"),
)

KINDS: tuple[Column, ...] = (
    HOST,
    *_KIND,
    *_BLOCKS,
    replace(_AT_MOST, meaning=f"{_AT_MOST.meaning}, process by process"),
)

FINDINGS: tuple[Column, ...] = (
    *PROCESS,
    COMM,
    text("code", "Code", "rules", "Which finding it is: many_arenas, stack_reservation, ...", 20),
    text("severity", "Severity", "rules", "alarm, warning or info", 8),
    text("evidence", "Evidence", "rules", "The figures that it was found by", 60),
    *SAID,
    text(
        "kind",
        "Kind",
        "rules",
        "The kind of memory that it is about; empty if it is about none or several",
        15,
    ),
    size(
        "concerns_bytes",
        "Concerns",
        "rules",
        "What the process has of it: resident unless the evidence says otherwise, at most without smaps",
    ),
)
