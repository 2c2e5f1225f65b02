"""The table of mallocs."""

import pytest

from procmaps.rules.allocators import (
    ALLOCATORS,
    KEEP_UNUSED,
    MAP_WHOLE_MIB,
    NOT_GLIBC,
    REPLACE_MALLOC,
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
    assert REPLACE_MALLOC == MAP_WHOLE_MIB == KEEP_UNUSED == ("jemalloc", "tcmalloc", "mimalloc")
    assert SET_STACK_FLAG == ("jemalloc", "tcmalloc")
    assert NOT_GLIBC == ("musl", "jemalloc", "tcmalloc", "mimalloc", "partition_alloc")
