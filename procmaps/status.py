"""status, stat and limits of all processes of a host as columns.

status escapes the newlines of a name, so its keys cannot be forged; in stat the name is raw and ends at the
last parenthesis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from procmaps.digits import Text
from procmaps.lines import Span, beginning_with, lines_of, numbers_after, sizes_after
from procmaps.tables import UNKNOWN, UNLIMITED, Ints64

STAT_START_TICKS_FIELD: Final = 22  # counted from 1, as proc_pid_stat(5) does
_STACK_LIMIT: Final = b"Max stack size"
_LIMIT_COLUMN: Final = 26  # fs/proc/base.c, proc_pid_limits: "%-25s %-20s %-20s %-10s\\n"
_LIMIT_BYTES: Final = 20
_NUMBER_LIMIT_DIGITS: Final = 18  # larger ones are no size and no time


@dataclass(frozen=True, slots=True)
class StatusColumns:
    """One entry a process; UNKNOWN where the line did not come."""

    parent_pid: Ints64
    uid: Ints64  # the real one
    threads: Ints64
    vm_size_bytes: Ints64
    rss_bytes: Ints64
    rss_anon_bytes: Ints64  # RssAnon, RssFile, RssShmem: Linux 4.5 and later
    rss_file_bytes: Ints64
    rss_shmem_bytes: Ints64
    swap_bytes: Ints64
    data_bytes: Ints64
    main_stack_bytes: Ints64


def parse_status(text: Text, files: Sequence[Span]) -> StatusColumns:
    """The columns of these status files, one a process, empty where none was sent."""
    lines = lines_of(text, files)

    def column(key: bytes, *, is_size: bool = False) -> Ints64:
        numbers = np.full(len(files), UNKNOWN, np.int64)
        rows = beginning_with(lines, key)
        numbers[lines.file[rows]] = (sizes_after if is_size else numbers_after)(lines, rows, len(key))
        return numbers

    return StatusColumns(
        parent_pid=column(b"PPid:"),
        uid=column(b"Uid:"),
        threads=column(b"Threads:"),
        vm_size_bytes=column(b"VmSize:", is_size=True),
        rss_bytes=column(b"VmRSS:", is_size=True),
        rss_anon_bytes=column(b"RssAnon:", is_size=True),
        rss_file_bytes=column(b"RssFile:", is_size=True),
        rss_shmem_bytes=column(b"RssShmem:", is_size=True),
        swap_bytes=column(b"VmSwap:", is_size=True),
        data_bytes=column(b"VmData:", is_size=True),
        main_stack_bytes=column(b"VmStk:", is_size=True),
    )


def _number(field: bytes) -> int:
    return int(field) if field.isdigit() and len(field) <= _NUMBER_LIMIT_DIGITS else UNKNOWN


def start_ticks(stat: bytes) -> int:
    """When the process started, in clock ticks after boot; UNKNOWN where stat does not say."""
    # field 3 is the first behind the name's last parenthesis
    fields = stat[stat.rfind(b")") + 2 :].split(b" ", STAT_START_TICKS_FIELD - 2)
    return (
        _number(fields[STAT_START_TICKS_FIELD - 3]) if len(fields) > STAT_START_TICKS_FIELD - 3 else UNKNOWN
    )


def stack_limit_bytes(raw: bytes, start: int, end: int) -> int:
    """The soft RLIMIT_STACK in the limits raw[start:end]; UNLIMITED, or UNKNOWN where they do not say."""
    at = raw.find(_STACK_LIMIT, start, end)
    if at < 0:
        return UNKNOWN
    soft = raw[at + _LIMIT_COLUMN : min(at + _LIMIT_COLUMN + _LIMIT_BYTES, end)].strip()
    return UNLIMITED if soft == b"unlimited" else _number(soft)
