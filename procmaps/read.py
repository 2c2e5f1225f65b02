"""A dump becomes a Snapshot: the records of one host, or the files of one process.

Any bytes at all give a Snapshot or a DumpError. What is odd about a process is in its Trouble and the notes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from procmaps.facts import facts_of
from procmaps.frames import Record, grep_files, split
from procmaps.mapping_table import mappings_of
from procmaps.process_table import process_table
from procmaps.tables import Evidence, ReadCounts, Snapshot

PROCESS_LIMIT_COUNT: Final = 1_000_000  # four times what kernel.pid_max allows on most hosts
NOTE_LIMIT_COUNT: Final = 100
PID_LIMIT: Final = 2**22  # PID_MAX_LIMIT, include/linux/threads.h

Content: TypeAlias = bytes | memoryview
Files: TypeAlias = dict[bytes, dict[int, Content]]  # by kind of file, then by pid

OF_PROCESS: Final = frozenset(
    (b"status", b"stat", b"limits", b"maps", b"smaps", b"denied", b"comm", b"cmdline", b"cgroup", b"exe")
)
OF_HOST: Final = frozenset(
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
        *(b"page", b"arch", b"os-release", b"cgroup-memory", b"end", b"begin"),
    )
)


class DumpError(Exception):
    """Bytes that are no dump: where reading stopped, in bytes from the start, and what was expected there."""

    def __init__(self, offset_bytes: int, expected: str) -> None:
        super().__init__(f"not a dump: at byte {offset_bytes}, expected {expected}")
        self.offset_bytes = offset_bytes
        self.expected = expected


@dataclass(slots=True)
class _Part:
    """What one part of the stream holds, as it is taken in."""

    files: Files = field(default_factory=lambda: {kind: {} for kind in OF_PROCESS})
    host: dict[bytes, bytes] = field(default_factory=dict)
    pids: dict[int, None] = field(default_factory=dict)  # in the order of the dump
    notes: list[str] = field(default_factory=list)
    over_limit: int = 0

    def note(self, sentence: str) -> None:
        if len(self.notes) < NOTE_LIMIT_COUNT:
            self.notes.append(sentence)

    def take(self, kind: bytes, pid: int, content: Content) -> None:
        """Keep one file of one process; the first of a kind stays."""
        if not 0 < pid <= PID_LIMIT:
            self.note(f"a {kind.decode()} record of process {pid}, which cannot be, was left out")
            return
        if pid not in self.pids:
            if len(self.pids) >= PROCESS_LIMIT_COUNT:
                self.over_limit += 1
                return
            self.pids[pid] = None
        by_pid = self.files[kind]
        if pid in by_pid:
            self.note(f"process {pid} was sent more than once; the first {kind.decode()} was kept")
        else:
            by_pid[pid] = content


def read(memory: bytes, identity: bytes, nonce: bytes) -> Snapshot:
    """The processes and mappings of one host, from the two parts of its stream (not compressed).

    Raises DumpError where the memory part has no record of this nonce.
    """
    records = split(memory, nonce)
    if not records:
        raise DumpError(0, "a record mark with the nonce of this connection")
    part = _take(memory, records)
    named = _take(identity, split(identity, nonce))
    # identity alone makes no process
    files = part.files | {kind: named.files[kind] for kind in (b"comm", b"cmdline", b"cgroup", b"exe")}
    part.notes.extend(named.notes)
    pids = list(part.pids)
    mappings = mappings_of(pids, files, part.note)
    processes = process_table(pids, files, mappings.evidence, mappings.trouble)
    if part.over_limit:
        part.note(f"{part.over_limit} records beyond {PROCESS_LIMIT_COUNT} processes were left out")
    counts = _counts(part, memory, processes_sent=len(pids))
    return Snapshot(
        facts_of(part.host), counts, processes, mappings.table, tuple(part.notes[:NOTE_LIMIT_COUNT])
    )


def read_process(files: Mapping[str, bytes], pid: int, evidence: Evidence = Evidence.SMAPS) -> Snapshot:
    """One process from its files: maps, smaps, status, stat, limits, comm, cmdline, cgroup, exe.

    Any of them may be missing. Where both came, smaps supplies all, unless `evidence` is MAPS.
    """
    part = _Part()
    part.pids[pid] = None
    for name, content in files.items():
        kind = name.encode()
        if kind in OF_PROCESS and not (kind == b"smaps" and evidence < Evidence.SMAPS and "maps" in files):
            part.files[kind][pid] = content
    mappings = mappings_of([pid], part.files, part.note)
    processes = process_table([pid], part.files, mappings.evidence, mappings.trouble)
    denied = int(processes.evidence[0] == Evidence.DENIED)
    counts = ReadCounts(listed=1, sent=1, kernel_threads=0, denied=denied, vanished=0, complete=True)
    return Snapshot(facts_of({}), counts, processes, mappings.table, tuple(part.notes))


def _take(content: bytes, records: list[Record]) -> _Part:
    part = _Part()
    view = memoryview(content)
    for kind, pid, start, end in records:
        if kind in OF_PROCESS:
            # maps and smaps are joined to one text later: no copy before that
            part.take(kind, pid, view[start:end] if kind in (b"maps", b"smaps") else content[start:end])
        elif kind == b"grep":
            for file_pid, name, text in grep_files(content[start:end]):
                if name in OF_PROCESS:
                    part.take(name, file_pid, text)
        elif kind in OF_HOST:
            part.host.setdefault(kind, content[start:end])
        else:
            part.note(f"records of the unknown kind {kind.decode()} were left out")
    part.notes = list(dict.fromkeys(part.notes))
    return part


def _counts(part: _Part, memory: bytes, processes_sent: int) -> ReadCounts:
    """The host's own closing counts against what was received."""
    said: dict[bytes, int] = {}
    for pair in part.host.get(b"end", b"").split():
        name, _, value = pair.partition(b"=")
        if value.isdigit() and len(value) <= 9:
            said[name] = int(value)
    denied = len(part.files[b"denied"])
    sent = said.get(b"sent", processes_sent)
    complete = b"listed" in said and sent == processes_sent and said.get(b"denied", denied) == denied
    if not complete and b"end" in part.host:
        part.note(f"the host counts {sent} processes sent, {processes_sent} were received")
    elif not complete:
        part.note(f"the dump ends at byte {len(memory)} without its closing counts: the host was cut off")
    return ReadCounts(
        listed=said.get(b"listed", processes_sent),
        sent=processes_sent,
        kernel_threads=said.get(b"kernel", 0),
        denied=denied,
        vanished=said.get(b"vanished", 0),
        complete=complete,
    )
