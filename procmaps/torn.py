"""Torn reads: the kernel hands out maps in pieces, and a process may change its mappings between two of them.

Then a mapping can come twice (before and after it grew), overlap its neighbour, or come before it. The table
must still count every byte once, so a torn process is put in order: lines are sorted by address. If lines
overlap, the one that starts first keeps the overlap (the longer one if they start together), and the next one
begins where it ends. Empty rows are dropped.
"""

from typing import NamedTuple

import numpy as np

from procmaps.tables import Addresses, Flags, Ints32, Ints64, which


class Mended(NamedTuple):
    """The remaining rows in their order, and their starts."""

    order: Ints64  # rows of the table as read
    start: Addresses  # of each row in `order`


def torn(process: Ints32, start: Addresses, end: Addresses, processes: int) -> Flags:
    """Per process: whether a mapping starts before the end of the previous one."""
    backwards = (start[1:] < end[:-1]) & (process[1:] == process[:-1])
    result: Flags = np.bincount(process[1:][backwards], minlength=processes) > 0
    return result


def mend(process: Ints32, start: Addresses, end: Addresses, is_torn: Flags) -> Mended:
    """The rows with those of torn processes put in order, so that no two of a process overlap."""
    order = np.arange(len(start))
    mended = start.copy()
    for row in which(is_torn).tolist():
        first, last = process.searchsorted((row, row + 1)).tolist()
        within = first + np.lexsort((~end[first:last], start[first:last]))
        order[first:last] = within
        reached = np.maximum.accumulate(end[within])
        mended[first] = start[within[0]]
        mended[first + 1 : last] = np.maximum(start[within[1:]], reached[:-1])
    kept = which(mended < end[order])
    return Mended(order[kept], mended[kept])
