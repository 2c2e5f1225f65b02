"""The table of language runtimes."""

from procmaps.rules.language_runtimes import LOAD_LATE, RESERVE_AS_GO, RUNTIMES, THREAD_STACK_BYTES
from procmaps.rules.marks import MARKS


def test_each_runtime_has_one_row_with_a_mark_that_exists() -> None:
    marks = [runtime.mark for runtime in RUNTIMES]
    assert set(marks) <= set(MARKS)
    assert len(set(marks)) == len(marks)


def test_the_marks_by_question() -> None:
    assert set(LOAD_LATE) == {"jvm", "python", "ruby", "r", "perl", "php"}
    assert set(RESERVE_AS_GO) == {"jvm", "v8", "dotnet", "beam", "firefox"}
    assert THREAD_STACK_BYTES == {"ruby": 2**20, "v8": 4 * 2**20}
