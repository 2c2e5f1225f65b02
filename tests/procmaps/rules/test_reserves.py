"""Reserves that are opened from the base upward."""

import pytest

from procmaps.rules.glibc_stacks.guards import GUARD_MAX_BYTES
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, parts_of, read, sorted_maps

KIB = 2**10
MIB = 2**20
AT = 0x7E0000100000


def rule_of(head: int, rest: int, *, at: int = AT, rest_perms: str = "---p") -> str:
    text = sorted_maps(BRK_HEAP, LIBC, anon(at, head), anon(at + head, rest, rest_perms))
    parts = parts_of(read(text, threads=1, rss_anon_kb=400 * 1024))
    return next(rule for start, _, _, rule in parts if start == at)


@pytest.mark.parametrize("reserve", [3 * MIB, 128 * MIB, 1000 * MIB])
@pytest.mark.parametrize("head", [132 * KIB, 644 * KIB, MIB + 4 * KIB])
def test_both_parts_are_a_whole_number_of_mib(head: int, reserve: int) -> None:
    assert rule_of(head, reserve - head) == "reserve.opened"
    assert rule_of(head, reserve - head + 4 * KIB) == "glibc.mmapped"


def test_what_can_be_read_is_no_reserve() -> None:
    assert rule_of(644 * KIB, 9 * MIB - 644 * KIB, rest_perms="r--p") == "glibc.mmapped"


def test_a_chunk_below_the_guard_of_a_stack_is_no_opened_reserve() -> None:
    head = 3 * MIB - GUARD_MAX_BYTES
    assert rule_of(head + 4 * KIB, GUARD_MAX_BYTES - 4 * KIB) == "glibc.mmapped"
    assert rule_of(head + 8 * KIB, GUARD_MAX_BYTES - 8 * KIB) == "glibc.mmapped"
    assert rule_of(head - 4 * KIB, GUARD_MAX_BYTES + 4 * KIB) == "reserve.opened"


def test_the_heap_of_an_arena_is_one_too_but_is_known() -> None:
    assert rule_of(644 * KIB, 64 * MIB - 644 * KIB, at=0x7E0000000000) == "glibc.arena"


@pytest.mark.parametrize(
    ("below", "perms", "rule"),
    [
        (4 * KIB, "---p", "glibc.mmapped"),
        (644 * KIB, "rw-p", "glibc.mmapped"),
        (9 * MIB, "---p", "reserve.opened"),  # the closed end of another reserve
        (0, "", "reserve.opened"),
    ],
)
def test_the_upper_part_of_a_divided_heap_is_left_to_malloc(below: int, perms: str, rule: str) -> None:
    head, at = 644 * KIB, 0x7E0004000000 - 16 * MIB
    lines = [anon(at, head), anon(at + head, 16 * MIB - head, "---p")]
    lines += [anon(at - below, below, perms)] if below else []
    parts = parts_of(read(sorted_maps(BRK_HEAP, LIBC, *lines), threads=1, rss_anon_kb=400 * 1024))
    assert rule in {found for start, _, _, found in parts if start in {at, at - below}}
