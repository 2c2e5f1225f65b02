"""What records say of themselves."""

from domain.records import Closed


def closed(ok: int, failed: int, *, complete: bool = True) -> Closed:
    return Closed("r", "2026-11-23T05:00:00+00:00", ok + failed, ok, 0, failed, complete)


def test_a_run_is_good_if_all_hosts_were_asked_in_time_and_one_answered() -> None:
    assert closed(1, 1).is_good
    assert not closed(0, 2).is_good
    assert not closed(1, 1, complete=False).is_good
