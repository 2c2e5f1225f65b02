"""Pools of libraries that map memory by themselves."""

import pytest

from procmaps.classify import classify
from procmaps.kinds import Confidence
from tests.procmaps.rules.labelled import BRK_HEAP, anon, kinds, read, with_object

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000
LARGE_HEAP = anon(0x555500000000, 64 * MIB, name="[heap]")


@pytest.mark.parametrize(
    ("library", "size", "kind"),
    [
        ("libclamav.so.12.0.3", 77 * MIB + 20 * KIB, "anonymous"),
        ("libgc.so.1.5.1", 9 * MIB + 192 * KIB, "anonymous"),
        ("libgc.so.1.5.1", 9 * MIB + 196 * KIB, "anonymous"),
        ("libgc.so.1.5.1", 3 * MIB - 4 * KIB, "anonymous"),
        ("libdruntime-ldc-shared.so.100", 7 * MIB + 132 * KIB, "anonymous"),
        ("libgphobos.so.3.0.0", 7 * MIB + 132 * KIB, "anonymous"),
        ("libapr-1.so.0.7.2", 9 * MIB + 24 * KIB, "anonymous"),
        ("libapr-1.so.0.7.2", 9 * MIB + 28 * KIB, "heap_mmap"),
        ("libgcrypt.so.20", 9 * MIB + 192 * KIB, "heap_mmap"),
    ],
)
def test_libraries_that_map_their_memory_themselves(library: str, size: int, kind: str) -> None:
    text = with_object(f"/usr/lib/{library}", BRK_HEAP, anon(AT, size))
    assert kinds(read(text, rss_anon_kb=2**18), AT, AT + 1) == [(size, kind)]


@pytest.mark.parametrize(
    ("size", "kind"), [(9 * MIB + 192 * KIB, "anonymous"), (9 * MIB + 196 * KIB, "heap_mmap")]
)
def test_a_collector_that_uses_the_heap_maps_whole_steps_beside_it(size: int, kind: str) -> None:
    text = with_object("/usr/lib/libgc.so.1.0.3", LARGE_HEAP, anon(AT, size))
    assert kinds(read(text, rss_anon_kb=2**18), AT, AT + 1) == [(size, kind)]


def test_it_is_a_guess() -> None:
    snapshot = read(with_object("/usr/lib/libclamav.so.12", BRK_HEAP, anon(AT, 5 * MIB + 4096)))
    parts = classify(snapshot)
    assert parts.confidence[parts.start == AT].tolist() == [Confidence.GUESS]


@pytest.mark.parametrize(("program", "kind"), [("mariadbd", "anonymous"), ("any", "heap_mmap")])
def test_caches_of_a_database_that_are_more_than_is_resident(program: str, kind: str) -> None:
    size = 61 * MIB + 252 * KIB
    text = with_object(f"/usr/sbin/{program}", BRK_HEAP, anon(AT, size))
    assert kinds(read(text, rss_anon_kb=55 * KIB), AT, AT + 1) == [(size, kind)]
    assert kinds(read(text, rss_anon_kb=62 * KIB), AT, AT + 1) == [(size, "heap_mmap")]


@pytest.mark.parametrize(
    ("size", "resident_kb", "kind"),
    [
        (80 * MIB + 8 * KIB, 5 * KIB, "anonymous"),
        (80 * MIB + 8 * KIB, 5 * KIB + 4, "heap_mmap"),
        (8 * MIB - 4 * KIB, 8, "heap_mmap"),
    ],
)
def test_caches_of_a_database_that_are_hardly_resident(size: int, resident_kb: int, kind: str) -> None:
    walked = f"Rss: {resident_kb} kB\nVmFlags: rd wr mr mw me ac\n"
    lines = with_object("/usr/sbin/mariadbd", BRK_HEAP).splitlines(keepends=True)
    smaps = lines[0] + anon(AT, size) + walked + "".join(lines[1:])
    assert kinds(read(smaps=smaps, rss_anon_kb=400 * KIB), AT, AT + 1) == [(size, kind)]
