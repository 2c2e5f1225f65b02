"""Waiting for what other processes do."""

import time
from collections.abc import Callable

WITHIN_S = 60


def eventually(holds: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    """Wait until something holds; fail where it does not in time."""
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)
