"""What a text is that holds no mapping: another file of /proc, or the output of another program."""

import re
from typing import Final, NamedTuple

from procmaps.lazy_pattern import compiled

_LOOKED_AT_BYTES: Final = 4096
IN_PLACE: Final = "in place of its mappings came"  # in the note on a process that sent another text
READ_MAPS: Final = "give the text of /proc/PID/maps or /proc/PID/smaps"
UNPACK: Final = "unpack it first"


class OtherText(NamedTuple):
    """What a text is, and what to do instead."""

    name: str
    remedy: str


# The first form that fits counts. Each is sought near the beginning, at the start of a line or of the text.
_FORMS: Final = (
    (rb"\A\x1f\x8b", "a file packed by gzip", UNPACK),
    (rb"\A\xfd7zXZ\0", "a file packed by xz", UNPACK),
    (rb"\A\x28\xb5\x2f\xfd", "a file packed by zstd", UNPACK),
    (rb"\A\x7fELF", "a program or a core dump", READ_MAPS),
    # Linux, fs/proc/task_mmu.c, show_smaps_rollup: one line for all mappings, and their sums
    (rb"[0-9a-f]+-[0-9a-f]+ ---p [0-9a-f]+ \S+ \d+ +\[rollup\]\r?$", "smaps_rollup", READ_MAPS),
    # Linux, fs/proc/task_mmu.c, show_numa_map: an address, and the policy
    (rb"[0-9a-f]{8,16} (?:default|prefer|bind|interleave|local|weighted)", "numa_maps", READ_MAPS),
    (rb"\AName:[\t ].*\n(?:Umask|State):", "status", READ_MAPS),  # Linux, fs/proc/array.c, proc_pid_status
    (rb"\A\d+ \([\s\S]{0,64}\) [A-Za-z] -?\d+ -?\d+ ", "stat", READ_MAPS),  # there, do_task_stat
    (rb"\A\d+(?: \d+){6}\s*\Z", "statm", READ_MAPS),
    (rb"\ALimit +Soft Limit +Hard Limit", "limits", READ_MAPS),
    # procps, src/pmap.c: the command line, and then a heading (-x, -d, -X) or addresses without an end
    (rb"\A\d+: .*\n(?:[0-9a-f]{8,16} +\d+K |\s*Address )", "the output of pmap", READ_MAPS),
    (rb" *Address +(?:Kbytes +(?:RSS|PSS|Mode)|Perm +Offset) ", "the output of pmap", READ_MAPS),
    (rb" *Start Addr +End Addr +Size +Offset", "the output of GDB's `info proc mappings`", READ_MAPS),
    (rb"\[0x[0-9a-f]+-0x[0-9a-f]+\) [-r][-w][-x]", "the output of LLDB's `memory region`", READ_MAPS),
    # a command of GDB's extensions GEF, Pwndbg and PEDA, and a program of macOS
    (rb"(?:\x1b\[[\d;]*m)*(?:\[ *Legend: |LEGEND: |Start +End +Perm)", "the output of vmmap", READ_MAPS),
    (rb"==== \S+ regions for process ", "the output of vmmap", READ_MAPS),
    (rb" *PID +START +END +PRT ", "the output of procstat", READ_MAPS),  # FreeBSD
)
_COMPILED: Final = tuple(
    (compiled(form if form.startswith(rb"\A") else b"^" + form, re.MULTILINE), OtherText(name, remedy))
    for form, name, remedy in _FORMS
)


def other_text(text: bytes) -> OtherText | None:
    """What a text without any mapping is, by its first 4,096 bytes; None if its form is not known."""
    beginning = text[:_LOOKED_AT_BYTES]
    return next((other for form, other in _COMPILED if form.search(beginning)), None)
