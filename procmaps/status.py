"""status, stat and limits of all processes of a host as columns.

status escapes the newlines of a name, so its keys cannot be forged; in stat the name is raw and ends at the
last parenthesis.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from procmaps.lines import KILO_BYTES, beginning_with, lines_of, numbers_after
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


def parse_status(texts: Sequence[bytes]) -> StatusColumns:
    """The columns of these status texts, one process each, b"" where none was sent."""
    lines = lines_of(texts)
    every = np.arange(len(lines))
    words = lines.text.word(lines.start)

    def column(key: bytes, unit: int = 1) -> Ints64:
        numbers = np.full(len(texts), UNKNOWN, np.int64)
        rows = beginning_with(lines, every, words, key)
        found = numbers_after(lines, rows, len(key))
        numbers[lines.chunk[rows]] = np.where(found == UNKNOWN, UNKNOWN, found * unit)
        return numbers

    return StatusColumns(
        parent_pid=column(b"PPid:"),
        uid=column(b"Uid:"),
        threads=column(b"Threads:"),
        vm_size_bytes=column(b"VmSize:", KILO_BYTES),
        rss_bytes=column(b"VmRSS:", KILO_BYTES),
        rss_anon_bytes=column(b"RssAnon:", KILO_BYTES),
        rss_file_bytes=column(b"RssFile:", KILO_BYTES),
        rss_shmem_bytes=column(b"RssShmem:", KILO_BYTES),
        swap_bytes=column(b"VmSwap:", KILO_BYTES),
        data_bytes=column(b"VmData:", KILO_BYTES),
        main_stack_bytes=column(b"VmStk:", KILO_BYTES),
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


def stack_limit_bytes(limits: bytes) -> int:
    """The soft RLIMIT_STACK in bytes; UNLIMITED where there is none, UNKNOWN where limits does not say."""
    at = limits.find(_STACK_LIMIT)
    if at < 0:
        return UNKNOWN
    soft = limits[at + _LIMIT_COLUMN : at + _LIMIT_COLUMN + _LIMIT_BYTES].strip()
    return UNLIMITED if soft == b"unlimited" else _number(soft)
