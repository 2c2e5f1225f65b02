"""Sizes of the collectors' tables."""

from procmaps.rules.hotspot.arguments import JvmArguments
from procmaps.rules.hotspot.jvm import Jvm
from procmaps.rules.hotspot.proportions import BITMAP, CARDS, TWO_BITMAPS, joined, table_bytes

MIB = 2**20
GIB = 2**30


def test_tables_over_a_heap_of_1_gib() -> None:
    jvm = Jvm(17, JvmArguments(), heap=(GIB, 2 * GIB))
    assert [table_bytes(scale, jvm) for scale in (TWO_BITMAPS, BITMAP, CARDS)] == [
        32 * MIB,
        16 * MIB,
        2 * MIB,
    ]


def test_an_alignment_of_32_bytes_makes_bitmaps_a_quarter_as_large_and_no_card_table() -> None:
    jvm = Jvm(17, JvmArguments(alignment=32), heap=(GIB, 2 * GIB))
    assert [table_bytes(scale, jvm) for scale in (BITMAP, CARDS)] == [4 * MIB, 2 * MIB]


def test_tables_are_whole_pages() -> None:
    assert table_bytes(CARDS, Jvm(17, JvmArguments(), heap=(GIB, GIB + 3 * MIB))) == 8192


def test_overlapping_and_touching_spans_are_joined() -> None:
    assert joined([(5, 20), (0, 10), (0, 10), (20, 30), (40, 50)]) == [(0, 30), (40, 50)]
