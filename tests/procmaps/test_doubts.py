from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from procmaps.doubts import NATIVE, DoubtTable, Guess, doubts
from procmaps.footprint import footprints, is_anonymous
from procmaps.kinds import Confidence, Kind
from procmaps.read import read, read_process
from procmaps.tables import UNKNOWN, Flags, PartTable, Snapshot
from tests.strategies import NONCE, Vma, closing, record, vmas

KIB = 1024
GUESS, LIKELY, CERTAIN = Confidence
HEAP, GC, ANONYMOUS = Kind.HEAP_MMAP, Kind.JAVA_GC, Kind.ANONYMOUS


def parts_of(snapshot: Snapshot, labels: Sequence[tuple[Kind, Confidence, Kind]]) -> PartTable:
    """A part a mapping, of these kinds, confidences and other kinds."""
    maps, size = snapshot.maps, len(snapshot.maps)
    kinds, sure, others = zip(*labels, strict=True) if labels else ((), (), ())
    return PartTable(
        mapping=np.arange(size, dtype=np.int32),
        start=maps.start,
        end=maps.end,
        kind=np.array(kinds, np.uint8),
        rule=np.zeros(size, np.uint16),
        confidence=np.array(sure, np.uint8),
        runner_up=np.array(others, np.uint8),
        block=np.arange(size, dtype=np.int32),
        resident_bytes=maps.resident_bytes,
        pss_bytes=maps.pss_bytes,
        swap_bytes=maps.swap_bytes,
        huge_bytes=maps.huge_bytes,
    )


def status_of(rss_kib: int, anonymous_kib: int, swap_kib: int) -> bytes:
    return b"VmRSS:\t%8d kB\nRssAnon:\t%8d kB\nVmSwap:\t%8d kB\n" % (rss_kib, anonymous_kib, swap_kib)


def in_use(rss_kib: int, swap_kib: int = 0) -> bytes:
    return b"Rss: %12d kB\nPss: %12d kB\nSwap: %12d kB\n" % (rss_kib, rss_kib, swap_kib)


def of_one(
    labels: Sequence[tuple[Kind, Confidence, Kind]],
    sizes_kib: Sequence[int],
    *,
    status: bytes = b"",
    used: Sequence[tuple[int, int]] = (),
) -> tuple[DoubtTable, tuple[int, int, int]]:
    """The doubts and the range of a process with mappings of these sizes; `used` is Rss and Swap of each."""
    text = b""
    for place, size in enumerate(sizes_kib):
        start = 0x10000000 * (place + 1)
        text += Vma(start, start + size * KIB).line() + (in_use(*used[place]) if used else b"")
    files = {"smaps" if used else "maps": text} | ({"status": status} if status else {})
    snapshot = read_process(files, 1)
    parts = parts_of(snapshot, labels)
    found = doubts(snapshot, parts)
    return found, found.native_range(snapshot, footprints(snapshot, parts), 0)


MIXED = (
    (Kind.HEAP_MAIN, CERTAIN, Kind.HEAP_MAIN),
    (Kind.HEAP_ARENA, LIKELY, GC),
    (HEAP, GUESS, Kind.PY_ARENA),
    (GC, GUESS, Kind.HEAP_ARENA),
    (GC, LIKELY, Kind.HEAP_ARENA),
    (Kind.THREAD_STACK, GUESS, ANONYMOUS),
)


def test_only_guesses_move_the_native_heap_and_what_is_likely_is_decided() -> None:
    sizes = (100, 20, 40, 80, 400, 800)
    _, native = of_one(MIXED, sizes, status=status_of(9000, 9000, 0))
    assert native == (120 * KIB, 160 * KIB, 240 * KIB)


def test_smaps_counts_what_is_resident_and_the_share_what_is_swapped_too() -> None:
    used = ((8, 4), (4, 0), (12, 100), (16, 4), (20, 0), (0, 36))
    found, native = of_one(MIXED, (2000,) * 6, status=status_of(60, 60, 144), used=used)
    assert native == (12 * KIB, 24 * KIB, 40 * KIB)
    assert (found.guessed_bytes[0], found.present_bytes[0]) == (168 * KIB, 204 * KIB)
    assert found.guesses == (
        Guess(0, HEAP, Kind.PY_ARENA, 112 * KIB),
        Guess(0, Kind.THREAD_STACK, ANONYMOUS, 36 * KIB),
        Guess(0, GC, Kind.HEAP_ARENA, 20 * KIB),
    )
    assert found.largest_guesses() == ["heap_mmap or py_arena"]


def test_without_smaps_nothing_is_more_than_the_process_has() -> None:
    labels = ((HEAP, CERTAIN, HEAP), (HEAP, GUESS, ANONYMOUS), (ANONYMOUS, GUESS, HEAP))
    found, native = of_one(labels, (64, 4096, 8192), status=status_of(1000, 600, 200))
    assert native == (64 * KIB, 600 * KIB, 600 * KIB)
    assert (found.guessed_bytes[0], found.present_bytes[0]) == (800 * KIB, 1200 * KIB)
    assert [guess.size_bytes for guess in found.guesses] == [800 * KIB] * 2


