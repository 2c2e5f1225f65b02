"""The records of a part of a host's stream; docs/dump-format.md describes the format."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from procmaps import grepped
from procmaps.digits import WORD_BYTES, Text, text_of
from procmaps.lazy_pattern import compiled
from procmaps.masking import Budget, mask_cmdline
from procmaps.masking_options import AS_BY_DEFAULT, Masking
from procmaps.secret_paths import mask_cgroup, mask_comm
from procmaps.tables import Flags, Ints64, which

# lengths at which the probe cuts a command line: usually, after 64 MiB, and its own
ARGUMENTS_CUT_BYTES: Final = 131_072
CROWDED_CUT_BYTES: Final = 1024
CROWDED_BYTES: Final = 60 * 2**20
OWN_CUT_BYTES: Final = 40
RECORD_LIMIT_BYTES: Final = (
    3 * 2**16
)  # of the files of a process that are not of its memory; the rest is dropped
_MARK = compiled(rb"([a-z][a-z0-9_-]{0,31}) ([0-9]{1,7})\n")
_KIND_AND_PID = compiled(rb"[a-z][a-z0-9_-]{0,31} [0-9]{1,7}")


class Record(NamedTuple):
    """One record: its content is part[start:end]."""

    kind: bytes
    pid: int  # 0 for records of the host
    start: int
    end: int


@dataclass(frozen=True, slots=True, eq=False)
class Records:
    """The records of a part as columns, one entry per record, in order."""

    kinds: tuple[bytes, ...]  # those that occur
    kind: Ints64  # index in kinds
    pid: Ints64
    start: Ints64
    end: Ints64

    def __len__(self) -> int:
        return len(self.pid)


def split(part: bytes, nonce: bytes) -> list[Record]:
    """The records of a part, in order. Skips noise before the first mark, and a mark that is cut off.

    The newline before a mark belongs to no content.
    """
    found = records_of(text_of(part), nonce)
    columns = zip(
        *(column.tolist() for column in (found.kind, found.pid, found.start, found.end)), strict=True
    )
    return [Record(found.kinds[kind], pid, start, end) for kind, pid, start, end in columns]


def records_of(text: Text, nonce: bytes) -> Records:
    """The same records as columns."""
    lead = nonce + b" "
    at = _marks(text, lead)
    closed = text.newlines[text.newlines.searchsorted(at)]
    end = np.append(at[1:] - 1, len(text.raw))[: len(at)]
    behind = (at + len(lead)).tolist()
    heads = [text.raw[start:stop] for start, stop in zip(behind, closed.tolist(), strict=True)]
    whole: Flags = closed < len(text.raw)
    sound = np.fromiter(map(_KIND_AND_PID.fullmatch, heads), np.bool_, len(heads)) & whole
    if not sound.all():
        heads = [head for head, is_sound in zip(heads, sound.tolist(), strict=True) if is_sound]
        closed, end = closed[sound], end[sound]
    words = b" ".join(heads).split()
    kinds = dict.fromkeys(words[::2])
    code = dict(zip(kinds, range(len(kinds)), strict=True))
    return Records(
        tuple(kinds),
        np.array([code[kind] for kind in words[::2]], np.int64),
        np.array(list(map(int, words[1::2])), np.int64),
        np.minimum(
            closed + 1, end
        ),  # in a record without content, one newline both ends its mark and precedes the next mark
        end,
    )


def _marks(text: Text, lead: bytes) -> Ints64:
    """The starts of lines that begin with the nonce."""
    if len(lead) < WORD_BYTES:
        starts = (0, *(text.newlines[:-1] + 1).tolist())
        return np.array([start for start in starts if text.raw.startswith(lead, start)], np.int64)
    rows = which(text.firsts == int.from_bytes(lead[:WORD_BYTES]))
    at = np.where(rows > 0, text.newlines[rows - 1] + 1, 0)
    at = at[at <= len(text.raw) - len(lead)]
    for offset in (*range(WORD_BYTES, len(lead) - WORD_BYTES, WORD_BYTES), len(lead) - WORD_BYTES):
        at = at[text.words[at + offset] == int.from_bytes(lead[offset : offset + WORD_BYTES])]
    return at


def mask_identity(
    part: bytes,
    nonce: bytes,
    masking: Masking = AS_BY_DEFAULT,
    budget: Budget | None = None,
    *,
    crowded: bool | None = None,
) -> bytes:
    """Whole records with their secrets masked, and without the noise before the first mark.

    What exceeds the budget is dropped, and counted there. `crowded`: the whole part is so long that the
    probe cut arguments shorter; by default as long as `part` is.
    """
    budget = budget or Budget()
    crowded = len(part) >= CROWDED_BYTES if crowded is None else crowded
    pieces: list[bytes] = []
    for kind, pid, start, end in _one_by_one(part, nonce):
        if kind == grepped.KIND:
            content = grepped.mask(part[start:end], masking, budget)
        else:
            content = part[start : min(end, start + RECORD_LIMIT_BYTES)]
            if kind == b"cmdline":
                content = mask_cmdline(_whole(content, crowded=crowded), masking, budget)
            elif kind == b"comm":
                content = mask_comm(content, masking)
            elif kind == b"cgroup":
                content = mask_cgroup(content, masking, budget)
        pieces.append(b"%s %s %d\n%s" % (nonce, kind, pid, content))
    return b"\n".join(pieces)


def _one_by_one(part: bytes, nonce: bytes) -> Iterator[Record]:
    """The records as `split` has them, without an index of the lines, which a host can make very long."""
    lead = nonce + b" "
    mark = b"\n" + lead
    at = 0 if part.startswith(lead) else part.find(mark) + 1
    while part.startswith(lead, at):
        end = part.find(mark, at)
        end = len(part) if end < 0 else end
        head = _MARK.match(part, at + len(lead))
        if head:
            # in a record without content, one newline both ends its mark and precedes the next mark
            yield Record(head[1], int(head[2]), min(head.end(), end), end)
        at = end + 1


def sent_arguments(cmdline: bytes) -> bytes:
    """The part of a /proc/PID/cmdline that a sweep has of it, not masked yet."""
    return _whole(cmdline[:ARGUMENTS_CUT_BYTES], crowded=False)


def _whole(cmdline: bytes, *, crowded: bool) -> bytes:
    """A command line without the argument that the probe cut, because half of it may be half a secret."""
    length = len(cmdline)
    if length > ARGUMENTS_CUT_BYTES:  # more than the probe sends
        return cmdline[: cmdline.rfind(b"\0", 0, ARGUMENTS_CUT_BYTES) + 1]
    if cmdline.endswith(b"\0"):
        return cmdline
    if length == ARGUMENTS_CUT_BYTES or (crowded and length == CROWDED_CUT_BYTES):
        return cmdline[: cmdline.rfind(b"\0") + 1]
    if length == OWN_CUT_BYTES:  # may be a whole title of this length: drop only its last word
        return cmdline[: max(cmdline.rfind(b"\0"), cmdline.rfind(b" ")) + 1]
    return cmdline
