"""Threads, mappings, address space, page tables, swap: how near a process is to what it may have."""

from procmaps.findings import Severity, find
from procmaps.footprint import footprints
from procmaps.kinds import Kind
from procmaps.read import read
from tests.procmaps.findings.made import MIB, blocks, codes, found, process, status
from tests.procmaps.test_footprint import parts_of
from tests.strategies import NONCE, Vma, closing, record

LIMITS = (
    b"Limit                     Soft Limit           Hard Limit           Units     \n"
    b"Max processes             %-20s unlimited            processes \n"
    b"Max address space         %-20s unlimited            bytes     \n"
)


def test_many_threads() -> None:
    assert codes(found(process([], b"Threads:\t1000\n"), Kind.SHM)) == [("many_threads", Severity.INFO)]
    assert found(process([], b"Threads:\t999\n"), Kind.SHM) == []
    assert codes(found(process([], b"Threads:\t5000\n"), Kind.SHM)) == [("many_threads", Severity.WARNING)]


def test_threads_of_a_user_near_its_limit_are_told_of_the_process_with_most() -> None:
    def of(*processes: tuple[int, int], limit: bytes = b"1000") -> list[tuple[str, str]]:
        """By user and threads."""
        memory = b"".join(
            record("status", pid, b"VmRSS:\t4 kB\nUid:\t%d\t0\nThreads:\t%d\n" % who)
            + record("limits", pid, LIMITS % (limit, b"unlimited"))
            for pid, who in enumerate(processes, start=1)
        )
        host = read(memory + closing(len(processes)), b"", NONCE)
        parts = parts_of(host, [])
        return [(each.subject, each.severity.label) for each in find(host, parts, footprints(host, parts))]

    assert of((5, 100), (5, 699)) == []
    assert of((5, 100), (5, 700)) == [("process (2)", "warning")]
    assert of((5, 850), (5, 100)) == [("process (1)", "alarm")]
    assert of((5, 400), (6, 400)) == []
    assert of((5, 800), (6, 950)) == [("process (2)", "alarm"), ("process (1)", "warning")]
    assert of((0, 950)) == []  # of root nothing is limited
    assert of((5, 950), limit=b"unlimited") == []
    assert of((5, 950), limit=b"") == []


def test_mappings_near_the_limit() -> None:
    table = blocks(95, 4096)
    (finding,) = found(process(table, max_map_count=100), Kind.FILE_DATA)
    assert (finding.code, finding.severity) == ("map_count", Severity.ALARM)
    assert finding.evidence == (
        "95 of the 100 mappings that vm.max_map_count allows are in use, 95 of them of the kind file_data."
    )
    assert codes(found(process(table, max_map_count=118), Kind.FILE_DATA)) == [
        ("map_count", Severity.WARNING)
    ]
    assert found(process(table, max_map_count=119), Kind.FILE_DATA) == []
    assert found(process(table, max_map_count=-1), Kind.FILE_DATA) == []


def test_address_space_near_the_limit() -> None:
    def of(vm_size_kb: int, limit: bytes) -> list[tuple[str, Severity]]:
        files = {"limits": LIMITS % (b"unlimited", limit)}
        return codes(found(process([], status(4, VmSize=vm_size_kb), files=files), Kind.SHM))

    assert of(799, b"1024000") == []
    assert of(800, b"1024000") == [("address_limit", Severity.WARNING)]
    assert of(950, b"1024000") == [("address_limit", Severity.ALARM)]
    assert of(950, b"unlimited") == of(950, b"") == []


def test_page_tables() -> None:
    def of(rss_mib: int, page_tables_mib: int) -> list[tuple[str, Severity]]:
        return codes(found(process([], status(rss_mib * 1024, VmPTE=page_tables_mib * 1024)), Kind.SHM))

    assert of(64 * 20, 64) == [("page_tables", Severity.INFO)]
    assert of(64 * 20 + 1, 64) == []
    assert of(64, 63) == []
    assert of(100_000, 256) == [("page_tables", Severity.INFO)]
    assert of(100_000, 1024) == [("page_tables", Severity.WARNING)]


def test_a_large_share_without_a_known_role() -> None:
    (finding,) = found(process(blocks(1, 64 * MIB)), Kind.ANONYMOUS)
    assert (finding.code, finding.severity) == ("unidentified", Severity.INFO)
    assert found(process(blocks(1, 63 * MIB)), Kind.ANONYMOUS) == []


def test_what_cannot_be_resident_is_not_unidentified() -> None:
    reserve = blocks(1, 1024 * MIB)
    assert found(process(reserve, status(63 * 1024)), Kind.ANONYMOUS) == []
    assert codes(found(process(reserve, status(64 * 1024)), Kind.ANONYMOUS)) == [
        ("unidentified", Severity.INFO)
    ]
    in_swap = status(60 * 1024, VmSwap=4 * 1024)
    assert codes(found(process(reserve, in_swap), Kind.ANONYMOUS)) == [("unidentified", Severity.INFO)]


def test_memory_in_swap() -> None:
    assert codes(found(process([], status(128 * 1024, VmSwap=128 * 1024)), Kind.SHM)) == [
        ("swapped", Severity.INFO)
    ]
    assert found(process([], status(512 * 1024, VmSwap=128 * 1024)), Kind.SHM) == []


def test_memory_that_was_given_back_lazily() -> None:
    def of(freed_kb: int, rss_kb: int = 2**20) -> list[tuple[str, Severity]]:
        smaps = Vma(2**40, 2**40 + 2048 * MIB).line() + b"LazyFree: %8d kB\n" % freed_kb
        return codes(found(process([], status(rss_kb), files={"smaps": smaps}), Kind.HEAP_ALLOCATOR))

    assert of(128 * 1024) == [("lazily_freed", Severity.INFO)]
    assert of(128 * 1024 - 4) == of(128 * 1024, 1280 * 1024 + 4) == []


def test_the_most_severe_comes_first_and_all_say_everything() -> None:
    used = status(500 * 1024) + b"Threads:\t2000\n"
    findings = found(process(blocks(95, 64 * MIB), used, max_map_count=100), Kind.HEAP_ARENA)
    assert codes(findings)[0] == ("map_count", Severity.ALARM)
    assert [finding.severity for finding in findings] == sorted((f.severity for f in findings), reverse=True)
    for finding in findings:
        assert all((finding.evidence, finding.advice, finding.confirm, finding.not_shown))
