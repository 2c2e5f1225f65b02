"""The memory that all hosts of a sweep share: who waits, who goes on, who has to leave."""

import threading
import time
from collections.abc import Callable

from collector.budget import STEP_BYTES, Budget, Share

HOSTS = 4
OWN = 2 * STEP_BYTES
POOL = OWN * HOSTS  # as much as all have of their own
PLENTY_S = 300.0


def never() -> bool:
    return False


def at_once() -> bool:
    return True


def budget() -> Budget:
    return Budget(OWN * HOSTS + POOL, HOSTS)


class Growing:
    """A host that wants more, in a thread of its own."""

    def __init__(self, share: Share, to_bytes: int, is_over: Callable[[], bool] = never) -> None:
        self.found: bool | None = None
        self._args = (share, to_bytes, is_over)
        self._thread = threading.Thread(target=self._grow, daemon=True)
        self._thread.start()

    def _grow(self) -> None:
        with self._args[0] as share:
            self.found = share.grow(*self._args[1:])

    def ended(self) -> bool | None:
        self._thread.join(PLENTY_S)
        return self.found


def until_waiting(budget: Budget, count: int) -> None:
    until_s = time.monotonic() + PLENTY_S
    while len(budget.waiting) < count and time.monotonic() < until_s:
        time.sleep(0.01)
    assert len(budget.waiting) >= count


def test_what_is_a_hosts_own_it_has_while_the_pool_is_empty() -> None:
    shared = budget()
    greedy, modest = shared.share(), shared.share()
    assert greedy.grow(OWN + POOL, at_once)
    assert shared.free_bytes == 0
    assert modest.grow(OWN, at_once)
    assert not modest.grow(OWN + 1, at_once)


def test_a_host_waits_until_another_gives_back() -> None:
    shared = budget()
    first = shared.share()
    assert first.grow(OWN + POOL, never)
    second = Growing(shared.share(), OWN + POOL)
    until_waiting(shared, 1)
    assert second.found is None
    first.shrink(OWN)
    assert second.ended()


def test_if_all_wait_the_largest_leaves_and_the_others_go_on() -> None:
    shared = budget()
    small, large = shared.share(), shared.share()
    assert small.grow(OWN + STEP_BYTES, never)
    assert large.grow(OWN + POOL - STEP_BYTES, never)
    growing = Growing(small, OWN + 2 * STEP_BYTES)
    until_waiting(shared, 1)
    assert Growing(large, OWN + POOL).ended() is False
    assert growing.ended() is True


def test_one_host_alone_is_never_refused() -> None:
    shared = budget()
    assert shared.share().grow(100 * (OWN + POOL), at_once)


def test_all_is_free_again_after_any_number_of_hosts() -> None:
    shared = budget()
    for _ in range(3):
        growing = [Growing(shared.share(), OWN + POOL * part // 3) for part in range(1, 4) for _ in range(4)]
        for each in growing:
            assert each.ended() is not None
    assert shared.free_bytes == POOL
    assert not shared.waiting
