"""The ProcessTable out of the files of all processes."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from procmaps.status import parse_status, stack_limit_bytes, start_ticks
from procmaps.tables import Bytes8, ProcessTable

CMDLINE_LIMIT_BYTES: Final = 131_072
ARGUMENT_LIMIT_COUNT: Final = 4096
CGROUP_LIMIT_BYTES: Final = 16_384
COMM_LIMIT_BYTES: Final = 64  # TASK_COMM_LEN is 16; kernel threads and later kernels print more


def _text(content: bytes | memoryview) -> bytes:
    return content if isinstance(content, bytes) else bytes(content)


def process_table(
    pids: Sequence[int],
    files: Mapping[bytes, Mapping[int, bytes | memoryview]],
    evidence: Bytes8,
    trouble: Bytes8,
) -> ProcessTable:
    """One row a pid, in this order; UNKNOWN and b"" where a file did not come."""

    def texts(kind: bytes) -> list[bytes]:
        by_pid = files[kind]
        return [_text(by_pid.get(pid, b"")) for pid in pids]

    status = parse_status(texts(b"status"))
    return ProcessTable(
        pid=np.array(pids, np.int64),
        parent_pid=status.parent_pid,
        uid=status.uid,
        start_ticks=np.array([start_ticks(stat) for stat in texts(b"stat")], np.int64),
        threads=status.threads,
        vm_size_bytes=status.vm_size_bytes,
        rss_bytes=status.rss_bytes,
        rss_anon_bytes=status.rss_anon_bytes,
        rss_file_bytes=status.rss_file_bytes,
        rss_shmem_bytes=status.rss_shmem_bytes,
        swap_bytes=status.swap_bytes,
        data_bytes=status.data_bytes,
        main_stack_bytes=status.main_stack_bytes,
        stack_limit_bytes=np.array([stack_limit_bytes(limits) for limits in texts(b"limits")], np.int64),
        evidence=evidence,
        trouble=trouble,
        comm=tuple(comm.removesuffix(b"\n")[:COMM_LIMIT_BYTES] for comm in texts(b"comm")),
        argv=tuple(map(split_cmdline, texts(b"cmdline"))),
        cgroup=tuple(cgroup[:CGROUP_LIMIT_BYTES] for cgroup in texts(b"cgroup")),
    )


def split_cmdline(cmdline: bytes) -> tuple[bytes, ...]:
    """The arguments of a process; () where it has none."""
    if not cmdline:
        return ()
    arguments = cmdline[:CMDLINE_LIMIT_BYTES].removesuffix(b"\0").split(b"\0", ARGUMENT_LIMIT_COUNT)
    return tuple(arguments[:ARGUMENT_LIMIT_COUNT])
