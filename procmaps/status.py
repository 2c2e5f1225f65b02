"""status, stat and limits of all processes of a host as columns.

status escapes newlines in a name, so its keys cannot be forged. In stat the name is raw, and ends at the last
parenthesis.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from procmaps.digits import Text
from procmaps.files import Spans
from procmaps.lines import Lines, beginning_with, lines_of, numbers_after, sizes_after
from procmaps.tables import UNKNOWN, UNLIMITED, Ints64

Numbers: TypeAlias = Callable[[Lines, Ints64, Ints64], Ints64]

STAT_START_TICKS_FIELD: Final = 22  # counted from 1, as proc_pid_stat(5) does
_LIMITS: Final = (b"Max stack size", b"Max processes", b"Max address space")
_LIMIT_COLUMN: Final = 26  # fs/proc/base.c, proc_pid_limits: "%-25s %-20s %-20s %-10s\\n"
_LIMIT_BYTES: Final = 20
# in the order of the columns
_SIZE_KEYS: Final = (
    *(b"VmSize:", b"VmRSS:", b"RssAnon:", b"RssFile:", b"RssShmem:", b"VmSwap:", b"VmData:", b"VmStk:"),
    *(b"VmPTE:", b"VmLck:", b"HugetlbPages:"),
)
_NUMBER_LIMIT_DIGITS: Final = 18  # larger numbers are neither a size nor a time


class StatusColumns(NamedTuple):
    """One entry per process; UNKNOWN if the line did not come."""

    parent_pid: Ints64
    uid: Ints64  # real
    threads: Ints64
    vm_size_bytes: Ints64
    rss_bytes: Ints64
    rss_anon_bytes: Ints64  # RssAnon, RssFile, RssShmem: Linux 4.5 and later
    rss_file_bytes: Ints64
    rss_shmem_bytes: Ints64
    swap_bytes: Ints64
    data_bytes: Ints64
    main_stack_bytes: Ints64
    page_table_bytes: Ints64
    locked_bytes: Ints64
    huge_page_bytes: Ints64  # HugetlbPages: Linux 4.4 and later; not in rss_bytes


class Limits(NamedTuple):
    """Soft limits of a process; UNLIMITED, or UNKNOWN if the file does not say."""

    stack_bytes: int  # RLIMIT_STACK
    processes: int  # RLIMIT_NPROC: of threads that its user may have on the host
    address_space_bytes: int  # RLIMIT_AS


def parse_status(text: Text, files: Spans) -> StatusColumns:
    """The columns of these status files, one per process, empty if none was sent."""
    lines = lines_of(text, files)

    def columns(keys: Sequence[bytes], numbers: Numbers) -> list[Ints64]:
        """One column per key; the lines of all keys are read at once, as a host has few processes."""
        rows = [beginning_with(lines, key) for key in keys]
        lengths = np.repeat([len(key) for key in keys], [len(found) for found in rows])
        values = np.full((len(keys), len(files.start)), UNKNOWN, np.int64)
        which = np.repeat(np.arange(len(keys)), [len(found) for found in rows])
        every = np.concatenate(rows)
        values[which, lines.file[every]] = numbers(lines, every, lengths)
        return list(values)

    return StatusColumns(
        *columns((b"PPid:", b"Uid:", b"Threads:"), numbers_after), *columns(_SIZE_KEYS, sizes_after)
    )


def _number(field: bytes) -> int:
    return int(field) if field.isdigit() and len(field) <= _NUMBER_LIMIT_DIGITS else UNKNOWN


def start_ticks(stat: bytes) -> int:
    """When the process started, in clock ticks after boot; UNKNOWN if stat does not say."""
    # field 3 is the first after the name's last parenthesis
    fields = stat[stat.rfind(b")") + 2 :].split(b" ", STAT_START_TICKS_FIELD - 2)
    return (
        _number(fields[STAT_START_TICKS_FIELD - 3]) if len(fields) > STAT_START_TICKS_FIELD - 3 else UNKNOWN
    )


def soft_limits(limits: bytes) -> Limits:
    """What the file of a process says of its limits."""
    return Limits(*(_soft(limits, name) for name in _LIMITS))


def _soft(limits: bytes, name: bytes) -> int:
    at = limits.find(name)
    if at < 0:
        return UNKNOWN
    soft = limits[at + _LIMIT_COLUMN : at + _LIMIT_COLUMN + _LIMIT_BYTES].strip()
    return UNLIMITED if soft == b"unlimited" else _number(soft)
