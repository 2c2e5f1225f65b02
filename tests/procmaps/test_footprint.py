import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from procmaps.footprint import footprints, sums
from procmaps.kinds import Confidence, Kind
from procmaps.read import read, read_process
from procmaps.tables import UNKNOWN, FootprintTable, PartTable, Snapshot
from tests.strategies import NONCE, PAGE, Vma, closing, record, vmas

STATUS = b"Name:\tx\nVmRSS:\t%8d kB\nRssAnon:\t%8d kB\n"


def parts_of(snapshot: Snapshot, kinds: list[Kind], blocks: list[int] | None = None) -> PartTable:
    """A part a mapping, of these kinds."""
    maps = snapshot.maps
    size = len(maps)
    return PartTable(
        mapping=np.arange(size, dtype=np.int32),
        start=maps.start,
        end=maps.end,
        kind=np.array(kinds, np.uint8),
        rule=np.zeros(size, np.uint16),
        confidence=np.full(size, Confidence.LIKELY, np.uint8),
        runner_up=np.array(kinds, np.uint8),
        block=np.array(blocks if blocks is not None else range(size), np.int32),
        resident_bytes=maps.resident_bytes,
        pss_bytes=maps.pss_bytes,
        swap_bytes=maps.swap_bytes,
        huge_bytes=maps.huge_bytes,
    )


def rows(table: FootprintTable) -> list[tuple[int, ...]]:
    columns = (
        table.process,
        table.kind,
        table.block_bytes,
        table.count,
        table.reserved_bytes,
        table.committed_bytes,
    )
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_stacks_of_one_size_are_a_row_and_their_guards_belong_to_them() -> None:
    at, table = 0x1000, []
    for stack in (8, 8, 4):
        table += [Vma(at, at + PAGE, b"---p"), Vma(at + PAGE, at + stack * PAGE)]
        at += (stack + 1) * PAGE
    snapshot = read_process({"maps": b"".join(vma.line() for vma in table)}, 1)
    found = footprints(snapshot, parts_of(snapshot, [Kind.THREAD_STACK] * 6, [0, 0, 2, 2, 4, 4]))
    assert rows(found) == [
        (0, Kind.THREAD_STACK, 8 * PAGE, 2, 16 * PAGE, 14 * PAGE),
        (0, Kind.THREAD_STACK, 4 * PAGE, 1, 4 * PAGE, 3 * PAGE),
    ]


def test_kinds_whose_sizes_say_nothing_are_one_row() -> None:
    table = [Vma(PAGE, 2 * PAGE, b"r-xp", inode=5), Vma(4 * PAGE, 9 * PAGE, b"r-xp", inode=6)]
    snapshot = read_process({"maps": b"".join(vma.line() for vma in table)}, 1)
    assert rows(footprints(snapshot, parts_of(snapshot, [Kind.FILE_CODE] * 2))) == [
        (0, Kind.FILE_CODE, 0, 2, 6 * PAGE, 6 * PAGE)
    ]


def test_resident_is_unknown_without_smaps_and_bounded_by_status() -> None:
    table = [
        Vma(0x1000, 0x101000),  # anonymous: at most RssAnon
        Vma(0x200000, 0x300000, b"r-xp", inode=5, minor=1, name=b"/a"),  # a file: at most VmRSS
        Vma(0x400000, 0x402000),
    ]
    files = {"maps": b"".join(vma.line() for vma in table), "status": STATUS % (100, 60)}
    snapshot = read_process(files, 1)
    found = footprints(snapshot, parts_of(snapshot, [Kind.HEAP_MAIN, Kind.FILE_CODE, Kind.HEAP_MMAP]))
    assert found.kind.tolist() == [Kind.HEAP_MAIN, Kind.HEAP_MMAP, Kind.FILE_CODE]
    assert found.resident_bytes.tolist() == [UNKNOWN] * 3
    assert found.resident_max_bytes.tolist() == [60 * 1024, 0x2000, 100 * 1024]
    assert found.pss_bytes.tolist() == found.swap_bytes.tolist() == [UNKNOWN] * 3


def test_a_java_heap_in_a_memfd_is_not_bounded_by_anonymous_memory() -> None:
    heap = Vma(0x1000, 0x101000, b"rw-s", inode=5, minor=1, name=b"/memfd:java_heap (deleted)")
    snapshot = read_process({"maps": heap.line(), "status": STATUS % (900, 10)}, 1)
    assert footprints(snapshot, parts_of(snapshot, [Kind.JAVA_HEAP])).resident_max_bytes.tolist() == [
        900 * 1024
    ]


def test_without_status_the_bound_is_what_is_committed() -> None:
    snapshot = read_process({"maps": Vma(0x1000, 0x3000).line()}, 1)
    assert footprints(snapshot, parts_of(snapshot, [Kind.HEAP_MAIN])).resident_max_bytes.tolist() == [0x2000]


def test_with_smaps_resident_is_what_it_says_and_a_gap_makes_it_unknown() -> None:
    sizes = b"Rss:         8 kB\nPss:         4 kB\nSwap:        4 kB\n"
    whole = (
        Vma(0x1000, 0x9000).line() + sizes + Vma(0xA000, 0xB000, b"---p").line() + sizes.replace(b"8", b"0")
    )
    snapshot = read_process({"smaps": whole, "status": STATUS % (100, 60)}, 1)
    parts = parts_of(snapshot, [Kind.HEAP_ARENA] * 2, [0, 0])
    found = footprints(snapshot, parts)
    assert (found.resident_bytes.tolist(), found.resident_max_bytes.tolist()) == ([8192], [8192])
    assert (found.pss_bytes.tolist(), found.swap_bytes.tolist()) == ([8192], [8192])
    snapshot = read_process({"smaps": whole[: whole.rindex(b"Rss")], "status": STATUS % (100, 60)}, 1)
    found = footprints(snapshot, parts_of(snapshot, [Kind.HEAP_ARENA] * 2, [0, 0]))
    assert (found.resident_bytes.tolist(), found.resident_max_bytes.tolist()) == ([UNKNOWN], [0x8000])


@given(st.lists(st.tuples(vmas(most=6), st.booleans()), max_size=4), st.data())
def test_no_byte_is_lost_or_counted_twice(
    processes: list[tuple[list[Vma], bool]], data: st.DataObject
) -> None:
    memory = b""
    for pid, (table, with_smaps) in enumerate(processes, 1):
        fields = b"Rss:      4 kB\nPss:      4 kB\nSwap:      0 kB\n" if with_smaps else b""
        text = b"".join(vma.line() + fields for vma in table)
        memory += record("smaps" if with_smaps else "maps", pid, text)
    snapshot = read(memory + closing(len(processes)), b"", NONCE)
    size = len(snapshot.maps)
    kinds = data.draw(st.lists(st.sampled_from(Kind), min_size=size, max_size=size))
    found = footprints(snapshot, parts_of(snapshot, kinds))
    assert int(found.reserved_bytes.sum()) == int((snapshot.maps.end - snapshot.maps.start).sum())
    assert int(found.count.sum()) == size
    keys = list(zip(found.process.tolist(), found.kind.tolist(), (-found.block_bytes).tolist(), strict=True))
    assert keys == sorted(set(keys))
    everything = sums(found, np.ones(len(found), np.bool_))
    for column in ("count", "reserved_bytes", "committed_bytes", "resident_max_bytes"):
        by_kind = [sums(found, found.kind == kind) for kind in Kind]
        assert getattr(everything, column) == sum(getattr(one, column) for one in by_kind)
