import pytest

from procmaps.findings import Severity, find
from procmaps.findings.arenas import FULL_LEAST_COUNT, MANY_LEAST_COUNT, MANY_WHATEVER_CORES_COUNT
from procmaps.footprint import footprints
from procmaps.kinds import Kind
from procmaps.read import read
from procmaps.tables import UNKNOWN, Snapshot
from tests.procmaps.findings.made import codes, found, heaps, known, process, status
from tests.procmaps.test_footprint import parts_of
from tests.strategies import NONCE, Vma, closing, record

GIB_KB = 2**20


def arenas(
    *written_mib: float, rss_kb: int = 10 * GIB_KB, cores: int = UNKNOWN
) -> list[tuple[str, Severity]]:
    """What is found of a process with heaps of which so much is writable."""
    table, blocks = heaps(*written_mib)
    return codes(found(process(table, status(rss_kb), cores=cores), Kind.HEAP_ARENA, blocks))


def test_many_arenas_that_hold_much() -> None:
    table, blocks = heaps(*[32] * MANY_LEAST_COUNT)
    made = process(table, status(300 * 1024) + b"Threads:\t40\n", cores=4)
    (finding,) = found(made, Kind.HEAP_ARENA, blocks)
    assert (finding.code, finding.severity, finding.subject) == (
        "many_arenas",
        Severity.WARNING,
        "shop (4711)",
    )
    assert finding.evidence == (
        "About 8 arenas for 40 threads on 4 cores hold 256 MiB of resident memory in 8 heaps; "
        "8 of them have 1 MiB or more."
    )
    assert "malloc_info" in finding.not_shown
    assert (finding.kind, finding.concerns_bytes) == ("heap_arena", 256 * 2**20)


def test_fewer_arenas_are_not_many() -> None:
    assert arenas(*[40] * (MANY_LEAST_COUNT - 1)) == []


def test_arenas_that_hold_nothing_do_not_count() -> None:
    assert arenas(*[40] * (MANY_LEAST_COUNT - 1), *[0.99] * 20) == []


def test_how_much_they_hold_decides_how_severe_it_is() -> None:
    assert arenas(*[7.9] * 8, rss_kb=GIB_KB) == []
    assert arenas(*[8] * 8, rss_kb=GIB_KB) == [("many_arenas", Severity.INFO)]
    assert arenas(*[32] * 8, rss_kb=GIB_KB) == [("many_arenas", Severity.WARNING)]
    assert arenas(*[32] * 8, rss_kb=3 * GIB_KB) == [("many_arenas", Severity.INFO)]  # a tenth is more


def test_no_more_arenas_than_cores_are_not_many_unless_they_are_very_many() -> None:
    assert arenas(*[32] * 15, cores=14) == [("many_arenas", Severity.INFO)]
    assert arenas(*[32] * 15, cores=15) == []
    assert arenas(*[32] * (MANY_WHATEVER_CORES_COUNT - 1), cores=512) == []
    assert arenas(*[32] * MANY_WHATEVER_CORES_COUNT, cores=512) == [("many_arenas", Severity.WARNING)]


def test_few_arenas_in_many_heaps_get_no_advice_to_limit_arenas() -> None:
    table, blocks = heaps(*[64] * 18, 10, 12)  # two threads with 600 MiB each
    (finding,) = found(process(table, status(1000 * 1024)), Kind.HEAP_ARENA, blocks)
    assert (finding.code, finding.severity) == ("full_arenas", Severity.INFO)
    assert finding.evidence == (
        "Few arenas hold 1,000 MiB of resident memory: 18 of 20 heaps are full, 2 more with 1 MiB or more."
    )
    assert "does not help" in finding.advice


def test_a_heap_is_full_where_the_next_request_did_not_fit() -> None:
    assert arenas(*[60.01] * 8) == [("full_arenas", Severity.INFO)]
    assert arenas(*[60] * 8) == [("many_arenas", Severity.INFO)]


def test_full_heaps_of_many_arenas() -> None:
    """Few full ones per arena: as many arenas as heaps that are not full."""
    assert arenas(*[64] * 20, *[30] * 10) == [("many_arenas", Severity.WARNING)]
    assert arenas(*[64] * 21, *[30] * 10) == [("full_arenas", Severity.INFO)]


