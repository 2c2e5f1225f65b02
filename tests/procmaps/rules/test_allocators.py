"""The table of mallocs."""

import pytest

from procmaps.rules.allocators import (
    ALLOCATORS,
    KEEP_CLOSED,
    KEEP_UNUSED,
    MAP_WHOLE_MIB,
    REPLACE_MALLOC,
    SET_STACK_FLAG,
    WITHOUT_CHUNKS,
    WITHOUT_GLIBC_ARENAS,
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


def test_what_replaces_malloc_leaves_nothing_to_glibc_s() -> None:
    for replacing in REPLACE_MALLOC:
        assert replacing in WITHOUT_CHUNKS
        assert replacing in WITHOUT_GLIBC_ARENAS


def test_the_marks_by_question() -> None:
    assert REPLACE_MALLOC == MAP_WHOLE_MIB == KEEP_UNUSED == ("jemalloc", "tcmalloc", "mimalloc")
    assert SET_STACK_FLAG == ("jemalloc", "tcmalloc")
    assert KEEP_CLOSED == ("mimalloc",)
    assert "glibc" not in (*WITHOUT_CHUNKS, *WITHOUT_GLIBC_ARENAS)
