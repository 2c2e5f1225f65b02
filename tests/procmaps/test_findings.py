from dataclasses import replace

import numpy as np

from procmaps.findings import Finding, Severity, find
from procmaps.footprint import footprints
from procmaps.kinds import Kind
from procmaps.read import read_process
from procmaps.tables import UNKNOWN, Snapshot
from tests.procmaps.test_footprint import parts_of
from tests.strategies import Vma

MIB = 2**20


def process(
    table: list[Vma],
    status: bytes = b"",
    max_map_count: int = UNKNOWN,
    overcommit_memory: int = UNKNOWN,
    thp_mode: str = "",
) -> Snapshot:
    files = {"maps": b"".join(vma.line() for vma in table), "status": status, "comm": b"shop\n"}
    snapshot = read_process(files, 4711)
    facts = replace(
        snapshot.facts, max_map_count=max_map_count, overcommit_memory=overcommit_memory, thp_mode=thp_mode
    )
    return replace(snapshot, facts=facts)


def found(snapshot: Snapshot, kind: Kind) -> list[Finding]:
    parts = parts_of(snapshot, [kind] * len(snapshot.maps))
    return find(snapshot, parts, footprints(snapshot, parts))


def blocks(count: int, size_bytes: int) -> list[Vma]:
    return [
        Vma(2**32 + row * 2 * size_bytes, 2**32 + row * 2 * size_bytes + size_bytes) for row in range(count)
    ]


def status(rss_kb: int, **others: int) -> bytes:
    lines = {"VmRSS": rss_kb, "RssAnon": rss_kb} | others
    return "".join(f"{name}:\t{value} kB\n" for name, value in lines.items()).encode()


def codes(findings: list[Finding]) -> list[tuple[str, Severity]]:
    return [(finding.code, finding.severity) for finding in findings]


def test_many_arenas_that_hold_much() -> None:
    (finding,) = found(process(blocks(8, 64 * MIB), status(100 * 1024)), Kind.HEAP_ARENA)
    assert (finding.code, finding.severity, finding.subject) == (
        "many_arenas",
        Severity.WARNING,
        "shop (4711)",
    )
    assert finding.evidence == "8 arena heaps hold at most 100 MiB of resident memory and reserve 512 MiB."
    assert "malloc_info" in finding.not_shown


def test_few_arenas_are_no_finding() -> None:
    assert found(process(blocks(7, 64 * MIB), status(400 * 1024)), Kind.HEAP_ARENA) == []


def test_arenas_that_are_only_reserved_are_called_harmless() -> None:
    assert codes(found(process(blocks(40, 64 * MIB), status(30 * 1024)), Kind.HEAP_ARENA)) == [
        ("arena_reservation", Severity.INFO)
    ]


def test_idle_stacks_matter_only_where_reservations_count() -> None:
    stacks, used = blocks(100, 8 * MIB), status(10 * 1024)
    assert codes(found(process(stacks, used), Kind.THREAD_STACK)) == [("stack_reservation", Severity.INFO)]
    strict = found(process(stacks, used, overcommit_memory=2), Kind.THREAD_STACK)
    assert codes(strict) == [("stack_reservation", Severity.WARNING)]
    assert found(process(stacks, status(300 * 1024)), Kind.THREAD_STACK) == []


def test_huge_pages_in_stacks() -> None:
    snapshot = process(blocks(20, 2 * MIB), thp_mode="always")
    parts = parts_of(snapshot, [Kind.THREAD_STACK] * 20)
    huge = replace(parts, huge_bytes=np.full(20, 2 * MIB, np.int64))
    (finding,) = find(snapshot, huge, footprints(snapshot, huge))
    assert finding.code == "huge_stacks"
    assert finding.evidence == "40.0 MiB of thread stacks are transparent huge pages (mode always)."
    assert find(snapshot, parts, footprints(snapshot, parts)) == []


def test_mappings_near_the_limit() -> None:
    table = blocks(95, 4096)
    assert codes(found(process(table, max_map_count=100), Kind.FILE_DATA)) == [("map_count", Severity.ALARM)]
    assert codes(found(process(table, max_map_count=118), Kind.FILE_DATA)) == [
        ("map_count", Severity.WARNING)
    ]
    assert found(process(table, max_map_count=119), Kind.FILE_DATA) == []
    assert found(process(table, max_map_count=-1), Kind.FILE_DATA) == []


def test_a_large_share_without_a_known_role() -> None:
    (finding,) = found(process(blocks(1, 64 * MIB)), Kind.ANONYMOUS)
    assert (finding.code, finding.severity) == ("unidentified", Severity.INFO)
    assert found(process(blocks(1, 63 * MIB)), Kind.ANONYMOUS) == []


def test_many_threads() -> None:
    assert codes(found(process([], b"Threads:\t1000\n"), Kind.SHM)) == [("many_threads", Severity.WARNING)]
    assert found(process([], b"Threads:\t999\n"), Kind.SHM) == []


def test_memory_in_swap() -> None:
    assert codes(found(process([], status(128 * 1024, VmSwap=128 * 1024)), Kind.SHM)) == [
        ("swapped", Severity.INFO)
    ]
    assert found(process([], status(512 * 1024, VmSwap=128 * 1024)), Kind.SHM) == []


def test_the_most_severe_comes_first_and_all_say_everything() -> None:
    snapshot = process(blocks(95, 64 * MIB), status(500 * 1024) + b"Threads:\t2000\n", max_map_count=100)
    findings = found(snapshot, Kind.HEAP_ARENA)
    assert codes(findings)[0] == ("map_count", Severity.ALARM)
    assert [finding.severity for finding in findings] == sorted((f.severity for f in findings), reverse=True)
    for finding in findings:
        assert all((finding.evidence, finding.advice, finding.confirm, finding.not_shown))
