"""The host's own account of its memory, out of meminfo, and what else its record says."""

import polars as pl

from archive.records import HostRecord

ACCOUNT_SCHEMA: dict[str, type[pl.DataType]] = {
    "at": pl.String,
    "elapsed_s": pl.Float64,
    "attempt": pl.Int64,
    "sent": pl.Int64,
    "denied": pl.Int64,
    "vanished": pl.Int64,
    "mem_total_bytes": pl.Int64,
    "mem_free_bytes": pl.Int64,
    "mem_available_bytes": pl.Int64,
    "anon_pages_bytes": pl.Int64,
    "cache_bytes": pl.Int64,
    "shmem_bytes": pl.Int64,
    "slab_bytes": pl.Int64,
    "page_tables_bytes": pl.Int64,
    "kernel_stack_bytes": pl.Int64,
    "huge_pages_bytes": pl.Int64,
    "remainder_bytes": pl.Int64,
    "cores": pl.Int64,
    "kernel": pl.String,
    "os_name": pl.String,
    "thp_mode": pl.String,
}


def account(record: HostRecord) -> dict[str, str | int | float | None]:
    """The host's own account of its memory. What it did not send is null, and then so is the remainder."""
    lines = record.meminfo_bytes
    cached, buffers, shmem = lines.get("Cached"), lines.get("Buffers"), lines.get("Shmem")
    cache = None if cached is None or shmem is None else cached + (buffers or 0) - shmem
    parts: dict[str, int | None] = {
        "mem_free_bytes": lines.get("MemFree"),
        "anon_pages_bytes": lines.get("AnonPages"),
        "cache_bytes": cache,
        "shmem_bytes": shmem,
        "slab_bytes": lines.get("Slab"),
        "page_tables_bytes": lines.get("PageTables"),
        "kernel_stack_bytes": lines.get("KernelStack"),
        "huge_pages_bytes": lines.get("Hugetlb"),
    }
    total = known(record.mem_total_bytes)
    attributed = [part for part in parts.values() if part is not None]
    complete = total is not None and len(attributed) >= len(parts) - 1  # Hugetlb came with Linux 4.16
    return {
        "at": record.at,
        "elapsed_s": record.elapsed_s,
        "attempt": record.attempt,
        "sent": record.sent,
        "denied": record.denied,
        "vanished": record.vanished,
        "mem_total_bytes": total,
        "mem_available_bytes": lines.get("MemAvailable"),
        **parts,
        "remainder_bytes": total - sum(attributed) if total is not None and complete else None,
        "cores": known(record.cores),
        "kernel": record.kernel,
        "os_name": record.os_name,
        "thp_mode": record.thp_mode,
    }


def known(value: int) -> int | None:
    """A value of a record; None for its mark of what a host did not send."""
    return value if value >= 0 else None
