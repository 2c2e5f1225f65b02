"""Adds a known case: the files of a process, and truth.tsv beside them, into the folder of a set.

`python -m tests.truth.new_case DIR` takes a folder that `mapsweep capture` wrote, or any other with maps or
smaps. Secrets are masked as in a sweep. If truth.tsv is wrong, each wrong line is named and nothing is
written.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from domain.mistakes import Mistake, OperatorError
from mapsweep.process_view.process_files import INPUT_BYTES_MAX, masked, read_file
from procmaps.masking import mask_line
from tests.truth import digests
from tests.truth.cases import CASES, DECORATED, EVIDENCES, FIELD, FILES, PLACE, Case, case_of, read_set
from tests.truth.figures import table, wrong
from tests.truth.scorer import score
from tests.truth.truth_file import MISTAKES_LIMIT_COUNT, TRUTH, contradictions, parse

CASE_LIMIT_BYTES: Final = 8 * 2**20
# of each case in the set `cases`, from which the tests of procmaps take their input
WHOLE: Final = ("maps", "smaps", "status", "stat", "limits", "comm", "cmdline")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SET: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_WRONG_LIMIT_COUNT: Final = 20


def add(capture: Path, set_name: str = FIELD, name: str = "", place: Path = PLACE) -> Case:
    """The case of a captured folder, written below `place` with its digests. Raises OperatorError."""
    name = name or capture.resolve().name
    _check_names(set_name, name, place)
    files = _files(capture)
    if set_name == CASES and (missing := [file for file in WHOLE if file not in files]):
        raise OperatorError(
            Mistake(str(capture), f"no {', '.join(missing)}, which other tests read", "SET=field needs less")
        )
    case = case_of(name, files, str(capture))
    kept = place.with_name(digests.KEPT.name)
    listed = digests.with_case(set_name, case, kept)
    _write(place / set_name / name, files)
    digests.write(listed, kept)
    return case


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a new folder, whole or not at all."""
    made = folder.with_name(f".{folder.name}.new")
    try:
        made.mkdir(parents=True)
        for name, content in files.items():
            (made / name).write_bytes(content)
        made.rename(folder)
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True)
        problem = (error.strerror or str(error)).lower()
        raise OperatorError(Mistake(str(folder), problem, "the case was not added")) from None


def _given(capture: str) -> Path:
    """The folder that was named. Raises OperatorError if none was: the empty path is this folder."""
    if not capture:
        raise OperatorError(Mistake("CAPTURE", "is not given", "make case CAPTURE=DIR"))
    return Path(capture)


def _check_names(set_name: str, name: str, place: Path) -> None:
    if not _SET.fullmatch(set_name):
        raise OperatorError(
            Mistake("SET", f"{set_name!r} is no name of a set", "a-z, 0-9, - and _, at most 32")
        )
    if not _NAME.fullmatch(name):
        remedy = "NAME=... gives another: letters, digits, '.', '-' and '_', at most 64"
        raise OperatorError(Mistake("NAME", f"{name!r} is no name of a case", remedy))
    if any(case.name == name for case in read_set(set_name, place)):
        raise OperatorError(Mistake("NAME", f"{set_name} has a case {name}", "NAME=... gives another"))


def _files(capture: Path) -> dict[str, bytes]:
    """The files to keep, masked. Raises OperatorError if mappings or truth are missing, or wrong."""
    place = str(capture)
    if not capture.is_dir():
        raise OperatorError(Mistake(place, "no such folder", "`mapsweep capture PID -o DIR` makes one"))
    read = {
        name: read_file(capture / name, place, INPUT_BYTES_MAX)
        for name in FILES
        if (capture / name).is_file()
    }
    mappings = read.get("maps") or read.get("smaps")
    mistakes = []
    if not mappings:
        mistakes.append(Mistake(place, "no maps or smaps", "`mapsweep capture PID -o DIR` writes both"))
    if TRUTH not in read:
        remedy = "write what is known: `start end kind source` for each range; CONTRIBUTING.md says how"
        mistakes.append(Mistake(place, f"no {TRUTH}", remedy))
    if (size_bytes := sum(map(len, read.values()))) > CASE_LIMIT_BYTES:
        remedy = "remove smaps: the case then tells what maps alone shows"
        mistakes.append(Mistake(place, f"{size_bytes} bytes, more than {CASE_LIMIT_BYTES}", remedy))
    if mistakes or not mappings:
        raise OperatorError(*mistakes)
    at = f"{place}/{TRUTH}"
    if wrongs := [*contradictions(parse(read[TRUTH], at), mappings, at)][:MISTAKES_LIMIT_COUNT]:
        raise OperatorError(*wrongs)
    return _masked(read)


def _masked(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files without secrets; in truth.tsv a source may be anything."""
    kept = {}
    for name, content in files.items():
        if name == TRUTH:
            kept[name] = "".join(map(_told, content.decode(errors="replace").splitlines())).encode()
        else:
            kept[name] = masked("maps" if name == DECORATED else name, content)
    return kept


def _told(line: str) -> str:
    """A line of truth.tsv, with the secrets of its source masked."""
    known = [] if line.startswith("#") else line.split(maxsplit=3)
    text = line if not known else known[3] if len(known) > 3 else ""
    return "\t".join((*known[:3], *([mask_line(text)] if text else ()))) + "\n"


def main(arguments: list[str] | None = None, place: Path = PLACE) -> int:
    parser = argparse.ArgumentParser(prog="make case", description=__doc__)
    parser.add_argument("capture", metavar="DIR")
    parser.add_argument("--set", dest="set_name", default=FIELD, help=f"the set ({FIELD})")
    parser.add_argument("--name", default="", help="the case (the folder's name)")
    options = parser.parse_args(arguments)
    try:
        case = add(_given(options.capture), options.set_name, options.name, place)
    except OperatorError as refused:
        print(refused, file=sys.stderr)
        return 2
    scores = [(options.set_name, evidence, score([case], evidence)) for evidence in EVIDENCES]
    print(f"{place / options.set_name / case.name}: {len(case.truth)} ranges\n")
    print("\n".join(table(scores)))
    for _, evidence, result in scores:
        if lines := list(wrong(result, _WRONG_LIMIT_COUNT)):
            print(f"\nwrong, {evidence}:", *lines, sep="\n")
    print("\nNext: read the files once more for names that must not be published, then `make floors`.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
