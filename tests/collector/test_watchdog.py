import threading
import time

from collector.watchdog import INTERRUPTED, Watchdog


def test_a_deadline_that_passes_cuts_once_and_says_which() -> None:
    cuts: list[float] = []
    fired = threading.Event()
    watchdog = Watchdog()

    def cut() -> None:
        cuts.append(time.monotonic())
        fired.set()

    with watchdog.guard(cut) as guard:
        guard.expect("banner", time.monotonic() + 60)
        guard.expect("auth", time.monotonic() + 0.02)
        assert fired.wait(60)
        watchdog.interrupt()
        assert guard.fired == "auth"
    assert len(cuts) == 1


def test_a_deadline_that_is_moved_does_not_fire() -> None:
    watchdog = Watchdog()
    later = threading.Event()
    with watchdog.guard(lambda: None) as guard, watchdog.guard(later.set) as other:
        soon_s = time.monotonic() + 1.5  # which a busy machine may need for the next line
        guard.expect("exec", soon_s)
        guard.expect("total", soon_s + 600)
        other.expect("exec", soon_s + 0.05)
        assert later.wait(60)
        assert guard.fired == ""


def test_an_interrupt_cuts_what_is_open_and_what_is_opened_later() -> None:
    watchdog = Watchdog()
    with watchdog.guard(lambda: None) as guard:
        watchdog.interrupt()
        assert guard.fired == INTERRUPTED
    with watchdog.guard(lambda: None) as guard:
        assert guard.fired == INTERRUPTED
    watchdog.pause(60)  # does not wait


def test_the_thread_ends_with_the_last_guard() -> None:
    watchdog = Watchdog()
    for _ in range(3):
        with watchdog.guard(lambda: None) as guard:
            guard.expect("total", time.monotonic() + 60)
            thread = watchdog._thread
            assert thread is not None
        thread.join(60)
        assert not thread.is_alive()
