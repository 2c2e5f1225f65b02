"""Findings that concern a host: of which process they are told, and their limits."""

import pytest

from procmaps.classify import classify
from procmaps.findings import Finding, Severity, find
from procmaps.footprint import footprints
from procmaps.read import read
from tests.strategies import NONCE, closing, record

GIB = 2**30
PAGE_KB = 2048


def idle(
    *, free_gib: float, promised_gib: float = 0, ram_gib: int | None = 10, used_kb: tuple[int, ...] = (0, 0)
) -> list[tuple[int, Finding]]:
    """pid and finding, of a host whose processes, init first, have so many huge pages; it reserves 8 GiB."""
    pages = {
        "HugePages_Total": 8 * GIB,
        "HugePages_Free": free_gib * GIB,
        "HugePages_Rsvd": promised_gib * GIB,
    }
    meminfo = "".join(f"{name}: {int(size) // PAGE_KB // 1024}\n" for name, size in pages.items())
    meminfo += f"Hugepagesize: {PAGE_KB} kB\n"
    if ram_gib is not None:
        meminfo += f"MemTotal: {ram_gib * 2**20} kB\n"
    memory = b""
    for pid, kb in enumerate(used_kb, 1):
        memory += record("status", pid, b"Name:\tx\nHugetlbPages:\t%d kB\n" % kb) + record("denied", pid, b"")
    memory += record("meminfo", 0, meminfo.encode()) + closing(len(used_kb), len(used_kb))
    snapshot = read(memory, record("end", 0, b""), NONCE)
    parts = classify(snapshot)
    pids = snapshot.processes.pid.tolist()
    return [(pids[each.process], each) for each in find(snapshot, parts, footprints(snapshot, parts))]


@pytest.mark.parametrize(
    ("free", "promised", "ram", "severity"),
    [
        (1.5, 0, 15, Severity.WARNING),
        (1.5, 0.25, 15, Severity.INFO),
        (1.5, 0, 30, Severity.INFO),
        (1.5, 0, 31, None),  # less than a twentieth
        (1.5, 0.51, 10, None),  # less than 1 GiB
        (1.5, 0, None, Severity.INFO),
        (1.5, 2, 10, None),
    ],
)
def test_idle_huge_pages(free: float, promised: float, ram: int | None, severity: Severity | None) -> None:
    found = [each.severity for _, each in idle(free_gib=free, promised_gib=promised, ram_gib=ram)]
    assert found == ([] if severity is None else [severity])


def test_they_are_told_of_who_has_most_of_them_else_of_init() -> None:
    ((pid, finding),) = idle(free_gib=6, used_kb=(0, 2**20, 2**19))
    assert (pid, finding.concerns_bytes) == (2, 6 * GIB)
    assert finding.evidence == (
        "The host reserves 8.0 GiB as huge pages, and 6.0 GiB are idle. This process has 1.0 GiB of them."
    )
    ((pid, finding),) = idle(free_gib=8)
    assert (pid, finding.evidence.endswith("No process has any of them.")) == (1, True)


def test_without_init_and_users_they_are_not_told() -> None:
    assert idle(free_gib=8, used_kb=()) == []
