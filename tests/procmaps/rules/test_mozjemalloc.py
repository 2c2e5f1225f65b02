"""The malloc of Firefox."""

import pytest

from tests.procmaps.rules.labelled import anon, kinds, read, with_object

KIB = 2**10
MIB = 2**20
AT = 0x7E0000000000
FIREFOX = "/usr/lib/firefox-esr/libxul.so"


def chunk(at: int) -> str:
    return (
        anon(at, 8 * KIB)
        + anon(at + 8 * KIB, 4 * KIB, "---p")
        + anon(at + 12 * KIB, 1008 * KIB)
        + anon(at + 1020 * KIB, 4 * KIB, "---p")
    )


@pytest.mark.parametrize(
    ("path", "own"), [(FIREFOX, True), ("/usr/lib/libmozglue.so", True), ("/usr/bin/x", False)]
)
def test_chunks_of_arenas(path: str, own: bool) -> None:
    text = with_object(path, *(chunk(AT + number * MIB) for number in range(5)))
    found = kinds(read(text, threads=9), AT, AT + 5 * MIB)
    assert ({kind for _, kind in found} == {"heap_allocator"}) == own


def test_a_header_that_merged_with_data_below_it() -> None:
    data = 20 * KIB
    text = with_object(FIREFOX, anon(AT - data, data) + chunk(AT))
    merged = text.replace(anon(AT - data, data) + anon(AT, 8 * KIB), anon(AT - data, data + 8 * KIB))
    assert (8 * KIB, "heap_allocator") in kinds(read(merged), AT, AT + 1)


@pytest.mark.parametrize(
    ("size", "closed", "own"),
    [
        (5 * MIB + 300 * KIB, 724 * KIB, True),
        (5 * MIB + 300 * KIB, 4 * KIB, False),  # closed memory ends elsewhere
        (8 * MIB, 4 * KIB, False),  # a stack below the guard of another
    ],
)
def test_large_allocations_are_closed_up_to_the_next_boundary(size: int, closed: int, own: bool) -> None:
    text = with_object(FIREFOX, anon(AT, size), anon(AT + size, closed, "---p"))
    assert (kinds(read(text), AT, AT + 1) == [(size, "heap_allocator")]) == own


def test_the_collector_of_javascript_chooses_its_addresses() -> None:
    at = 0x2CFF_1000_0000
    assert kinds(read(with_object(FIREFOX, anon(at, 3 * MIB))), at, at + 1) == [(3 * MIB, "anonymous")]
