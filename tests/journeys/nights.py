"""The recorded hosts of the demo on later nights: their files are changed as a kernel would write them."""

import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Final

MIB: Final = 2**20
HEAP_BYTES: Final = 64 * MIB  # of glibc's arenas, HEAP_MAX_SIZE
PAGE: Final = 4096
_LINE: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) (.*)")


def grow_arenas(process: Path, by_bytes: int) -> None:
    """Fill the secondary arenas, and map further ones below the lowest, until so much more is in use."""
    lines = (process / "maps").read_text().splitlines()
    found = [_LINE.fullmatch(line) for line in lines]
    left, lowest = by_bytes, None
    for place, (here, behind) in enumerate(pairwise(found)):
        if here is None or behind is None:
            continue
        start, end, limit = int(here[1], 16), int(here[2], 16), int(behind[2], 16)
        is_heap = start % HEAP_BYTES == 0 and (limit - start) == HEAP_BYTES and int(behind[1], 16) == end
        if (
            not is_heap
            or here[3] != "rw-p"
            or behind[3] != "---p"
            or not here[4].startswith("00000000 00:00 0")
        ):
            continue
        lowest = start if lowest is None else lowest
        more = min(left, limit - PAGE - end)
        lines[place : place + 2] = _heap(start, end + more)
        left -= more
    assert lowest is not None
    new: list[str] = []
    while left > 0:
        lowest -= HEAP_BYTES
        more = min(left, HEAP_BYTES - PAGE)
        new = _heap(lowest, lowest + more) + new
        left -= more
    place = next(at for at, line in enumerate(lines) if int(line.partition("-")[0], 16) > lowest)
    lines[place:place] = new
    (process / "maps").write_text("\n".join(lines) + "\n")
    _grown(process, by_bytes)


def grow_go_heap(process: Path, by_bytes: int) -> None:
    """Have Go's heap in use for so much more; its reservation grows as it does, by whole arenas."""
    lines = (process / "maps").read_text().splitlines()
    place = max(at for at, line in enumerate(lines) if line.startswith("c0"))  # what is only reserved
    used, rest = _LINE.fullmatch(lines[place - 1]), _LINE.fullmatch(lines[place])
    assert used is not None
    assert rest is not None
    assert (used[3], rest[3]) == ("rw-p", "---p")
    end = int(used[2], 16) + by_bytes
    limit = -(-end // HEAP_BYTES) * HEAP_BYTES
    lines[place - 1] = f"{used[1]}-{end:x} rw-p 00000000 00:00 0 "
    lines[place] = f"{end:x}-{limit:x} ---p 00000000 00:00 0 "
    if limit == end:
        del lines[place]
    (process / "maps").write_text("\n".join(lines) + "\n")
    _grown(process, by_bytes)


def restart(host: Path, pid: int, new_pid: int, later_s: int) -> None:
    """Have a process begin anew, under another pid and so much later."""
    old, new = host / f"proc/{pid}", host / f"proc/{new_pid}"
    shutil.move(old, new)
    stat = (new / "stat").read_text()
    fields = stat.rpartition(")")[2].split()
    fields[19] = str(int(fields[19]) + later_s * 100)  # field 22, of the whole line
    (new / "stat").write_text(
        f"{new_pid} {stat[stat.index('(') : stat.rindex(')') + 1]} {' '.join(fields)}\n"
    )
    status = (new / "status").read_text()
    lines = rf"^((?:Pid|Tgid|NStgid|NSpid):\t){pid}$"
    (new / "status").write_text(re.sub(lines, rf"\g<1>{new_pid}", status, flags=re.MULTILINE))


def _heap(start: int, end: int) -> list[str]:
    """A heap of an arena: what is in use, and the rest of its reservation."""
    return [
        f"{start:x}-{end:x} rw-p 00000000 00:00 0 ",
        f"{end:x}-{start + HEAP_BYTES:x} ---p 00000000 00:00 0 ",
    ]


def _grown(process: Path, by_bytes: int) -> None:
    """What the kernel says of a process that has so much more in RAM."""
    text = (process / "status").read_text()
    for name in ("VmHWM", "VmRSS", "RssAnon", "VmData"):
        text = re.sub(
            rf"^({name}:\s*)(\d+)( kB)$",
            lambda m: f"{m[1]}{int(m[2]) + by_bytes // 1024}{m[3]}",
            text,
            flags=re.MULTILINE,
        )
    (process / "status").write_text(text)
