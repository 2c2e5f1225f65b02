"""Host names as file names.

An inventory may name a host `../x`, `=cmd()` or with 500 letters: so the name never becomes a path, and
the host of a file is read from its content, never from its name.
"""

import hashlib
from functools import lru_cache

FILE_NAME_BYTES_MAX = 200  # leaves room for suffixes and the temporary name within the usual limit of 255
_KEPT_LENGTH = 120
_DIGEST_LENGTH = 32
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


@lru_cache(maxsize=65536)
def file_name(host: str) -> str:
    """The host's name with all but [A-Za-z0-9._-] as %XX, a leading dot too; long ones end in a digest.

    Different hosts have different file names, because `%` and `~` are escaped too.
    """
    octets = host.encode("utf-8", "surrogateescape")
    escaped = "".join(
        chr(octet) if octet in _PLAIN and not (octet == ord(".") and index == 0) else f"%{octet:02X}"
        for index, octet in enumerate(octets)
    )
    if len(escaped) <= FILE_NAME_BYTES_MAX:
        return escaped
    return f"{escaped[:_KEPT_LENGTH]}~{hashlib.sha256(octets).hexdigest()[:_DIGEST_LENGTH]}"
