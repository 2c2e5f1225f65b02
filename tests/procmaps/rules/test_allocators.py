"""The table of mallocs."""

import pytest

from procmaps.rules.allocators import (
    ALLOCATORS,
    KEEP_UNUSED,
    MAP_WHOLE_MIB,
    NOT_GLIBC,
    REPLACE_MALLOC,
    RESERVING_AS_GO,
    SET_STACK_FLAG,
    Allocator,
)
from procmaps.rules.marks import MARKS
from procmaps.smaps import VM_FLAGS


@pytest.mark.parametrize("allocator", ALLOCATORS, ids=lambda allocator: allocator.mark)
def test_a_row_names_a_mark_and_a_flag_that_exist(allocator: Allocator) -> None:
    assert allocator.mark in MARKS
    assert not allocator.flag or allocator.flag in VM_FLAGS


def test_each_malloc_has_one_row() -> None:
    marks = [allocator.mark for allocator in ALLOCATORS]
    assert len(set(marks)) == len(marks)


def test_the_marks_by_question() -> None:
    replacing = ("jemalloc", "tcmalloc", "mimalloc", "other_malloc", "asan", "tsan")
    assert replacing == REPLACE_MALLOC == MAP_WHOLE_MIB == KEEP_UNUSED
    assert SET_STACK_FLAG == ("jemalloc", "tcmalloc")
    assert set(NOT_GLIBC) == {"musl", *replacing, "partition_alloc"}
    assert RESERVING_AS_GO == ("other_malloc", "asan", "tsan")
