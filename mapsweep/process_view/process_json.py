"""One process as a JSON document."""

import json
from typing import TYPE_CHECKING, Any

from mapsweep.process_view.labelled_process import LabelledProcess
from procmaps.kinds import Kind
from procmaps.tables import UNKNOWN, FootprintTable, Ints64

if TYPE_CHECKING:
    from procmaps.losers import Loser

SCHEMA_VERSION = 1


def process_json(process: LabelledProcess, *, why: bool = False) -> str:
    """All labels with sizes in bytes (null if unknown) and addresses in hex."""
    table, unsure, footprints = process.snapshot.processes, process.doubts(), process.footprints()
    least, native, most = unsure.native_range(process.snapshot, footprints, 0)
    document = {
        "schema_version": SCHEMA_VERSION,
        "source": process.target,
        "pid": process.pid or None,
        "comm": process.comm.decode("utf-8", "backslashreplace") or None,
        "evidence": process.evidence.name.lower(),
        "threads": _known(table.threads, 0),
        "vm_size_bytes": _known(table.vm_size_bytes, 0),
        "rss_bytes": _known(table.rss_bytes, 0),
        "rss_anon_bytes": _known(table.rss_anon_bytes, 0),
        "reserved_bytes": int(process.sizes_bytes.sum()),
        "committed_bytes": process.sum_bytes(process.accessible),
        "native_heap_resident_max_bytes": native,
        "native_heap_least_bytes": least,
        "native_heap_most_bytes": most,
        "guessed_bytes": _known(unsure.guessed_bytes, 0),
        "present_bytes": _known(unsure.present_bytes, 0),
        "doubtful": unsure.is_doubtful(0),
        "notes": list(process.notes),
        "footprints": _footprints(footprints),
        "parts": part_rows(process, why=why),
    }
    return json.dumps(document, indent=1)


def _footprints(table: FootprintTable) -> list[dict[str, str | int | None]]:
    return [
        {
            "kind": kind.label,
            "family": kind.family.label,
            "block_bytes": int(table.block_bytes[row]),
            "count": int(table.count[row]),
            "reserved_bytes": int(table.reserved_bytes[row]),
            "committed_bytes": int(table.committed_bytes[row]),
            "resident_bytes": _known(table.resident_bytes, row),
            "resident_max_bytes": _known(table.resident_max_bytes, row),
        }
        for row in range(len(table))
        for kind in (Kind(int(table.kind[row])),)
    ]


def part_rows(process: LabelledProcess, *, why: bool) -> list[dict[str, Any]]:
    """Each part with its label; `why` adds the reason, the source of the rule, and what lost."""
    losers = process.losers() if why else {}
    rows = []
    for part in range(len(process.parts)):
        row = _part(process, part)
        if why:
            lost = losers.get(int(process.parts.block[part]))
            row |= {
                "why": process.why(part),
                "source": process.source(part),
                "losers": None if lost is None else [_loser(loser) for loser in lost],
            }
        rows.append(row)
    return rows


def _part(process: LabelledProcess, part: int) -> dict[str, Any]:
    start, end = process.span(part)
    return {
        "start": start,
        "end": end,
        "perms": process.perms(part),
        "name": process.name(part).decode("utf-8", "backslashreplace"),
        "kind": process.kind(part).label,
        "rule": process.rule(part),
        "confidence": process.confidence(part).label,
        "runner_up": Kind(int(process.parts.runner_up[part])).label,
        "resident_bytes": _known(process.parts.resident_bytes, part),
    }


def _loser(loser: "Loser") -> dict[str, Any]:
    return {
        "kind": loser.rule.kind.label,
        "rule": loser.rule.name,
        "confidence": loser.rule.confidence.label,
        "size_bytes": loser.size_bytes,
        "reason": loser.reason,
    }


def _known(column: Ints64, row: int) -> int | None:
    amount = int(column[row])
    return None if amount == UNKNOWN else amount
