"""A dump becomes a Snapshot: the records of one host, or the files of one process.

Any bytes at all give a Snapshot or a DumpError. What is odd about a process is in its Trouble and the notes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from procmaps import grepped
from procmaps.digits import LEAD_BYTES, PAD_BYTES, Text, text_of
from procmaps.facts import facts_of
from procmaps.frames import Record, split_text
from procmaps.lines import Span
from procmaps.mapping_table import MAPPING_LIMIT_COUNT, mappings_of
from procmaps.process_table import process_table
from procmaps.tables import Evidence, ReadCounts, Snapshot

PROCESS_LIMIT_COUNT: Final = 1_000_000
NOTE_LIMIT_COUNT: Final = 100
PID_LIMIT: Final = 2**22  # PID_MAX_LIMIT, include/linux/threads.h

_MEMORY: Final = frozenset((b"status", b"stat", b"limits", b"maps", b"smaps", b"denied"))
_IDENTITY: Final = frozenset((b"comm", b"cmdline", b"cgroup", b"exe"))
_HOST: Final = frozenset(
    (
        *(
            b"meminfo",
            b"thp",
            b"overcommit",
            b"max_map_count",
            b"osrelease",
            b"boot_id",
            b"uptime",
            b"procstat",
        ),
        *(b"page", b"arch", b"os-release", b"cgroup-memory", b"begin", b"end"),
    )
)
_PAD: Final = b"\n" * PAD_BYTES


class DumpError(Exception):
    """Bytes that are no dump: where reading stopped, in bytes from the start, and what was expected there."""

    def __init__(self, offset_bytes: int, expected: str) -> None:
        super().__init__(f"not a dump: at byte {offset_bytes}, expected {expected}")
        self.offset_bytes = offset_bytes
        self.expected = expected


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How much one host may have; what is beyond is left out and noted."""

    processes: int = PROCESS_LIMIT_COUNT
    mappings: int = MAPPING_LIMIT_COUNT


@dataclass(slots=True)
class _Part:
    """Where in one part of the stream the files of each process are."""

    limits: ReadLimits
    files: dict[bytes, dict[int, Span]] = field(default_factory=dict)  # by kind, then by pid
    host: dict[bytes, Span] = field(default_factory=dict)
    pids: dict[int, None] = field(default_factory=dict)  # in the order of the dump
    notes: dict[str, None] = field(default_factory=dict)
    end: int = 0  # of the last file

    def note(self, sentence: str) -> None:
        """Keep a sentence for the operator, once."""
        if len(self.notes) < NOTE_LIMIT_COUNT:
            self.notes[sentence] = None

    def take(self, record: Record, shift: int, kinds: frozenset[bytes]) -> None:
        """Keep the place of a record; the first of a kind stays."""
        kind, pid, start, end = record
        span = (start + shift, end + shift)
        if kind in kinds:
            if self._admit(kind, pid) and self.files[kind].setdefault(pid, span) is not span:
                self.note(f"process {pid} was sent more than once: its first {kind.decode()} was kept")
            self.end = max(self.end, span[1])
        elif kind in _HOST:
            self.host.setdefault(kind, span)
        else:
            self.note(f"records of the unknown kind {kind.decode()} were left out")

    def _admit(self, kind: bytes, pid: int) -> bool:
        if pid in self.pids:
            return True
        if not 0 < pid <= PID_LIMIT:
            self.note(f"{kind.decode()} of a process {pid}, which cannot be, was left out")
            return False
        if len(self.pids) >= self.limits.processes:
            self.note(f"processes beyond {self.limits.processes} were left out")
            return False
        self.pids[pid] = None
        return True


def read(memory: bytes, identity: bytes, nonce: bytes, limits: ReadLimits | None = None) -> Snapshot:
    """The processes and mappings of one host, from the two parts of its stream (not compressed).

    Raises DumpError where the memory part has no record of this nonce.
    """
    text, records = _records(memory, nonce)
    if not records:
        raise DumpError(0, "a record mark with the nonce of this connection")
    shift = 0
    if not _has_room(text, records):
        text, shift = text_of(_PAD + text.raw + _PAD), PAD_BYTES
    part = _take(records, _MEMORY, shift, limits)
    named = _named(identity, nonce, limits)
    pids = list(part.pids)
    mappings = mappings_of(text, part.files, pids, part.note, part.limits.mappings)
    processes = process_table(text, part.files, named, pids, mappings)
    host = {kind: text.raw[start:end] for kind, (start, end) in part.host.items()}
    counts = _counts(part, host.get(b"end"), len(memory))
    return Snapshot(facts_of(host), counts, processes, mappings.table, tuple(part.notes))


