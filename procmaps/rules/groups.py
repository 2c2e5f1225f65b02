"""Parts that belong together: those alike, and those of one run."""

from collections.abc import Collection
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from procmaps.tables import Flags, Ints64, which

FEW_VALUES_COUNT: Final = 16


def ranges(first: Ints64, count: Ints64) -> Ints64:
    """`count` numbers from each `first` upward, one range after the other."""
    before: Ints64 = count.cumsum() - count
    return (first - before).repeat(count) + np.arange(int(count.sum()))


def among(column: npt.NDArray[np.integer], values: Collection[int]) -> Flags:
    """Which entries are one of these values: a few, as a rule, for which np.isin takes ten times as long."""
    if len(values) > FEW_VALUES_COUNT:
        return np.isin(column, np.array(list(values), column.dtype))
    found = np.zeros(len(column), np.bool_)
    for value in values:
        found |= column == column.dtype.type(value)
    return found


def slices_of(owners: Ints64) -> list[slice]:
    """Where each owner's entries are in an ascending column."""
    edges = which(np.concatenate(([True], owners[1:] != owners[:-1]))) if len(owners) else owners
    bounds = [*edges.tolist(), len(owners)]
    return [slice(*pair) for pair in pairwise(bounds)]


def count_alike(*columns: Ints64) -> Ints64:
    """For each entry, how many have the same in all columns."""
    order = np.lexsort(columns)
    differs = np.ones(len(order), np.bool_)
    differs[1:] = False
    for column in columns:
        ordered = column[order]
        differs[1:] |= ordered[1:] != ordered[:-1]
    group = differs.cumsum() - 1
    count = np.empty(len(order), np.int64)
    count[order] = np.bincount(group)[group]
    return count


def runs_with(run: Ints64, entries: Flags) -> Flags:
    """Which entries are of a run that holds one of `entries`; runs are numbered from 0 or 1 upward."""
    if not len(run):
        return entries
    chosen = np.zeros(int(run[-1]) + 1, np.bool_)
    chosen[run[entries]] = True
    found: Flags = chosen[run]
    return found
