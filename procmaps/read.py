"""Reads a dump, or the files of one process, into a Snapshot.

Any bytes give a Snapshot or a DumpError. Anomalies of a process are in its Trouble and in the notes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from procmaps import grepped
from procmaps.digits import LEAD_BYTES, PAD_BYTES, Text, text_of
from procmaps.facts import facts_of
from procmaps.files import Files, Note, Spans, find_files
from procmaps.frames import Records, records_of, split
from procmaps.mapping_table import MAPPING_LIMIT_COUNT, mappings_of
from procmaps.process_table import process_table
from procmaps.tables import Evidence, ReadCounts, Snapshot

PROCESS_LIMIT_COUNT: Final = 1_000_000
NOTE_LIMIT_COUNT: Final = 100

_MEMORY: Final = frozenset((b"status", b"stat", b"limits", b"maps", b"smaps", b"denied"))
_IDENTITY: Final = frozenset((b"comm", b"cmdline", b"cgroup", b"exe"))
_HOST: Final = frozenset(
    (
        *(b"meminfo", b"thp", b"overcommit", b"max_map_count", b"osrelease", b"boot_id", b"uptime"),
        *(b"procstat", b"page", b"arch", b"os-release", b"cgroup-memory", b"begin", b"end"),
    )
)
_PAD: Final = b"\n" * PAD_BYTES


class DumpError(Exception):
    """Bytes that are not a dump: the byte at which reading stopped, and what was expected there."""

    def __init__(self, offset_bytes: int, expected: str) -> None:
        super().__init__(f"not a dump: at byte {offset_bytes}, expected {expected}")
        self.offset_bytes = offset_bytes
        self.expected = expected


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """The limits of one host; what exceeds them is left out and noted."""

    processes: int = PROCESS_LIMIT_COUNT
    mappings: int = MAPPING_LIMIT_COUNT


@dataclass(frozen=True, slots=True)
class _Notes:
    """The anomalies, for the operator: each sentence once, at most NOTE_LIMIT_COUNT."""

    sentences: dict[str, None] = field(default_factory=dict)

    def add(self, sentence: str) -> None:
        if len(self.sentences) < NOTE_LIMIT_COUNT:
            self.sentences[sentence] = None


def read(memory: bytes, identity: bytes, nonce: bytes, limits: ReadLimits | None = None) -> Snapshot:
    """The processes and mappings of one host, from the two parts of its stream (not compressed).

    Raises DumpError if the memory part has no record of this nonce.
    """
    limits = limits or ReadLimits()
    notes = _Notes()
    text, records = _records(memory, nonce)
    if not len(records):
        raise DumpError(0, "a record mark with the nonce of this connection")
    host = _host_records(text, records, notes.add)
    shift = 0
    if not _has_room(text, records):
        text, shift = text_of(_PAD + text.raw + _PAD), PAD_BYTES
    files = find_files(records, _MEMORY, shift, limits.processes, notes.add)
    named = _named(identity, nonce, limits)
    mappings = mappings_of(text, files, notes.add, limits.mappings)
    processes = process_table(text, files, named, mappings)
    counts = _counts(files, host.get(b"end"), len(memory), notes.add)
    return Snapshot(facts_of(host), counts, processes, mappings.table, tuple(notes.sentences))


def read_process(files: Mapping[str, bytes], pid: int, evidence: Evidence = Evidence.SMAPS) -> Snapshot:
    """One process from its files: maps, smaps, status, stat, limits, comm, cmdline, cgroup.

    Files of its host (osrelease, meminfo and the others of a dump) may be among them. Any may be missing.
    If both maps and smaps came, smaps is used, unless `evidence` is MAPS.
    """
    notes = _Notes()
    nowhere = Spans(*np.zeros((2, 1), np.int64))
    spans = dict.fromkeys(_MEMORY, nowhere)
    pieces = [_PAD]
    at = PAD_BYTES
    for name, content in files.items():
        kind = name.encode()
        unwanted = kind == b"smaps" and evidence < Evidence.SMAPS and "maps" in files
        if kind in _MEMORY and not unwanted:
            spans[kind] = Spans(np.array([at]), np.array([at + len(content)]))
            pieces += (content, b"\n")
            at += len(content) + 1
    text = text_of(b"".join((*pieces, _PAD)))
    found = Files(np.array([pid], np.int64), spans)
    named = {kind: {pid: files.get(kind.decode(), b"")} for kind in _IDENTITY}
    mappings = mappings_of(text, found, notes.add)
    processes = process_table(text, found, named, mappings)
    denied = int(processes.evidence[0] == Evidence.DENIED)
    counts = ReadCounts(listed=1, sent=1, kernel_threads=0, denied=denied, vanished=0, complete=True)
    host = {name.encode(): content for name, content in files.items() if name.encode() in _HOST}
    return Snapshot(facts_of(host), counts, processes, mappings.table, tuple(notes.sentences))


def _records(part: bytes, nonce: bytes) -> tuple[Text, Records]:
    """A part and its records; those of a host without awk are converted."""
    text = text_of(part)
    records = records_of(text, nonce)
    if grepped.KIND in records.kinds:
        text = text_of(grepped.as_records(part, nonce, split(part, nonce)))
        records = records_of(text, nonce)
    return text, records


def _host_records(text: Text, records: Records, note: Note) -> dict[bytes, bytes]:
    """The facts of the host by kind, the first of each; unknown kinds are noted."""
    found: dict[bytes, bytes] = {}
    for code, kind in enumerate(records.kinds):
        if kind in _HOST:
            row = int(np.argmax(records.kind == code))
            found[kind] = text.raw[records.start[row] : records.end[row]]
        elif kind not in _MEMORY:
            note(f"records of the unknown kind {kind.decode()} were left out")
    return found


def _has_room(text: Text, records: Records) -> bool:
    """Whether there are enough bytes before the first file and after the last to read without a copy.

    Its mark precedes the first file; the host's facts follow the last one, unless the part was cut off.
    """
    of_process = np.array([kind in _MEMORY for kind in records.kinds])[records.kind]
    ends = records.end[of_process].max(initial=0)
    return bool(records.start[0] >= LEAD_BYTES and ends + PAD_BYTES <= len(text.raw))


def _named(identity: bytes, nonce: bytes, limits: ReadLimits) -> dict[bytes, dict[int, bytes]]:
    """The files of the identity part, by kind and pid."""
    text, records = _records(identity, nonce)
    files = find_files(records, _IDENTITY, 0, limits.processes, _Notes().add)
    pids = files.pids.tolist()
    return {
        kind: dict(zip(pids, spans.contents(text.raw), strict=True)) for kind, spans in files.spans.items()
    }


def _counts(files: Files, closing: bytes | None, received_bytes: int, note: Note) -> ReadCounts:
    """Compares the host's own closing counts with what was received."""
    said: dict[bytes, int] = {}
    for pair in (closing or b"").split():
        name, _, value = pair.partition(b"=")
        if value.isdigit() and len(value) <= 9:
            said[name] = int(value)
    received, denied = len(files.pids), int(files.spans[b"denied"].sent.sum())
    complete = said.get(b"sent") == received and b"listed" in said and said.get(b"denied", denied) == denied
    if closing is None:
        note(f"the dump ends at byte {received_bytes} without its closing counts, so it was cut off")
    elif not complete:
        note(f"the host reports {said.get(b'sent', 0)} processes sent, {received} were received")
    return ReadCounts(
        listed=said.get(b"listed", received),
        sent=received,
        kernel_threads=said.get(b"kernel", 0),
        denied=denied,
        vanished=said.get(b"vanished", 0),
        complete=complete,
    )