def test_without_status_accessible_bytes_are_compared() -> None:
    found, native = of_one(((HEAP, CERTAIN, HEAP), (ANONYMOUS, GUESS, HEAP)), (180, 24))
    assert native == (180 * KIB, 180 * KIB, 204 * KIB)
    assert (found.guessed_bytes[0], found.present_bytes[0]) == (24 * KIB, 204 * KIB)


@pytest.mark.parametrize(("guessed_kib", "doubtful"), [(0, False), (20, False), (24, True)])
def test_a_tenth_is_not_doubtful_and_more_is(guessed_kib: int, doubtful: bool) -> None:
    labels = ((HEAP, CERTAIN, HEAP), (Kind.THREAD_STACK, GUESS, ANONYMOUS))
    used = ((200 - guessed_kib, 0), (0, guessed_kib))
    found, _ = of_one(labels, (4096, 4096), status=status_of(200, 200, 0), used=used)
    assert found.is_doubtful(0) == doubtful


def test_a_guess_with_no_other_kind_is_told_by_its_own() -> None:
    found, _ = of_one(((ANONYMOUS, GUESS, ANONYMOUS),), (8,))
    assert found.largest_guesses() == ["anonymous"]


def test_what_was_not_read_is_unknown_and_what_has_no_memory_is_not() -> None:
    memory = record("status", 1, b"Name:\tx\nVmRSS:\t 8 kB\n") + record("maps", 2, b"")
    snapshot = read(memory + closing(2, 1), b"", NONCE)
    found = doubts(snapshot, parts_of(snapshot, ()))
    denied = snapshot.processes.pid.tolist().index(1)
    for column in (found.guessed_bytes, found.present_bytes, found.native_sure_bytes):
        assert [number == UNKNOWN for number in column.tolist()] == [
            row == denied for row in range(len(snapshot.processes))
        ]
    assert not found.is_doubtful(denied)


LABELS = st.tuples(st.sampled_from(Kind), st.sampled_from(Confidence), st.sampled_from(Kind))
STATUS = st.none() | st.tuples(st.integers(0, 2**30), st.integers(0, 2**20), st.integers(0, 2**20))
USED = st.tuples(st.integers(0, 2**30), st.integers(0, 2**20)) | st.none()  # None: cut off before Rss


@given(st.lists(st.tuples(vmas(most=6), st.booleans(), STATUS), max_size=4), st.data())
def test_at_least_is_no_guess_and_at_most_is_all_that_can_be(
    processes: list[tuple[list[Vma], bool, tuple[int, int, int] | None]], data: st.DataObject
) -> None:
    """The range is the native heap of the same process with other labels, and holds the one it has."""
    memory = b""
    for pid, (table, walked, status) in enumerate(processes, 1):
        text = b""
        for vma in table:
            used = data.draw(USED) if walked else None
            text += vma.line() + (in_use(*used) if used else b"")
        if status is not None:
            memory += record("status", pid, status_of(status[0] + status[1], status[1], status[2]))
        memory += record("smaps" if walked else "maps", pid, text)
    snapshot = read(memory + closing(len(processes)), b"", NONCE)
    size = len(snapshot.maps)
    parts = parts_of(snapshot, data.draw(st.lists(LABELS, min_size=size, max_size=size)))
    found = doubts(snapshot, parts)
    guess = parts.confidence == int(GUESS)
    none_of_them = np.where(guess & NATIVE[parts.kind], int(ANONYMOUS), parts.kind).astype(np.uint8)
    all_of_them = np.where(guess & NATIVE[parts.runner_up] & ~NATIVE[parts.kind], int(HEAP), parts.kind)
    for process in range(len(snapshot.processes)):
        least, labelled, most = range_of(snapshot, parts, process)
        assert 0 <= least <= labelled <= most
        assert 0 <= found.guessed_bytes[process] <= found.present_bytes[process]
        if backed(snapshot, parts, process).any():
            continue  # another kind of it may have another bound
        others = [
            range_of(snapshot, replace(parts, kind=kinds.astype(np.uint8)), process)[1]
            for kinds in (none_of_them, all_of_them)
        ]
        assert [least, most] == others


def range_of(snapshot: Snapshot, parts: PartTable, process: int) -> tuple[int, int, int]:
    found = doubts(snapshot, parts)
    return found.native_range(snapshot, footprints(snapshot, parts), process)


def backed(snapshot: Snapshot, parts: PartTable, process: int) -> Flags:
    """The parts of a process that are of a file or of the kernel."""
    own: Flags = snapshot.maps.process[parts.mapping] == process
    return own & ~is_anonymous(snapshot, parts, np.arange(len(parts)))
