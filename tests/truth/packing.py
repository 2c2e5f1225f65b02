"""Moves the cases of a set from folders into one archive, or out of it, to change what they say.

`python -m tests.truth.packing unpack SET` makes a folder sets/SET/CASE/ of each case in sets/SET.tar.xz,
`pack SET` moves all folders of the set back. The archive depends on the files alone: it holds no times and no
owners.
"""

import argparse
import io
import lzma
import shutil
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

from domain.mistakes import Mistake, OperatorError
from tests.truth.cases import ARCHIVE, FILES, PLACE, members

_TOP = "cases/"  # of the paths in an archive


def pack(set_name: str, place: Path = PLACE) -> Path:
    """Move the folders of a set into its archive; they replace cases of the same name there."""
    folder, archive = place / set_name, place / f"{set_name}{ARCHIVE}"
    if not folder.is_dir():
        raise OperatorError(Mistake(str(folder), "no folder", "`unpack` makes it of the archive"))
    held = dict(members(set_name, place))
    for case in folder.glob("[!.]*"):
        own = f"{_TOP}{case.name}/"
        held = {path: content for path, content in held.items() if not path.startswith(own)}
        held |= {own + name: (case / name).read_bytes() for name in FILES if (case / name).is_file()}
    archive.write_bytes(_packed(held))
    shutil.rmtree(folder)
    return archive


def unpack(set_name: str, place: Path = PLACE) -> Path:
    """Move the cases of an archive into folders; what is no case stays in the archive."""
    folder, archive = place / set_name, place / f"{set_name}{ARCHIVE}"
    held = members(set_name, place)
    found = {path.removeprefix(_TOP): content for path, content in held.items() if path.startswith(_TOP)}
    taken = sorted({path.split("/")[0] for path in found if (folder / path.split("/")[0]).exists()})
    if taken or not found:
        problem = f"{taken[0]} is a folder already" if taken else "no case"
        raise OperatorError(Mistake(str(archive), problem, "`pack` moves folders into the archive"))
    for path, content in found.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    if rest := {path: content for path, content in held.items() if not path.startswith(_TOP)}:
        archive.write_bytes(_packed(rest))
    else:
        archive.unlink()
    return folder


def _packed(files: Mapping[str, bytes]) -> bytes:
    """An archive of these files; like lies beside like (all maps, then all smaps), which makes it smaller."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.USTAR_FORMAT) as opened:
        for path in sorted(files, key=lambda path: (path.rpartition("/")[2], path)):
            member = tarfile.TarInfo(path)
            member.size = len(files[path])
            opened.addfile(member, io.BytesIO(files[path]))
    return lzma.compress(tar.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.truth.packing", description=__doc__)
    parser.add_argument("way", choices=("pack", "unpack"))
    parser.add_argument("set_name", metavar="SET")
    options = parser.parse_args()
    try:
        print((pack if options.way == "pack" else unpack)(options.set_name))
    except OperatorError as refused:
        print(refused, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
