"""The ProcessTable out of the files of all processes."""

from collections.abc import Mapping
from functools import cache
from typing import Final

import numpy as np

from procmaps.digits import Text
from procmaps.files import Files
from procmaps.mapping_table import Mappings
from procmaps.status import Limits, parse_status, soft_limits, start_ticks
from procmaps.tables import ProcessTable

CMDLINE_LIMIT_BYTES: Final = 131_072
ARGUMENT_LIMIT_COUNT: Final = 4096
CGROUP_LIMIT_BYTES: Final = 16_384
COMM_LIMIT_BYTES: Final = 64  # TASK_COMM_LEN is 16; kernel threads and later kernels print more


def process_table(
    text: Text, files: Files, identity: Mapping[bytes, Mapping[int, bytes]], mappings: Mappings
) -> ProcessTable:
    """One row per process; UNKNOWN and b"" if a file did not come. `identity` is by kind and pid."""
    pids = files.pids.tolist()

    def names(kind: bytes) -> list[bytes]:
        of_pid = identity[kind]
        return [of_pid.get(pid, b"") for pid in pids]

    status = parse_status(text, files.spans[b"status"])
    # the processes of a host have few limits in all, as they inherit them
    known = cache(soft_limits)
    limits = np.array(
        [known(content) for content in files.spans[b"limits"].contents(text.raw)], np.int64
    ).reshape(-1, len(Limits._fields))
    return ProcessTable(
        pid=files.pids,
        parent_pid=status.parent_pid,
        uid=status.uid,
        start_ticks=np.array(list(map(start_ticks, files.spans[b"stat"].contents(text.raw))), np.int64),
        threads=status.threads,
        vm_size_bytes=status.vm_size_bytes,
        rss_bytes=status.rss_bytes,
        rss_anon_bytes=status.rss_anon_bytes,
        rss_file_bytes=status.rss_file_bytes,
        rss_shmem_bytes=status.rss_shmem_bytes,
        swap_bytes=status.swap_bytes,
        data_bytes=status.data_bytes,
        main_stack_bytes=status.main_stack_bytes,
        page_table_bytes=status.page_table_bytes,
        locked_bytes=status.locked_bytes,
        huge_page_bytes=status.huge_page_bytes,
        lazily_freed_bytes=mappings.lazily_freed_bytes,
        stack_limit_bytes=limits[:, 0],
        process_limit=limits[:, 1],
        address_limit_bytes=limits[:, 2],
        evidence=mappings.evidence,
        trouble=mappings.trouble,
        comm=tuple(comm.removesuffix(b"\n")[:COMM_LIMIT_BYTES] for comm in names(b"comm")),
        argv=tuple(map(split_cmdline, names(b"cmdline"))),
        cgroup=tuple(cgroup[:CGROUP_LIMIT_BYTES] for cgroup in names(b"cgroup")),
    )


def split_cmdline(cmdline: bytes) -> tuple[bytes, ...]:
    """The arguments of a process; () where it has none."""
    if not cmdline:
        return ()
    arguments = cmdline[:CMDLINE_LIMIT_BYTES].removesuffix(b"\0").split(b"\0", ARGUMENT_LIMIT_COUNT)
    return tuple(arguments[:ARGUMENT_LIMIT_COUNT])
