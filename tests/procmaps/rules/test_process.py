"""One process as its labellers see it."""

import numpy as np
import pytest

from procmaps.rules.process import Process
from tests.procmaps.rules import labelled
from tests.procmaps.rules.labelled import anon, sorted_maps

KIB = 2**10
MIB = 2**20
HEAP = 64 * MIB
BASE = 0x7E0000000000  # on 64 MiB


def process(*lines: str, thirty_two_bit: bool = False) -> Process:
    return labelled.process(sorted_maps(*lines), thirty_two_bit=np.array([thirty_two_bit]))


def pair(at: int, head: int, rest: int, perms: str = "rw-p") -> str:
    """A region and a closed one right above it."""
    return anon(at, head, perms) + anon(at + head, rest, "---p")


def test_what_looks_like_a_heap_of_an_arena() -> None:
    one = process(pair(BASE, MIB, HEAP - MIB), pair(BASE + HEAP, 132 * KIB, HEAP - 132 * KIB))
    assert [(heap.head.start, heap.head.size, heap.rest.end) for heap in one.glibc_heaps] == [
        (BASE, MIB, BASE + HEAP),
        (BASE + HEAP, 132 * KIB, BASE + 2 * HEAP),
    ]
    assert one.in_glibc_heaps == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "lines",
    [
        pair(BASE + 4 * KIB, MIB, HEAP - MIB),  # ends beyond a boundary
        pair(BASE + 4 * KIB, MIB, HEAP - MIB - 4 * KIB),  # begins above one
        pair(BASE, MIB, 2 * HEAP - MIB),  # two blocks long
        pair(BASE, MIB, HEAP - MIB, "r--p"),
        anon(BASE, MIB) + anon(BASE + 2 * MIB, HEAP - 2 * MIB, "---p"),  # with a gap
        anon(BASE, MIB, "---p") + anon(BASE + MIB, HEAP - MIB),  # the other way round
    ],
)
def test_what_does_not_fill_a_block_is_no_heap(lines: str) -> None:
    one = process(lines)
    assert not one.glibc_heaps
    assert not one.in_glibc_heaps


def test_heaps_of_32_bits_are_1_mib() -> None:
    lines = pair(0xF1300000, 800 * KIB, 224 * KIB)
    assert len(process(lines, thirty_two_bit=True).glibc_heaps) == 1
    assert not process(lines).glibc_heaps
