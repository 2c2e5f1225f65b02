"""Errors as one line for people."""

import errno
import os

import pytest

from domain.mistakes import Mistake, OperatorError, named, placed, reason_of, trace_of

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/runs/x")
NAMELESS = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
WRONG = OperatorError(Mistake("--hosts", "matches nothing"), Mistake("a.yaml", "is empty", "write one"))


def test_an_error_is_told_with_its_own_place_or_else_the_given_one() -> None:
    assert placed(FULL, "/runs") == "/runs/x: No space left on device"
    assert placed(NAMELESS, "/runs") == "/runs: No space left on device"


def test_an_error_is_told_by_its_name() -> None:
    assert named(FULL) == "ENOSPC at /runs/x: No space left on device"
    assert named(TimeoutError("slow")) == "TimeoutError: slow"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FULL, "ENOSPC at /runs/x: No space left on device"),
        (WRONG, "--hosts: matches nothing; a.yaml: is empty (write one)"),
        (KeyError("x"), "a bug of mapsweep: KeyError: 'x'"),
    ],
)
def test_any_error_has_a_reason_in_one_line(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason


def test_only_what_may_be_a_bug_is_traced() -> None:
    bug = KeyError("x")
    assert trace_of(bug) is bug
    assert trace_of(FULL) is trace_of(WRONG) is None
