"""What log lines carry about the work that is being done."""

import threading

import pytest

from domain.about import about, current


def test_inner_blocks_add_and_give_back() -> None:
    assert current() == {}
    with about(run="r1", host="web-1"):
        with about(stage="auth", host="web-2"):
            assert current() == {"run": "r1", "host": "web-2", "stage": "auth"}
        assert current() == {"run": "r1", "host": "web-1"}
    assert current() == {}


def test_an_error_ends_the_block_too() -> None:
    with pytest.raises(ZeroDivisionError), about(run="r1", reason="x"):
        raise ZeroDivisionError
    assert current() == {}


def test_what_is_handed_out_is_a_copy() -> None:
    with about(run="r1"):
        current()["run"] = "forged"
        assert current() == {"run": "r1"}


def test_threads_do_not_see_each_other() -> None:
    meet = threading.Barrier(2)
    seen: dict[str, dict[str, str]] = {}

    def work(host: str) -> None:
        before = current()
        with about(host=host):
            meet.wait(60)
            seen[host] = {**before, **current()}
            meet.wait(60)

    with about(run="parent"):
        threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert seen == {"a": {"host": "a"}, "b": {"host": "b"}}
