"""The words of a report, explained to its readers."""

WORDS: tuple[tuple[str, str], ...] = (
    (
        "Native heap",
        (
            "Memory of malloc and similar allocators: the brk heap, glibc's arenas, large blocks with a "
            "mapping of their own, and the heaps of other allocators. The Java heap and the heaps of other "
            "runtimes do not belong to it."
        ),
    ),
    (
        "Thread stacks",
        "The stacks of all threads except the first. A stack and its guard pages count as one.",
    ),
    ("Reserved", "All of the address space, accessible or not. It costs nothing until it is touched."),
    (
        "Committed",
        "The part of it that may be read, written or executed: an upper bound of the resident size.",
    ),
    (
        "Resident",
        (
            "The part that is in RAM. It is known for a mapping only if smaps was read. Otherwise the "
            "smaller of the committed size and the anonymous memory of the process is shown as a "
            "bound, with ≤."
        ),
    ),
    (
        "Bloat",
        (
            "Native heap above a baseline. The baseline is the median of the service's processes in the "
            "fleet (at least five), or the minimum of the service on that host in the last 14 comparable "
            "runs. The larger difference counts."
        ),
    ),
    (
        "Doubtful",
        (
            "A process is doubtful if more than a tenth of what it has resident or swapped is labelled by a "
            "guess: what was read fits several kinds. By labels shows the native heap without its guesses, "
            "and with all guesses that can be native heap; with ≤ both are bounds. docs/doubtful-labels.md "
            "says what to do."
        ),
    ),
    (
        "Growth",
        (
            "The change of native heap since the run compared with, in processes that are in both runs. "
            "Processes that were restarted in between do not count."
        ),
    ),
    (
        "Service",
        (
            "The systemd unit without its instance. In a container, the program with the signature of its "
            "arguments."
        ),
    ),
    ("Arena heaps", "glibc gives threads their own arenas, which consist of heaps that reserve 64 MiB each."),
    (
        "RSS",
        (
            "VmRSS from status. A page that processes share counts in each of them, so a sum can exceed "
            "the host's RAM."
        ),
    ),
    ("Unidentified", "Anonymous memory that no rule recognised. It is always shown, and should be small."),
    (
        "The host's own sum",
        (
            "What the kernel reports about all memory. Cache means files without tmpfs. Memory that is not "
            "attributed belongs to drivers, percpu areas and other parts of the kernel."
        ),
    ),
)
