"""Until when the digests of a schedule were told: one object for each schedule, replaced by each digest.

    digests/NAME.json

It is in the archive, so that several workers, and one that was killed, send a digest once.
"""

from dataclasses import dataclass
from typing import ClassVar, Final

from archive import codec
from archive.store import Store
from domain.records import SCHEMA_VERSION, STRICT

_FOLDER: Final = "digests"
_BYTES_MAX: Final = 2**16


@dataclass(frozen=True, slots=True)
class DigestRecord:
    """Of one schedule."""

    __pydantic_config__: ClassVar = STRICT
    name: str
    until: str  # UTC, RFC 3339: the last due time that was told, or when the schedule was first seen
    schema_version: int = SCHEMA_VERSION


class DigestRecords:
    """The records of an archive."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, name: str) -> DigestRecord | None:
        """The record of a schedule; None if it has none yet."""
        try:
            return codec.read(DigestRecord, self._store, f"{_FOLDER}/{name}.json", _BYTES_MAX)
        except FileNotFoundError:
            return None

    def write(self, record: DigestRecord) -> None:
        """Keep a record in place of the one before."""
        self._store.make_root()  # a new archive has no run yet
        self._store.replace(f"{_FOLDER}/{record.name}.json", codec.encode(record))
