"""The words of a report, explained to those who read it."""

WORDS: tuple[tuple[str, str], ...] = (
    (
        "Native heap",
        (
            "What malloc and its kin hold: the brk heap, glibc's arenas, large blocks with a mapping of "
            "their own, and the heaps of other allocators. Not the Java heap, nor the heaps of other "
            "runtimes."
        ),
    ),
    ("Thread stacks", "The stacks of threads other than the first, each counted once with its guard pages."),
    ("Reserved", "All of the address space, accessible or not. It costs nothing until it is touched."),
    ("Committed", "The part that may be read, written or executed: an upper bound of what is resident."),
    (
        "Resident",
        (
            "In memory. Known for a mapping only where smaps was read; from maps alone it is bounded by "
            "what is committed and by the process's anonymous memory, and printed with ≤."
        ),
    ),
    (
        "Bloat",
        (
            "Native heap above a baseline: the median of the service's processes over the fleet, from "
            "five on, or the least that the service had on that host in the last 14 comparable runs; the "
            "larger of both."
        ),
    ),
    (
        "Growth",
        (
            "The change of native heap since the run compared with, in processes that ran in both. It is "
            "not read across a restart."
        ),
    ),
    (
        "Service",
        (
            "The systemd unit without its instance, or in a container the program with the signature of "
            "its arguments."
        ),
    ),
    ("Arena heaps", "glibc gives threads arenas of their own, in heaps with a reserve of 64 MiB each."),
    (
        "RSS",
        (
            "VmRSS from status. Pages that processes share are counted in each of them, so that sums can "
            "pass the host's RAM."
        ),
    ),
    ("Unidentified", "Anonymous memory that no rule could place. It is always shown, and should be little."),
    (
        "The host's own sum",
        (
            "What the kernel says of all memory. Cache is files without tmpfs; what is not attributed is "
            "drivers, percpu areas and other memory of the kernel."
        ),
    ),
)
