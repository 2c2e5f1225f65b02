"""Which archive a folder is: an id that is written once, so that a worker notices when it sees another."""

import re
import secrets
from typing import Final

from archive.store import Store
from domain.mistakes import Mistake, OperatorError

NAME: Final = "archive-id"
ID_BYTES_MAX: Final = 64
_ID = re.compile(rb"[0-9a-f]{32}\n")


def archive_id(store: Store) -> str:
    """The id of the archive in whose folder the runs are; "" if it has none yet.

    OperatorError if something else is in its place.
    """
    try:
        text = store.read(NAME, ID_BYTES_MAX)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    if not _ID.fullmatch(text):
        raise OperatorError(Mistake(store.place(NAME), "is not an id that mapsweep wrote", "remove it"))
    return text.decode().strip()


def made_archive_id(store: Store) -> str:
    """The id of an archive; one that has none gets it now."""
    store.write_once(NAME, f"{secrets.token_hex(16)}\n".encode())
    return archive_id(store)
