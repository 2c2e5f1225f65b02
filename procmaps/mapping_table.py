"""Makes the MapTable from the maps and smaps of all processes, and notes what is wrong with them."""

from typing import Final, NamedTuple

import numpy as np

from procmaps import maps_text, smaps
from procmaps.detail import in_detail
from procmaps.digits import Text
from procmaps.files import Files, Note
from procmaps.lines import Lines, lines_of
from procmaps.other_texts import IN_PLACE, other_text
from procmaps.tables import Bytes8, Evidence, Flags, Ints32, Ints64, MapTable, Trouble, which
from procmaps.torn import mend, torn

MAPPING_LIMIT_COUNT: Final = 20_000_000  # 300 processes at the kernel's default of 65,530 each
ADDRESSES_LIMIT_BYTES: Final = 2**58  # all of a host's mappings; sums over a fleet stay within 64 bits


class Mappings(NamedTuple):
    """The table, and for each process the evidence, the trouble and what it gave back lazily."""

    table: MapTable
    evidence: Bytes8
    trouble: Bytes8
    lazily_freed_bytes: Ints64  # UNKNOWN without smaps


def mappings_of(text: Text, files: Files, note: Note, limit_count: int = MAPPING_LIMIT_COUNT) -> Mappings:
    """The mappings of these processes: from smaps if it came and is not empty, otherwise from maps."""
    pids, from_maps, from_smaps = files.pids, files.spans[b"maps"], files.spans[b"smaps"]
    walked = from_smaps.filled
    sent = from_maps.sent | from_smaps.sent
    lines = lines_of(text, from_smaps.or_else(from_maps, walked))
    whole = _whole(lines)
    header_rows = which(maps_text.headers(lines) & whole)
    parsed = _within_limits(maps_text.parse(lines, header_rows), limit_count, note)
    unreadable = whole & ~(walked[lines.file] & maps_text.keys(lines)) if walked.any() else whole
    unreadable[parsed.row] = False
    process = lines.file[parsed.row]
    is_torn = torn(process, parsed.start, parsed.end, len(pids))
    columns = smaps.parse(lines, header_rows, parsed.row, walked)
    if is_torn.any():
        mended = mend(process, parsed.start, parsed.end, is_torn)
        parsed = parsed.only(mended.order).starting_at(mended.start)
        columns = columns.only(mended.order)
        process = process[mended.order]

    counts = _per_process(process, pids)
    _note_others(pids, lines, counts, note)
    _note_lines(pids, lines, unreadable, note)
    _note_many(pids, counts, note)
    trouble = np.zeros(len(pids), np.uint8)
    trouble[is_torn] |= int(Trouble.TORN)
    trouble[~lines.ended] |= int(Trouble.CUT)
    trouble[lines.file[unreadable]] |= int(Trouble.UNREADABLE_LINES)
    trouble[sent & (counts == 0)] |= int(Trouble.EMPTY)
    evidence = np.full(len(pids), Evidence.DENIED, np.uint8)
    evidence[sent] = Evidence.MAPS
    evidence[walked] = Evidence.SMAPS
    return Mappings(_table(lines, parsed, columns), evidence, trouble, smaps.lazily_freed(lines, walked))


def _whole(lines: Lines) -> Flags:
    """All lines except those at which a file was cut off, because their last field may be wrong."""
    whole = np.ones(len(lines), np.bool_)
    cut = which(~lines.ended)
    last = lines.file.searchsorted(cut, side="right") - 1
    if len(
        lines
    ):  # a file can end in the middle of a line that has no byte left, such as a lone carriage return
        whole[last[lines.file[last] == cut]] = False
    return whole


def _within_limits(parsed: maps_text.MapLines, limit_count: int, note: Note) -> maps_text.MapLines:
    """Applies the limits of a host; lines above them are left out."""
    if len(parsed.row) > limit_count:
        note(f"{len(parsed.row) - limit_count} mappings above the limit of {limit_count} were left out")
        parsed = parsed.only(np.arange(limit_count))
    sizes = (parsed.end - parsed.start).astype(np.float64)
    if sizes.sum() > ADDRESSES_LIMIT_BYTES:
        kept = which(sizes.cumsum() <= ADDRESSES_LIMIT_BYTES)
        note(f"{len(sizes) - len(kept)} mappings beyond 2^58 bytes of address space were left out")
        parsed = parsed.only(kept)
    return parsed


def _note_many(pids: Ints64, mappings: Ints64, note: Note) -> None:
    """Notes each process that has more mappings than are looked at in detail."""
    for row in which(~in_detail(mappings)).tolist():
        note(
            f"process {pids[row]}: {mappings[row]} mappings are too many to look at each;"
            " they are labelled by their names, sizes and neighbours alone"
        )


def _per_process(rows: Ints32, pids: Ints64) -> Ints64:
    return np.bincount(rows, minlength=len(pids))


def _note_others(pids: Ints64, lines: Lines, mappings: Ints64, note: Note) -> None:
    """Notes each process that sent a known text of another kind in place of its mappings."""
    for row in which((mappings == 0) & (lines.file_bytes > 0)).tolist():
        start = int(lines.file_start[row])
        other = other_text(lines.text.raw[start : start + int(lines.file_bytes[row])])
        if other is not None:
            note(f"process {pids[row]}: {IN_PLACE} {other.name}")


def _note_lines(pids: Ints64, lines: Lines, unreadable: Flags, note: Note) -> None:
    """Notes each process whose text is cut off in a line, or has lines that are not mappings."""
    for row in which(~lines.ended).tolist():
        note(
            f"process {pids[row]}: its mappings are cut off in the middle of a line,"
            f" at byte {lines.file_bytes[row]}"
        )
    rows = which(unreadable)
    processes, firsts, counts = np.unique(lines.file[rows], return_index=True, return_counts=True)
    for row, first, count in zip(processes.tolist(), rows[firsts].tolist(), counts.tolist(), strict=True):
        at = int(lines.start[first] - lines.file_start[row])
        note(f"process {pids[row]}: {count} lines are not mappings, the first at byte {at}")


def _table(lines: Lines, parsed: maps_text.MapLines, columns: smaps.SmapsColumns) -> MapTable:
    size_bytes = (parsed.end - parsed.start).astype(np.int64)
    return MapTable(
        process=lines.file[parsed.row],
        start=parsed.start,
        end=parsed.end,
        perms=parsed.perms,
        offset=parsed.offset,
        device=parsed.device,
        inode=parsed.inode,
        name_start=parsed.name_start,
        name_end=parsed.name_end,
        text=lines.text.raw,
        # Rss cannot exceed the size, except in a clipped mapping or on a host that lies
        resident_bytes=np.minimum(columns.resident_bytes, size_bytes),
        pss_bytes=np.minimum(columns.pss_bytes, size_bytes),
        swap_bytes=np.minimum(columns.swap_bytes, size_bytes),
        anonymous_bytes=np.minimum(columns.anonymous_bytes, size_bytes),
        huge_bytes=np.minimum(columns.huge_bytes, size_bytes),
        vm_flags=columns.vm_flags,
    )
