"""The bytes that all hosts of a sweep may hold at once, so that no number of hostile hosts fills the disk.

Of each host only the first bytes are in memory, and few (collector.spool).

Half of the budget is for all to share out evenly: so much each host has in any case, and a host of usual size
never waits. The other half is a pool for those that send more. Who finds it empty waits, and stops reading,
until others have given back. If all that hold some of it wait, the one that holds the most has to leave.
"""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

POLL_S: Final = 0.2  # how soon the end of a wait is noticed
STEP_BYTES: Final = 2**18  # what is taken of the pool is a multiple of this


class Budget:
    """The budget of one sweep, of which each host of at most `hosts` at once has a share."""

    def __init__(self, most_bytes: int, hosts: int) -> None:
        self.own_bytes = most_bytes // 2 // max(1, hosts)
        self.pool_bytes = most_bytes - self.own_bytes * max(1, hosts)
        self.free_bytes = self.pool_bytes
        self.changed = threading.Condition()
        self.waiting: set[Share] = set()
        self._holders: set[Share] = set()

    def share(self) -> "Share":
        """The share of one more host, for a with statement."""
        return Share(self)

    def move(self, share: "Share", count: int) -> None:
        """Gives so many bytes of the pool to a share; takes them from it if less than 0. Under `changed`."""
        self.free_bytes -= count
        share.pool_bytes += count
        (self._holders.add if share.pool_bytes else self._holders.discard)(share)
        self.changed.notify_all()

    def make_room(self) -> None:
        """Has the largest leave if all wait, because then nobody gives anything back. Under `changed`."""
        if self._holders <= self.waiting and not any(share.must_leave for share in self.waiting):
            max(self.waiting, key=lambda share: share.pool_bytes).must_leave = True
            self.changed.notify_all()


class Share:
    """What one host holds."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.pool_bytes = 0
        self.must_leave = False

    def grow(self, to_bytes: int, is_over: Callable[[], bool]) -> bool:
        """Waits until the host may hold so many bytes; False if it may not, or `is_over` before.

        One host alone may always hold what it needs, because other limits bound that.
        """
        budget = self._budget
        steps = -(-max(0, to_bytes - budget.own_bytes) // STEP_BYTES)
        wanted = min(steps * STEP_BYTES, budget.pool_bytes)
        if wanted <= self.pool_bytes:
            return True
        with budget.changed:
            budget.waiting.add(self)
            try:
                while budget.free_bytes < wanted - self.pool_bytes:
                    budget.make_room()
                    if self.must_leave or is_over():
                        return False
                    budget.changed.wait(POLL_S)
                budget.move(self, wanted - self.pool_bytes)
            finally:
                budget.waiting.discard(self)
        return True

    def shrink(self, to_bytes: int = 0) -> None:
        """Gives back what it holds above so many bytes."""
        with self._budget.changed:
            steps = -(-max(0, to_bytes - self._budget.own_bytes) // STEP_BYTES)
            self._budget.move(self, min(0, steps * STEP_BYTES - self.pool_bytes))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shrink()
