"""The host's own account of its memory, from meminfo. Missing values are unknown, not 0."""

from collections.abc import Callable

from domain.records import HostRecord


def line(name: str) -> Callable[[HostRecord], int | None]:
    """A line of meminfo, in bytes."""
    return lambda record: record.meminfo_bytes.get(name)


def total(record: HostRecord) -> int | None:
    """All memory of the host."""
    return known(record.mem_total_bytes)


def cores(record: HostRecord) -> int | None:
    """Its processors."""
    return known(record.cores)


def cache(record: HostRecord) -> int | None:
    """Pages of files, without shared memory, which the kernel counts as cache."""
    lines = record.meminfo_bytes
    cached, shmem = lines.get("Cached"), lines.get("Shmem")
    return None if cached is None or shmem is None else cached + lines.get("Buffers", 0) - shmem


_PARTS: tuple[Callable[[HostRecord], int | None], ...] = (
    line("MemFree"),
    line("AnonPages"),
    cache,
    line("Shmem"),
    line("Slab"),
    line("PageTables"),
    line("KernelStack"),
    line("Hugetlb"),
)


def remainder(record: HostRecord) -> int | None:
    """The rest of the total; unknown if more parts than Hugetlb (Linux 4.16 and later) are missing."""
    parts = [part(record) for part in _PARTS]
    attributed = [part for part in parts if part is not None]
    whole = total(record)
    return None if whole is None or len(attributed) < len(parts) - 1 else whole - sum(attributed)


def known(value: int) -> int | None:
    """A value of a record; None if the host did not send it."""
    return value if value >= 0 else None