def test_few_full_heaps_are_no_finding() -> None:
    assert arenas(*[64] * FULL_LEAST_COUNT) == [("full_arenas", Severity.INFO)]
    assert arenas(*[64] * (FULL_LEAST_COUNT - 1), 63, 2) == [("full_arenas", Severity.INFO)]
    assert arenas(*[64] * (FULL_LEAST_COUNT - 1), 32, 32) == []


@pytest.mark.parametrize(
    ("name", "number"),  # as glibc's own structures have it in the stopped process
    [
        ("c-arenas-236", 30),
        ("jvm17-arenas-80", 99),
        ("jvm11-parallel-arenas", 47),
        ("jvm21-serial-arenas-60", 63),
    ],
)
def test_arenas_are_counted_as_glibc_does(name: str, number: int) -> None:
    (finding,) = (each for each in known(f"cases/{name}", "maps") if each.code == "many_arenas")
    assert finding.evidence.startswith(f"About {number} arenas ")


def test_a_setting_on_the_command_line_or_of_a_parent_is_in_effect() -> None:
    def host(own: bytes, parent: bytes) -> Snapshot:
        table, _ = heaps(*[40] * 15)
        maps = b"".join(vma.line() for vma in table)
        memory = (
            record("status", 7, b"VmRSS:\t10 kB\nPPid:\t1\n")
            + record("status", 8, status(GIB_KB) + b"PPid:\t7\n")
            + record("maps", 8, maps)
            + closing(2)
        )
        return read(memory, record("cmdline", 7, parent) + record("cmdline", 8, own), NONCE)

    _, blocks = heaps(*[40] * 15)
    for own, parent, expected in (
        (b"./shop\0", b"sh\0-c\0./shop", 1),
        (b"./shop\0", b"sh\0-c\0MALLOC_ARENA_MAX=16 ./shop", 0),
        (b"env\0GLIBC_TUNABLES=glibc.malloc.arena_max=15\0./shop", b"", 0),
        (b"./shop\0", b"sh\0-c\0MALLOC_ARENA_MAX=4 ./shop", 1),  # that one is not in effect
    ):
        one = host(own, parent)
        parts = parts_of(one, [Kind.HEAP_ARENA] * len(one.maps), blocks)
        findings = [finding.code for finding in find(one, parts, footprints(one, parts))]
        assert findings.count("many_arenas") == expected


def test_arenas_that_are_only_reserved_are_called_harmless() -> None:
    assert arenas(*[1] * 40, rss_kb=30 * 1024) == [("arena_reservation", Severity.INFO)]
    assert arenas(*[1] * 7, rss_kb=30 * 1024) == []


def test_heaps_of_32_bit_processes() -> None:
    findings = known("cases/c-32bit-236")
    assert [finding.code for finding in findings if "arena" in finding.code] == []


def test_a_heap_that_was_trimmed_is_the_last_of_its_arena_where_smaps_shows_it() -> None:
    evidence = {
        grade: next(each.evidence for each in known("cases/c-multiheap-236", grade) if "arena" in each.code)
        for grade in ("maps", "smaps")
    }
    assert evidence["smaps"].endswith("6 of 12 heaps are full, 6 more with 1 MiB or more.")  # glibc has six
    assert evidence["maps"].endswith("9 of 12 heaps are full, 3 more with 1 MiB or more.")


def test_without_smaps_both_bounds_are_told() -> None:
    table, blocks = heaps(*[32] * 8)
    for rss_kb, words in ((200, "at most 200 MiB"), (100, "at most 100 MiB")):
        other = [*table, Vma(2**44, 2**44 + 64 * 2**20)]
        one = process(other, status(rss_kb * 1024))
        parts = parts_of(one, [Kind.HEAP_ARENA] * len(table) + [Kind.HEAP_MMAP], [*blocks, len(table)])
        (finding,) = find(one, parts, footprints(one, parts))
        assert f"hold {words} and at least {rss_kb - 64}.0 MiB of".replace("136.0", "136") in finding.evidence
