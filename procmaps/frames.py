"""The records of a host's stream, between marks that carry a nonce no process on the host knows."""

import re
from typing import NamedTuple

from procmaps import grepped
from procmaps.digits import Text, text_of
from procmaps.masking import mask_cmdline

_MARK = re.compile(rb"([a-z][a-z0-9_-]{0,31}) ([0-9]{1,7})\Z")


class Record(NamedTuple):
    """One record: its content is part[start:end]."""

    kind: bytes
    pid: int  # 0 for what is of the host
    start: int
    end: int


def split(part: bytes, nonce: bytes) -> list[Record]:
    """The records of a part, in order. Skips noise before the first mark, and a mark that is cut off.

    The newline before a mark is the stream's own and belongs to no content.
    """
    return split_text(text_of(part), nonce)


def split_text(text: Text, nonce: bytes) -> list[Record]:
    """The same, of a Text."""
    part, lead = text.raw, b"\n" + nonce + b" "
    records: list[Record] = []
    # a part may begin with a mark, then the newline before it is not in the part
    opened = -1 if part.startswith(lead[1:]) else part.find(lead)
    if opened < 0 and not part.startswith(lead[1:]):
        return []
    while (closed := part.find(b"\n", opened + 1)) >= 0:
        found = part.find(lead, closed)
        end = found if found >= 0 else len(part)
        if named := _MARK.match(part, opened + len(lead), closed):
            records.append(Record(named[1], int(named[2]), min(closed + 1, end), end))
        if found < 0:
            break
        opened = found
    return records


def mask_identity(part: bytes, nonce: bytes) -> bytes:
    """The same part with the secrets in command lines masked, and without the noise before the first mark."""
    pieces: list[bytes] = []
    for kind, pid, start, end in split(part, nonce):
        content = part[start:end]
        if kind == b"cmdline":
            content = mask_cmdline(content)
        elif kind == grepped.KIND:
            content = grepped.mask(content)
        pieces.append(b"%s %s %d\n%s" % (nonce, kind, pid, content))
    return b"\n".join(pieces)
