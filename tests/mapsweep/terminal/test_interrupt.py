import os
import signal

import pytest

from mapsweep.terminal.interrupt import stoppable


def test_the_first_signal_stops_and_the_second_aborts() -> None:
    told: list[str] = []
    before = signal.getsignal(signal.SIGINT)
    with stoppable(lambda: told.append("stopping")) as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert told == ["stopping"]
    assert signal.getsignal(signal.SIGINT) is before


def test_sigterm_stops_as_well() -> None:
    with stoppable(lambda: None) as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.is_set()
