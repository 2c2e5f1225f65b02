"""ASan, LSan and TSan: what their malloc has, and shadow memory. No Go, though both set aside much."""

import pytest

from tests.procmaps.rules.labelled import LIBC, anon, parts_of, read, sorted_maps, with_object

KIB = 2**10
MIB = 2**20
GIB = 2**30
TIB = 2**40
AT = 0x7E0000000000
ASAN_END = 0x100_07FFF_8000
LOW_SHADOW = anon(0x7FFF7000, 0x10000000)
HIGH_SHADOW = anon(0x2008FFF7000, ASAN_END - 0x2008FFF7000)


def rules(text: str, rss_anon_kb: int = 900_000) -> dict[int, str]:
    """The rule of what begins at each address."""
    return {start: rule for start, *_, rule in parts_of(read(text, rss_anon_kb=rss_anon_kb))}


def space(base: int, opened: int) -> str:
    """Two size classes of a space, hardly opened: closed, a few pages, closed."""
    each = 64 * GIB
    return "".join(
        anon(at, opened)
        + anon(at + opened, each - 8 * GIB - opened, "---p")
        + anon(at + each - 8 * GIB, 64 * KIB)
        + anon(at + each - 8 * GIB + 64 * KIB, 8 * GIB - 64 * KIB, "---p")
        for at in (base, base + each)
    )


@pytest.mark.parametrize("base", [0x500000000000, 0x600000000000])
@pytest.mark.parametrize("library", ["/usr/lib/libasan.so.8", "/x/libclang_rt.asan-x86_64.so"])
def test_the_memory_of_asan(base: int, library: str) -> None:
    found = rules(with_object(library, LOW_SHADOW, HIGH_SHADOW, space(base, 5 * MIB), anon(AT, 7 * MIB)))
    assert found[base] == found[base + 56 * GIB] == "sanitizer.heap"
    assert found[0x7FFF7000] == found[0x2008FFF7000] == "sanitizer.shadow"
    assert found[AT] == "allocator.mapped"
    assert not any(rule.startswith("go.") for rule in found.values())


def test_asan_that_is_linked_in_is_known_by_the_end_of_its_shadow() -> None:
    base = 0x600000000000
    found = rules(sorted_maps(LIBC, LOW_SHADOW, HIGH_SHADOW, space(base, 5 * MIB)))
    assert found[base] == "sanitizer.heap"
    moved = rules(sorted_maps(LIBC, LOW_SHADOW, anon(0x2008FFF7000, 13 * TIB), space(base, 5 * MIB)))
    assert moved[base] != "sanitizer.heap"


@pytest.mark.parametrize("base", [0x720000000000, 0x7B0000000000])
def test_the_memory_of_tsan(base: int) -> None:
    shadow = anon(0x10000000000, 5 * TIB)
    found = rules(with_object("/usr/lib/libtsan.so.2", shadow, anon(base, 30 * MIB), anon(AT, 3 * MIB)))
    assert (found[0x10000000000], found[base]) == ("sanitizer.shadow", "sanitizer.heap")


def test_the_same_addresses_without_a_sanitizer() -> None:
    found = rules(with_object("/usr/bin/x", anon(0x10000000000, 5 * TIB), anon(0x720000000000, 30 * MIB)))
    assert not any(rule.startswith("sanitizer.") for rule in found.values())
