"""Waiting for what other processes do."""

import time
from collections.abc import Callable

WITHIN_S = 300  # of a busy machine: it tells what hangs, and measures nothing


def eventually(
    holds: Callable[[], object], within_s: float = WITHIN_S, state: Callable[[], str] = str
) -> None:
    """Wait until something holds; fail with the state of things unless it does in time."""
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until, f"not within {within_s} s\n{state()}"
        time.sleep(0.02)
