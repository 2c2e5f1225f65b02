"""The records of a host's stream, between marks that carry a nonce no process on the host knows."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from procmaps.masking import mask_cmdline

KIND_LIMIT_BYTES: Final = 32
_MARK = re.compile(rb"([a-z][a-z0-9_-]{0,31}) ([0-9]{1,7})\Z")
_GREP_LINE = re.compile(rb"(?:[^\n:]*/)?([0-9]{1,7})/([a-z]+):")


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
    lead = nonce + b" "
    records: list[Record] = []
    mark = 0 if part.startswith(lead) else part.find(b"\n" + lead) + 1
    if mark == 0 and not part.startswith(lead):
        return records
    while mark >= 0:
        newline = part.find(b"\n", mark)
        if newline < 0:
            break
        # an empty content's mark is followed at once by the next one's newline
        following = part.find(b"\n" + lead, newline)
        end = following if following >= 0 else len(part)
        named = _MARK.match(part[mark + len(lead) : min(newline, mark + len(lead) + KIND_LIMIT_BYTES + 9)])
        if named:
            records.append(Record(named[1], int(named[2]), min(newline + 1, end), end))
        mark = following + 1 if following >= 0 else -1
    return records


def grep_files(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(pid, file name, content) of what `grep -a ''` printed: `PATH:line` for each line of each file.

    Lines of one file stand together, each with its path before it, so no content can pass for another file.
    """
    current: tuple[int, bytes] | None = None
    lines: list[bytes] = []
    for line in content.split(b"\n"):
        named = _GREP_LINE.match(line)
        if not named:
            continue
        file = (int(named[1]), named[2])
        if file != current:
            if current:
                yield *current, b"".join(lines)
            current, lines = file, []
        lines.append(line[named.end() :] + b"\n")
    if current:
        yield *current, b"".join(lines)


def mask_identity(part: bytes, nonce: bytes) -> bytes:
    """The same part with the secrets in command lines masked, and without the noise before the first mark."""
    pieces: list[bytes] = []
    for record in split(part, nonce):
        content = part[record.start : record.end]
        if record.kind == b"cmdline":
            content = mask_cmdline(content)
        elif record.kind == b"grep":
            content = _mask_grep(content)
        pieces.append(b"%s %s %d\n%s" % (nonce, record.kind, record.pid, content))
    return b"\n".join(pieces)


def _mask_grep(content: bytes) -> bytes:
    pieces: list[bytes] = []
    for pid, name, text in grep_files(content):
        # grep ends the last line itself where the file does not
        whole = mask_cmdline(text.removesuffix(b"\n")) + b"\n" if name == b"cmdline" else text
        prefix = b"%d/%s:" % (pid, name)
        pieces.extend(prefix + line + b"\n" for line in whole.removesuffix(b"\n").split(b"\n"))
    return b"".join(pieces)
