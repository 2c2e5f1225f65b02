"""What holds for all tests."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import settings

# a shared machine is slow at times: what is fast enough is measured in bench/
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
settings.register_profile("fast", deadline=None, max_examples=15)


@pytest.fixture(autouse=True, scope="module")
def _leases_end_with_their_redis() -> Iterator[None]:
    """Nothing of a module is renewed after it.

    Its Redis is gone then, so the thread would try for ever, and disturb each test after it that draws by
    chance: to wait between tries it draws a random number.
    """
    yield
    for thread in threading.enumerate():
        renewal = getattr(getattr(thread, "_target", None), "__self__", None)
        if thread.name == "leases" and renewal is not None:
            renewal._held.clear()
            renewal._owed.clear()
