"""From the regions to the table of parts: every mapping whole or in pieces, its resident bytes shared out."""

import numpy as np
import numpy.typing as npt

from procmaps.kinds import Confidence
from procmaps.rules.ledger import Ledger
from procmaps.rules.rule import Verdicts
from procmaps.tables import UNKNOWN, Bytes8, Ints64, PartTable, which


def assemble(
    ledger: Ledger, verdicts: Verdicts, rule_by_name: npt.NDArray[np.uint16], kind_by_name: Bytes8
) -> PartTable:
    """The parts of all mappings, by mapping and address; `*_by_name` settle those not in the ledger."""
    regions = ledger.regions
    maps = regions.snapshot.maps
    pieces = np.bincount(regions.mapping, minlength=len(maps))
    mapping = np.repeat(np.arange(len(maps)), np.maximum(pieces, 1))
    pieces = pieces[mapping]
    position = which(pieces)  # the ledger is in the order of the table
    kind = kind_by_name[mapping]
    table = PartTable(
        mapping=mapping.astype(np.int32),
        start=maps.start[mapping],
        end=maps.end[mapping],
        kind=kind,
        rule=rule_by_name[mapping],
        confidence=np.full(len(mapping), Confidence.CERTAIN, np.uint8),
        runner_up=kind.copy(),
        block=np.arange(len(mapping), dtype=np.int32),
        resident_bytes=maps.resident_bytes[mapping],
        pss_bytes=maps.pss_bytes[mapping],
        swap_bytes=maps.swap_bytes[mapping],
        huge_bytes=maps.huge_bytes[mapping],
    )
    table.start[position] = regions.start.astype(np.uint64)
    table.end[position] = regions.end.astype(np.uint64)
    table.kind[position] = regions.kind
    table.rule[position] = ledger.rule
    table.confidence[position] = verdicts.confidence[ledger.rule]
    table.runner_up[position] = np.where(
        regions.closed, verdicts.second_if_closed[ledger.rule], verdicts.second_if_open[ledger.rule]
    )
    _number_blocks(table, position, ledger.block)
    cut = which(pieces > 1)
    if len(cut):
        _share_out(table, cut)
    return table


def _number_blocks(table: PartTable, position: Ints64, block: np.ndarray) -> None:
    """Each block is known by the row of its first part. Rows of one number that differ in kind stay apart."""
    joined = which(block >= 0)
    if not len(joined):
        return
    rows = position[joined]
    key = block[joined].astype(np.int64) * 256 + table.kind[rows]
    order = np.argsort(key, kind="stable")
    sorted_key = key[order]
    first = np.concatenate(([True], sorted_key[1:] != sorted_key[:-1]))
    heads = rows[order][first]
    table.block[rows[order]] = heads[first.cumsum() - 1]


def _share_out(table: PartTable, cut: Ints64) -> None:
    """Give each part of a cut mapping its share by length; shares of a mapping sum to what it had."""
    columns = (table.resident_bytes, table.pss_bytes, table.swap_bytes, table.huge_bytes)
    known = [column for column in columns if (column[cut] != UNKNOWN).any()]
    if not known:
        return
    size = (table.end[cut] - table.start[cut]).astype(np.float64)
    mapping = table.mapping[cut]
    first = np.concatenate(([True], mapping[1:] != mapping[:-1]))
    last = np.concatenate((first[1:], [True]))
    group = first.cumsum() - 1
    ends = size.cumsum()
    before = (ends - size)[first][group]
    share_upto = np.minimum((ends - before) / np.bincount(group, size)[group], 1.0)
    for column in known:
        whole = column[cut]
        upto = np.floor(whole * share_upto).astype(np.int64)
        upto[last] = whole[last]
        share = upto - np.where(first, 0, np.concatenate(([0], upto[:-1])))
        column[cut] = np.where(whole == UNKNOWN, UNKNOWN, share)
