"""The known processes. A set is an archive sets/SET.tar.xz, read in memory, a folder sets/SET/, or both."""

import re
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from domain.mistakes import Mistake, OperatorError
from mapsweep.process_view.process_files import INPUT_BYTES_MAX, OF_HOST, read_file
from tests.truth.truth_file import TRUTH, Range, disjoint, parse

CASES, LIVE, FRESH, FIELD = "cases", "live", "fresh", "field"
PLACE: Final = Path(__file__).with_name("sets")
ARCHIVE: Final = ".tar.xz"
# what a host sends, of a process and of itself; nothing else is read to classify
SENT = (
    *("maps", "smaps", "status", "stat", "cmdline", "comm", "limits", "cgroup"),
    *OF_HOST,
)
DECORATED: Final = "maps.decorated"
FILES: Final = (*SENT, DECORATED, TRUTH)
TABLED: Final = ("maps", "smaps", "decorated")
EVIDENCES: Final = (*TABLED, "swapped")  # maps, with most of the anonymous memory in swap
SWAPPED_TENTHS: Final = 9  # of the anonymous memory
NOT_SWAPPED: Final = "c-"  # small C programs, each made for one question, some with locked memory
_HEADERS: Final = re.compile(rb"^[0-9a-f]+-[0-9a-f]+ .*(?:\n|\Z)", re.MULTILINE)
_SIZE: Final = r"^(%s:\s+)(\d+)(?= kB)"


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One process: its files by name, and the ranges whose kind is known, by address and without overlaps."""

    name: str
    files: Mapping[str, bytes] = field(repr=False)
    truth: tuple[Range, ...] = field(repr=False)

    def sent(self) -> dict[str, bytes]:
        """The files of it that a host sends."""
        return {name: content for name, content in self.files.items() if name in SENT}

    def shown_by(self, evidence: str) -> dict[str, bytes] | None:
        """What a host sends that shows this evidence, one of EVIDENCES; None if the case does not have it."""
        sent = self.sent()
        if evidence == "smaps":
            return sent if "smaps" in sent else None
        walked = sent.pop("smaps", b"")
        sent["maps"] = sent.get("maps") or b"".join(_HEADERS.findall(walked))
        if evidence == "decorated":
            return sent | {"maps": self.files[DECORATED]} if DECORATED in self.files else None
        if evidence == "swapped":
            status = b"" if self.name.startswith(NOT_SWAPPED) else swapped(sent.get("status", b""))
            return sent | {"status": status} if status else None
        return sent


def swapped(status: bytes) -> bytes:
    """A status with SWAPPED_TENTHS tenths of RssAnon moved to VmSwap; empty if RssAnon is not in it."""
    text = status.decode(errors="surrogateescape")
    found = re.search(_SIZE % "RssAnon", text, re.MULTILINE)
    if found is None:
        return b""
    moved = int(found[2]) * SWAPPED_TENTHS // 10
    if not re.search(_SIZE % "VmSwap", text, re.MULTILINE):
        text += "VmSwap:\t       0 kB\n"
    for key, change in (("RssAnon", -moved), ("VmRSS", -moved), ("VmSwap", moved)):
        text = re.sub(
            _SIZE % key,
            lambda size, change=change: f"{size[1]}{int(size[2]) + change}",  # type: ignore[misc]
            text,
            flags=re.MULTILINE,
        )
    return text.encode(errors="surrogateescape")


@cache
def cases(set_name: str = CASES) -> tuple[Case, ...]:
    """All cases of a set by name."""
    return read_set(set_name)


def read_set(set_name: str, place: Path = PLACE) -> tuple[Case, ...]:
    """The cases of a set below `place` by name; none if there is no such set. Raises OperatorError."""
    packed = (
        case_of(name, files, f"{set_name}{ARCHIVE}: {name}") for name, files in _packed(set_name, place)
    )
    folder = place / set_name
    loose = (read_case(path) for path in folder.glob("[!.]*")) if folder.is_dir() else ()
    found = sorted((*packed, *loose), key=lambda case: case.name)
    for before, case in pairwise(found):
        if before.name == case.name:
            raise OperatorError(
                Mistake(str(folder / case.name), f"is in {set_name}{ARCHIVE} too", "rename or remove it")
            )
    return tuple(found)


@cache
def edges() -> dict[str, bytes]:
    """Odd input by file name."""
    return {
        path.split("/")[1]: content for path, content in members(CASES).items() if path.startswith("edge/")
    }


def folder_cases(folder: Path) -> tuple[Case, ...]:
    """The cases of a folder of another: FOLDER/NAME/maps or FOLDER/cases/NAME/maps. Raises OperatorError."""
    for parent in (folder / "cases", folder):
        found = sorted(path for path in parent.glob("*") if any((path / name).is_file() for name in SENT[:2]))
        if found:
            return tuple(read_case(path) for path in found)
    raise OperatorError(
        Mistake(
            str(folder), "no case", "a folder with NAME/maps or NAME/smaps, and NAME/truth.tsv, is needed"
        )
    )


def read_case(folder: Path) -> Case:
    """The case that a folder holds. Raises OperatorError if its truth is missing or cannot be read."""
    files = {
        name: read_file(folder / name, str(folder), INPUT_BYTES_MAX)
        for name in FILES
        if (folder / name).is_file()
    }
    return case_of(folder.name, files, str(folder))


def case_of(name: str, files: Mapping[str, bytes], place: str) -> Case:
    """A case out of its files; `place` says in errors where they are from. Raises OperatorError."""
    if TRUTH not in files:
        raise OperatorError(
            Mistake(
                place, "no truth.tsv", "write what is known: a line `start end kind source` for each range"
            )
        )
    truth = disjoint(parse(files[TRUTH], f"{place}/{TRUTH}"))
    return Case(name, {kind: content for kind, content in files.items() if kind != TRUTH}, truth)


def members(set_name: str, place: Path = PLACE) -> dict[str, bytes]:
    """The files of a set's archive by path; none if it has no archive."""
    path = place / f"{set_name}{ARCHIVE}"
    found: dict[str, bytes] = {}
    if path.is_file():
        with tarfile.open(path, mode="r:xz") as opened:
            for member in opened:
                content = opened.extractfile(member)
                if content is not None:
                    found[member.name] = content.read()
    return found


def _packed(set_name: str, place: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The cases of a set's archive: name, and files by name."""
    packed: dict[str, dict[str, bytes]] = defaultdict(dict)
    for path, content in members(set_name, place).items():
        top, _, rest = path.partition("/")
        name, _, file = rest.partition("/")
        if top == "cases":
            packed[name][file] = content
    yield from packed.items()


def _sets() -> tuple[str, ...]:
    """The names of all sets: the first four in this order, then others by name."""
    archives = {path.name.removesuffix(ARCHIVE) for path in PLACE.glob(f"*{ARCHIVE}")}
    known = (CASES, LIVE, FRESH, FIELD)
    found = archives | {path.name for path in PLACE.iterdir() if path.is_dir()}
    return (*(name for name in known if name in found), *sorted(found - set(known)))


SETS: Final = _sets()