def read_process(files: Mapping[str, bytes], pid: int, evidence: Evidence = Evidence.SMAPS) -> Snapshot:
    """One process from its files: maps, smaps, status, stat, limits, comm, cmdline, cgroup.

    Any of them may be missing. Where maps and smaps came, smaps supplies all, unless `evidence` is MAPS.
    """
    part = _take([], _MEMORY, 0, None)
    pieces = [_PAD]
    at = PAD_BYTES
    for name, content in files.items():
        kind = name.encode()
        unwanted = kind == b"smaps" and evidence < Evidence.SMAPS and "maps" in files
        if kind in _MEMORY and not unwanted:
            part.files[kind][pid] = (at, at + len(content))
            pieces += (content, b"\n")
            at += len(content) + 1
    text = text_of(b"".join((*pieces, _PAD)))
    named = {kind: {pid: files.get(kind.decode(), b"")} for kind in _IDENTITY}
    mappings = mappings_of(text, part.files, [pid], part.note)
    processes = process_table(text, part.files, named, [pid], mappings)
    denied = int(processes.evidence[0] == Evidence.DENIED)
    counts = ReadCounts(listed=1, sent=1, kernel_threads=0, denied=denied, vanished=0, complete=True)
    return Snapshot(facts_of({}), counts, processes, mappings.table, tuple(part.notes))


def _records(part: bytes, nonce: bytes) -> tuple[Text, list[Record]]:
    """A part and its records; those of a host without awk made into one a file."""
    text = text_of(part)
    records = split_text(text, nonce)
    if any(record.kind == grepped.KIND for record in records):
        text = text_of(grepped.as_records(part, nonce, records))
        records = split_text(text, nonce)
    return text, records


def _has_room(text: Text, records: list[Record]) -> bool:
    """Whether there is enough before the first file and behind the last, so that the part need not be copied.

    Before the first is its mark, with the nonce; behind the last are the host's facts, unless it was cut off.
    """
    ends = max((record.end for record in records if record.kind in _MEMORY), default=0)
    return records[0].start >= LEAD_BYTES and ends + PAD_BYTES <= len(text.raw)


def _take(records: list[Record], kinds: frozenset[bytes], shift: int, limits: ReadLimits | None) -> _Part:
    part = _Part(limits or ReadLimits(), {kind: {} for kind in kinds})
    for record in records:
        part.take(record, shift, kinds)
    return part


def _named(identity: bytes, nonce: bytes, limits: ReadLimits | None) -> dict[bytes, dict[int, bytes]]:
    """The files of the identity part, by kind and pid."""
    text, records = _records(identity, nonce)
    part = _take(records, _IDENTITY, 0, limits)
    return {
        kind: {pid: text.raw[start:end] for pid, (start, end) in of_pid.items()}
        for kind, of_pid in part.files.items()
    }


def _counts(part: _Part, closing: bytes | None, received_bytes: int) -> ReadCounts:
    """The host's own closing counts against what was received."""
    said: dict[bytes, int] = {}
    for pair in (closing or b"").split():
        name, _, value = pair.partition(b"=")
        if value.isdigit() and len(value) <= 9:
            said[name] = int(value)
    received, denied = len(part.pids), len(part.files[b"denied"])
    complete = said.get(b"sent") == received and b"listed" in said and said.get(b"denied", denied) == denied
    if closing is None:
        part.note(f"the dump ends at byte {received_bytes} without its closing counts: it was cut off")
    elif not complete:
        part.note(f"the host counts {said.get(b'sent', 0)} processes sent, {received} were received")
    return ReadCounts(
        listed=said.get(b"listed", received),
        sent=received,
        kernel_threads=said.get(b"kernel", 0),
        denied=denied,
        vanished=said.get(b"vanished", 0),
        complete=complete,
    )
