"""The `grep` records of a host without awk (docs/dump-format.md), as the records that other hosts send."""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from procmaps.lazy_pattern import compiled
from procmaps.masking import Budget, mask_cmdline
from procmaps.masking_options import AS_BY_DEFAULT, Masking
from procmaps.secret_paths import mask_cgroup, mask_comm

KIND: Final = b"grep"
FILE_LIMIT_BYTES: Final = 3 * 2**16  # of a file that is masked; the rest is dropped
NAMED_LIMIT_BYTES: Final = 4096  # of what names the file of a line, far more than grep writes
_LINE = compiled(rb"(?:[^\n:]*/)?([0-9]{1,7})/([a-z]+):")
_FILES: Final = (b"status", b"stat", b"limits", b"maps", b"smaps", b"comm", b"cmdline", b"cgroup")


def files_of(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(pid, file name, content) of each file in it; the lines of a file stand together."""
    current: tuple[int, bytes] | None = None
    text = bytearray()
    for start, end in _lines(content):
        named = _LINE.match(content, start, end)
        if not named:
            continue
        file = (int(named[1]), named[2])
        if file != current:
            if current:
                yield *current, bytes(text)
            current = file
            text.clear()
        text += content[named.end() : end] + b"\n"
    if current:
        yield *current, bytes(text)


def last_file(text: bytes | bytearray, start: int) -> int:
    """Where the lines of the last file begin, in lines from `start` on, of which the last may be cut off."""
    end = text.rfind(b"\n", start)
    if end < 0:
        return start
    last = text.rfind(b"\n", start, end) + 1 or start
    named = _LINE.match(text, last, min(end, last + NAMED_LIMIT_BYTES))
    if not named:
        return last
    of_another = re.compile(rb"\n(?!" + re.escape(named[0]) + rb")")
    others = deque(of_another.finditer(text, start - 1, end), 1)
    return text.find(b"\n", others[0].end()) + 1 if others else start


def _lines(content: bytes) -> Iterator[tuple[int, int]]:
    """Where the lines are, one by one: a list of those of a hostile host takes gigabytes."""
    start = 0
    while start <= len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        yield start, end
        start = end + 1


def mask(content: bytes, masking: Masking = AS_BY_DEFAULT, budget: Budget | None = None) -> bytes:
    """The same lines with the secrets in them masked."""
    masked = bytearray()
    for pid, name, text in files_of(content):
        whole = text.removesuffix(b"\n")[:FILE_LIMIT_BYTES]
        if name == b"cmdline":
            whole = mask_cmdline(whole, masking, budget)
        elif name == b"comm":
            whole = mask_comm(whole, masking)
        elif name == b"cgroup":
            whole = mask_cgroup(whole, masking, budget)
        for line in whole.split(b"\n"):
            masked += b"%d/%s:%s\n" % (pid, name, line)
    return bytes(masked)


def as_records(part: bytes, nonce: bytes, records: Iterable[tuple[bytes, int, int, int]]) -> bytes:
    """The part with one record per file in place of grep's; and the counts that awk would have sent."""
    files: dict[bytes, dict[int, bytes]] = {name: {} for name in _FILES}
    kept: list[tuple[bytes, int, bytes]] = []
    closing = b""
    for kind, pid, start, end in records:
        if kind == KIND:
            for of_pid, name, text in files_of(part[start:end]):
                # grep ends the last line itself where the file does not
                whole = text.removesuffix(b"\n") if name == b"cmdline" else text
                files.get(name, {}).setdefault(of_pid, whole)
        elif kind == b"end":
            closing = part[start:end]
        else:
            kept.append((kind, pid, part[start:end]))
    statuses = files[b"status"]
    if statuses:
        # kernel threads and zombies have no memory of their own, and are not sent elsewhere
        living = [pid for pid, status in statuses.items() if b"\nVmSize:" in status]
        denied = {pid: b"" for pid in living if pid not in files[b"maps"]}
        files = {name: {pid: texts[pid] for pid in living if pid in texts} for name, texts in files.items()}
        files[b"denied"] = denied
        counts = (len(living), len(statuses) - len(living), len(denied))
        closing = closing.strip() + b" sent=%d kernel=%d denied=%d vanished=0" % counts if closing else b""
    kept.extend((name, pid, text) for name, texts in files.items() for pid, text in texts.items())
    if closing:
        kept.append((b"end", 0, closing))
    return b"".join(b"%s %s %d\n%s\n" % (nonce, kind, pid, content) for kind, pid, content in kept)
