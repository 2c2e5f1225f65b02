"""From the draft to the table of parts: every mapping whole or in pieces, its resident bytes shared out."""

import numpy as np

from procmaps.kinds import Confidence
from procmaps.rules.draft import Draft
from procmaps.tables import UNKNOWN, Bytes8, Ints64, PartTable


def assemble(draft: Draft, rule_by_name: np.ndarray, kind_by_name: Bytes8) -> PartTable:
    """The parts of all mappings, by mapping and address; `*_by_name` settle those not in the draft."""
    maps = draft.snapshot.maps
    drafted = draft.mapping
    count = np.ones(len(maps), np.int64)
    pieces = np.bincount(drafted, minlength=len(maps))
    count[pieces > 1] = pieces[pieces > 1]
    last = np.cumsum(count)
    mapping = np.repeat(np.arange(len(maps), dtype=np.int32), count)
    row = np.arange(len(drafted))
    begins = np.concatenate((np.ones(1, np.bool_), drafted[1:] != drafted[:-1]))[: len(drafted)]
    rank = row - np.maximum.accumulate(np.where(begins, row, 0))
    position = last[drafted] - count[drafted] + rank
    table = PartTable(
        mapping=mapping,
        start=maps.start[mapping],
        end=maps.end[mapping],
        kind=kind_by_name[mapping],
        rule=rule_by_name[mapping].astype(np.uint16),
        confidence=np.full(len(mapping), Confidence.CERTAIN, np.uint8),
        runner_up=kind_by_name[mapping],
        block=np.arange(len(mapping), dtype=np.int32),
        resident_bytes=maps.resident_bytes[mapping],
        pss_bytes=maps.pss_bytes[mapping],
        swap_bytes=maps.swap_bytes[mapping],
        huge_bytes=maps.huge_bytes[mapping],
    )
    table.start[position] = draft.start.astype(np.uint64)
    table.end[position] = draft.end.astype(np.uint64)
    table.kind[position] = draft.kind
    table.rule[position] = draft.rule
    table.confidence[position] = draft.confidence
    table.runner_up[position] = draft.runner_up
    _number_blocks(table, position, draft.block)
    cut = np.flatnonzero(count[mapping] > 1)
    if len(cut):
        for column in (table.resident_bytes, table.pss_bytes, table.swap_bytes, table.huge_bytes):
            _share_out(table, column, cut)
    return table


def _number_blocks(table: PartTable, position: Ints64, block: np.ndarray) -> None:
    """Each block is known by the row of its first part. Rows of one number that differ in kind stay apart."""
    joined = np.flatnonzero(block >= 0)
    if not len(joined):
        return
    rows = position[joined]
    key = block[joined].astype(np.int64) * 256 + table.kind[rows]
    order = np.argsort(key, kind="stable")
    sorted_key = key[order]
    first = np.concatenate(([True], sorted_key[1:] != sorted_key[:-1]))
    heads = rows[order][first]
    table.block[rows[order]] = heads[np.cumsum(first) - 1]


def _share_out(table: PartTable, column: Ints64, cut: Ints64) -> None:
    """Give each part of a cut mapping its share by length; shares of a mapping sum to what it had."""
    whole = column[cut]
    size = (table.end[cut] - table.start[cut]).astype(np.float64)
    mapping = table.mapping[cut]
    first = np.concatenate(([True], mapping[1:] != mapping[:-1]))
    group = np.cumsum(first) - 1
    ends = np.cumsum(size)
    before = (ends - size)[first][group]
    total = np.bincount(group, size)[group]
    upto = np.floor(whole * np.minimum((ends - before) / total, 1.0)).astype(np.int64)
    last = np.concatenate((first[1:], [True]))
    upto[last] = whole[last]
    share = upto - np.where(first, 0, np.concatenate(([0], upto[:-1])))
    column[cut] = np.where(whole == UNKNOWN, UNKNOWN, share)
