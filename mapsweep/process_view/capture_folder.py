"""The folder that a report about a wrong label needs: the files of one process, with secrets masked."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

from domain.mistakes import Mistake, OperatorError
from domain.moments import now
from mapsweep.process_view.process_files import (
    BESIDE_MAPPINGS,
    INPUT_BYTES_MAX,
    OF_HOST,
    masked,
    read_beside,
    read_file,
)
from procmaps.classify import RULES_VERSION
from procmaps.masking_options import AS_BY_DEFAULT, Masking

MAPPINGS: Final = ("maps", "smaps")
VERSIONS: Final = "versions"


@dataclass(frozen=True, slots=True)
class Capture:
    """The files of one process, ready to be written, and those that could not be read."""

    files: Mapping[str, bytes] = field(repr=False)
    missing: tuple[Mistake, ...]


def capture(folder: Path, source: str, masking: Masking = AS_BY_DEFAULT) -> Capture:
    """The files of a folder like /proc/PID, secrets masked. Raises OperatorError if it has no mappings."""
    files: dict[str, bytes] = {}
    missing: list[Mistake] = []
    for name in (*MAPPINGS, *BESIDE_MAPPINGS, *OF_HOST):
        try:
            if name in MAPPINGS:
                content = read_file(folder / name, source, INPUT_BYTES_MAX)
            else:
                content = read_beside(folder, name, source)
            files[name] = masked(name, content, masking)
        except OperatorError as unread:
            missing += unread.mistakes
    if not any(files.get(name) for name in MAPPINGS):
        raise OperatorError(*missing, Mistake(source, "there is nothing to capture without maps or smaps"))
    files[VERSIONS] = _versions()
    return Capture(files, tuple(missing))


def write(captured: Capture, folder: Path) -> None:
    """Write the files, readable by the owner only, into a new or an empty folder. Raises OperatorError."""
    place = str(folder)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if any(folder.iterdir()):
            raise OperatorError(Mistake(place, "is not empty", "name a new folder: nothing is overwritten"))
        for name, content in captured.files.items():
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
    except FileExistsError:
        raise OperatorError(
            Mistake(place, "is not a folder", "name a new one: nothing is overwritten")
        ) from None
    except OSError as trouble:
        raise OperatorError(Mistake(place, (trouble.strerror or str(trouble)).lower())) from None


def _versions() -> bytes:
    """The facts on which the labels depend besides the process: of this machine, and of this mapsweep."""
    kernel = os.uname()
    facts = {
        "captured_at": now(),
        "mapsweep": version("mapsweep"),
        "rules": RULES_VERSION,
        "kernel": kernel.release,
        "architecture": kernel.machine,
        "page_bytes": os.sysconf("SC_PAGE_SIZE"),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "os": _os_name(),
    }
    return "".join(f"{name}: {fact}\n" for name, fact in facts.items()).encode()


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        return "unknown"
