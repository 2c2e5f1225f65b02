"""The arithmetic of stacks whose guards cannot be seen."""

from procmaps.rules.glibc_stacks.hidden_sizes import (
    ENDED_LIMIT_COUNT,
    SIZES_LIMIT_COUNT,
    STACKS_LIMIT_COUNT,
    sizes_of_stacks,
)
from procmaps.rules.glibc_stacks.threads import CACHE_BYTES

KIB = 2**10
MIB = 2**20
SMALL = 512 * KIB + 4 * KIB
UNKNOWN = -1


def test_one_size_of_which_there_are_as_many_as_threads_without_a_stack() -> None:
    sizes = [3 * SMALL, 2 * SMALL, 51 * 200 * KIB]
    assert sizes_of_stacks(sizes, 5, UNKNOWN) == {3 * SMALL: SMALL, 2 * SMALL: SMALL}
    assert sizes_of_stacks(sizes, 4, UNKNOWN) == {}


def test_a_single_thread_needs_a_round_size_and_no_other_that_fits() -> None:
    assert sizes_of_stacks([SMALL], 1, UNKNOWN) == {SMALL: SMALL}
    assert sizes_of_stacks([SMALL + 4 * KIB], 1, UNKNOWN) == {}
    assert sizes_of_stacks([SMALL, SMALL + 64 * KIB], 1, UNKNOWN) == {}


def test_the_roundest_of_several_sizes() -> None:
    # six of 256 KiB or, of the same mappings, none of any rounder size
    one = 256 * KIB + 4 * KIB
    assert sizes_of_stacks(
        [2 * one, 4 * one, 3 * (320 * KIB + 4 * KIB), 3 * (320 * KIB + 4 * KIB)], 6, UNKNOWN
    ) == {
        2 * one: one,
        4 * one: one,
    }


def test_what_is_larger_than_all_that_is_resident_must_be_stacks_too() -> None:
    sizes = [2 * SMALL, 3 * SMALL, 100 * MIB]
    assert sizes_of_stacks(sizes, 5, 200 * MIB) == {2 * SMALL: SMALL, 3 * SMALL: SMALL}
    assert sizes_of_stacks(sizes, 5, 50 * MIB) == {}


def test_a_guard_of_several_pages_in_memory_that_malloc_cannot_own() -> None:
    one = 64 * KIB + 8 * KIB
    assert sizes_of_stacks([5 * one], 5, 0) == {5 * one: one}
    assert sizes_of_stacks([5 * one], 5, MIB) == {}


def test_stacks_of_ended_threads_fit_into_what_glibc_keeps() -> None:
    one = 2 * MIB + 4 * KIB
    assert 19 * one <= CACHE_BYTES < 20 * one
    # two threads without a stack, and 19 or 20 that ended
    assert sizes_of_stacks([one, 20 * one], 2, 0) == {one: one, 20 * one: one}
    assert sizes_of_stacks([one, 21 * one], 2, 0) == {}


def test_a_mapping_holds_a_limited_number_of_stacks_more_than_threads_lack() -> None:
    one, most = 64 * KIB + 4 * KIB, 2 + ENDED_LIMIT_COUNT
    assert one in sizes_of_stacks([most * one, (most + 1) * one], 2, 0).values()
    assert one not in sizes_of_stacks([(most + 1) * one, (most + 2) * one], 2, 0).values()


def test_a_mapping_holds_a_limited_number_of_stacks() -> None:
    one, most = 64 * KIB + 4 * KIB, STACKS_LIMIT_COUNT
    assert one in sizes_of_stacks([most * one, (most + 1) * one], 2 * most + 1, UNKNOWN).values()
    assert one not in sizes_of_stacks([(most + 1) * one, (most + 2) * one], 2 * most + 3, UNKNOWN).values()


def test_the_largest_sizes_are_tried() -> None:
    primes = [n for n in range(8192, 9000) if all(n % d for d in range(2, 95))]
    other = [4 * KIB * pages for pages in primes[:SIZES_LIMIT_COUNT]]
    assert len(other) == SIZES_LIMIT_COUNT
    assert sizes_of_stacks([SMALL] * 3 + other[1:], 3, UNKNOWN) == {SMALL: SMALL}
    assert sizes_of_stacks([SMALL] * 3 + other, 3, UNKNOWN) == {}


def test_the_smallest_stack_has_16_kib_and_its_guard() -> None:
    for one, found in ((20 * KIB, True), (16 * KIB, False)):
        assert (one in sizes_of_stacks([3 * one, 2 * one], 5, UNKNOWN).values()) == found


def test_sizes_that_are_not_round_need_three_stacks_in_several_mappings() -> None:
    one = 308 * KIB
    assert sizes_of_stacks([one, 2 * one], 3, UNKNOWN) == {one: one, 2 * one: one}
    assert sizes_of_stacks([3 * one], 3, UNKNOWN) == {}
    assert sizes_of_stacks([one, one], 2, UNKNOWN) == {}
