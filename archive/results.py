"""A host's result as a file. docs/run-directory.md describes it.

A reader takes the sections that it knows and skips the others, so new evidence can be added as a new section.
The same dump, read by the same installation, gives the same bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Final

from archive.codec import decode_fields
from domain.mistakes import Mistake, OperatorError
from domain.records import STRICT, HostRecord

MAGIC: Final = b"mapsweep-result 1\n"
HEADER_BYTES_MAX: Final = 2**20  # meminfo, notes and all
SUFFIX: Final = ".result"
PROCESSES, ARGUMENTS, FOOTPRINTS, FINDINGS = ("processes", "arguments", "footprints", "findings")
REMEDY: Final = (
    "if the dumps are kept: of an open run, remove this file and resume it (mapsweep collect --resume RUN);"
    " of a closed one, mapsweep reclassify RUN"
)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of classifying a host's dump."""

    record: HostRecord
    sections: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class _Header:
    __pydantic_config__: ClassVar = STRICT
    record: HostRecord
    sections: dict[str, int]
    sha256: str


def encode(result: Result) -> bytes:
    """The result as the bytes of one file."""
    content = b"".join(result.sections.values())
    sizes = {name: len(section) for name, section in result.sections.items()}
    header = {
        "record": {each.name: getattr(result.record, each.name) for each in fields(result.record)},
        "sections": sizes,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    line = json.dumps(header, ensure_ascii=True, allow_nan=False).encode("ascii")
    return b"".join((MAGIC, line, b"\n", content))


def decode(content: bytes, place: str = "result") -> Result:
    """The result in a file's bytes, with all its sections; an OperatorError that names `place` if damaged."""
    if not content.startswith(MAGIC):
        raise _damaged(place, "is not a result of this version's format")
    end = content.find(b"\n", len(MAGIC), len(MAGIC) + HEADER_BYTES_MAX)
    if end < 0:
        raise _damaged(place, "has no header")
    header = decode_fields(_Header, content[len(MAGIC) : end], place)
    start = end + 1
    if any(size < 0 for size in header.sections.values()) or start + sum(header.sections.values()) != len(
        content
    ):
        raise _damaged(place, f"holds {len(content)} bytes, but its header says otherwise")
    if hashlib.sha256(memoryview(content)[start:]).hexdigest() != header.sha256:
        raise _damaged(place, "does not match its checksum")
    sections = {}
    for name, size in header.sections.items():
        sections[name] = content[start : start + size]
        start += size
    return Result(header.record, sections)


def _damaged(place: str, problem: str) -> OperatorError:
    return OperatorError(Mistake(place, problem, REMEDY))
