"""A kept dump as the tables of the core."""

from dataclasses import dataclass

from archive import dump_file
from domain.records import Dump
from procmaps.read import read
from procmaps.tables import Snapshot


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a dump says, and what is missing of it."""

    snapshot: Snapshot
    problems: tuple[str, ...]  # of the dump, of its memory part, of its identity part; "" for none
    is_cut: bool = False  # a part has more bytes than were to be inflated


def unpack(dump: Dump, inflated_bytes: int) -> Unpacked:
    """The snapshot of a dump; of each part at most so many bytes are inflated.

    Raises DumpError if the bytes are not a dump.
    """
    memory = dump_file.inflate(dump.memory_gz, inflated_bytes)
    identity = dump_file.inflate(dump.identity_gz, inflated_bytes)
    snapshot = read(memory.text, identity.text, dump.nonce.encode("ascii", "replace"))
    is_cut = any(part.problem and len(part.text) >= inflated_bytes for part in (memory, identity))
    return Unpacked(snapshot, (dump.problem, memory.problem, identity.problem), is_cut)
