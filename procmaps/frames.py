"""The records of a host's stream, between marks that carry a nonce no process on the host knows."""

import re
from typing import NamedTuple

import numpy as np

from procmaps import grepped
from procmaps.digits import WORD_BYTES, Text, text_of
from procmaps.masking import mask_cmdline

_KIND = re.compile(rb"[a-z][a-z0-9_-]{0,31}")
_PID_DIGITS = 7


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
    part, lead, newlines = text.raw, nonce + b" ", text.newlines
    # a mark stands between two newlines: most lines are told from one by their first word
    before = newlines[: np.searchsorted(newlines, len(part) - len(lead) - 1)]
    found = np.arange(len(before))
    if len(lead) >= WORD_BYTES:
        found = np.flatnonzero(text.words[before + 1] == int.from_bytes(lead[:WORD_BYTES]))
    opening = before[found].tolist()
    closing = newlines[found + 1].tolist()
    marks = [mark for mark in zip(opening, closing, strict=True) if part.startswith(lead, mark[0] + 1)]
    if part.startswith(lead):
        marks.insert(0, (-1, int(newlines[0])))
    ends = [opened for opened, _ in marks[1:]] + [len(part)]
    records: list[Record] = []
    kinds: set[bytes] = set()  # those that are well formed: a host sends few kinds, and many records
    for (opened, closed), end in zip(marks, ends, strict=False):  # without a mark there is one end
        kind, _, pid = part[opened + 1 + len(lead) : closed].partition(b" ")
        if kind not in kinds:
            if not _KIND.fullmatch(kind):
                continue
            kinds.add(kind)
        if pid.isdigit() and len(pid) <= _PID_DIGITS and closed < len(part):
            start = closed + 1 if closed < end else end
            records.append(tuple.__new__(Record, (kind, int(pid), start, end)))
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
