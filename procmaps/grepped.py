"""The `grep` records of a host without awk (docs/dump-format.md), as the records that other hosts send."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from procmaps.masking import Budget, mask_cmdline
from procmaps.masking_options import AS_BY_DEFAULT, Masking
from procmaps.secret_paths import mask_cgroup, mask_comm

KIND: Final = b"grep"
_LINE = re.compile(rb"(?:[^\n:]*/)?([0-9]{1,7})/([a-z]+):")
_FILES: Final = (b"status", b"stat", b"limits", b"maps", b"smaps", b"comm", b"cmdline", b"cgroup")


def files_of(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(pid, file name, content) of each file in it; the lines of a file stand together."""
    current: tuple[int, bytes] | None = None
    lines: list[bytes] = []
    for line in content.split(b"\n"):
        named = _LINE.match(line)
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


def mask(content: bytes, masking: Masking = AS_BY_DEFAULT, budget: Budget | None = None) -> bytes:
    """The same lines with the secrets in them masked."""
    pieces: list[bytes] = []
    for pid, name, text in files_of(content):
        whole = text.removesuffix(b"\n")
        if name == b"cmdline":
            whole = mask_cmdline(whole, masking, budget)
        elif name == b"comm":
            whole = mask_comm(whole, masking)
        elif name == b"cgroup":
            whole = mask_cgroup(whole, masking, budget)
        pieces.extend(b"%d/%s:%s\n" % (pid, name, line) for line in whole.split(b"\n"))
    return b"".join(pieces)


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
