"""Folders with all that is in them, on this machine's file systems; no symbolic link is followed."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_UNFINISHED: Final = re.compile(r"\.[0-9a-f]{16}\.part")  # as Folder names what it has not finished writing


def sizes(folder: Path) -> dict[str, int]:
    """The bytes of each file in a folder by name, 0 for a folder; a link counts as itself.

    Empty if there is no such folder. OSError if it cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            return {entry.name: _own_bytes(entry) for entry in entries}
    except (FileNotFoundError, NotADirectoryError):
        return {}


def tree_bytes(path: Path) -> int:
    """The bytes of a file, or of all files below a folder; 0 if it is not there."""
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size if path.exists() or path.is_symlink() else 0
    return sum(sum(sizes(Path(folder)).values()) for folder, _, _ in os.walk(path))


def remove_tree(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, if it exists; of a link only the link goes.

    Another process may do the same at the same time.
    """
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    elif path.exists():
        if sys.version_info >= (3, 12):
            shutil.rmtree(path, onexc=_unless_gone)
        else:
            shutil.rmtree(path, onerror=lambda call, place, info: _unless_gone(call, place, info[1]))


def _unless_gone(_call: object, _place: str, error: BaseException) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


def unfinished(folder: Path) -> Iterator[tuple[str, datetime]]:
    """What is not written to its end below a folder: its path there, and when it was last written to."""
    for place, _, names in os.walk(folder):
        for name in names:
            if not _UNFINISHED.fullmatch(name):
                continue
            path = Path(place, name)
            try:
                changed_s = path.lstat().st_mtime
            except FileNotFoundError:  # finished meanwhile
                continue
            yield str(path.relative_to(folder)), datetime.fromtimestamp(changed_s, UTC)


def _own_bytes(entry: os.DirEntry[str]) -> int:
    try:
        return 0 if entry.is_dir(follow_symlinks=False) else entry.stat(follow_symlinks=False).st_size
    except FileNotFoundError:  # removed meanwhile
        return 0
