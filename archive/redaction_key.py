"""The secret of a run by which its redacted reports name hosts: made once, kept in the run, in no report."""

import secrets
from typing import Final

from archive.store import Store
from domain.mistakes import Mistake, OperatorError

REDACTION_KEY: Final = "redaction.key"
KEY_BYTES: Final = 32


def redaction_key(store: Store) -> bytes:
    """The key of a run, the same at every call; OperatorError if it can be neither read nor made."""
    place = store.place(REDACTION_KEY)
    try:
        try:
            key = store.read(REDACTION_KEY)
        except FileNotFoundError:
            store.write_once(REDACTION_KEY, secrets.token_bytes(KEY_BYTES))
            key = store.read(REDACTION_KEY)
    except OSError as error:
        remedy = "redact as an account that may write into the run, or a copy of the run"
        raise OperatorError(Mistake(place, f"cannot be kept: {error.strerror or error}", remedy)) from error
    if len(key) != KEY_BYTES:
        remedy = "remove the file; a new key gives hosts other names than reports that were redacted before"
        raise OperatorError(Mistake(place, f"has {len(key)} bytes instead of {KEY_BYTES}", remedy))
    return key
