"""What is known of each language runtime in one place: one row a runtime, which the rules of all others ask.

A new runtime takes a row here if there is something to say, the names of its files in procmaps.rules.marks,
and a file with its rules.
"""

from typing import Final, NamedTuple

from procmaps.rules.process import KIB, MIB


class Runtime(NamedTuple):
    """A language runtime, and how memory in its processes differs from that in others. Sizes in bytes."""

    mark: str
    thread_stack_bytes: int = 0  # that it asks for its threads, whatever the default is; 0: the default
    loads_late: bool = False  # loads objects while it runs, and so below memory that was mapped before
    late_bss_max_bytes: int = 0  # of such an object; 0: as of any
    reserves_as_go: bool = False  # maps at low addresses, or reserves hundreds of MiB, as Go does


RUNTIMES: Final = (
    Runtime("jvm", loads_late=True, reserves_as_go=True),
    Runtime("python", loads_late=True),
    Runtime("r", loads_late=True),
    Runtime("perl", loads_late=True),
    Runtime("php", loads_late=True),
    # vm_core.h: RUBY_VM_THREAD_MACHINE_STACK_SIZE. Extensions have next to no .bss, and malloc maps chunks
    # from 128 KiB on.
    Runtime("ruby", thread_stack_bytes=MIB, loads_late=True, late_bss_max_bytes=128 * KIB),
    # Node.js, src/node_worker.h: stack_size_ of a worker
    Runtime("v8", thread_stack_bytes=4 * MIB, reserves_as_go=True),
    Runtime("dotnet", reserves_as_go=True),
    Runtime("beam", reserves_as_go=True),
    # js/src/gc/Memory.cpp: MapAlignedPagesRandom
    Runtime("firefox", reserves_as_go=True),
)
# marks, for Regions.has and Process.has
LOAD_LATE: Final = tuple(runtime.mark for runtime in RUNTIMES if runtime.loads_late)
RESERVE_AS_GO: Final = tuple(runtime.mark for runtime in RUNTIMES if runtime.reserves_as_go)
MAP_TABLES: Final = (
    "go",
    *RESERVE_AS_GO,
)  # map large tables themselves, beside malloc's
THREAD_STACK_BYTES: Final = {
    runtime.mark: runtime.thread_stack_bytes for runtime in RUNTIMES if runtime.thread_stack_bytes
}
