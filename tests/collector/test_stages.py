import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collector import local
from collector.session import Session
from collector.stages import Stages, log
from collector.sweep import collect
from domain.records import Connection, Dump, Failure, Host
from mapsweep.terminal.log_lines import LogLines


class Unspeakable:
    """A value that cannot be put into words."""

    def __str__(self) -> str:
        raise RuntimeError


@contextmanager
def telling() -> Iterator[io.StringIO]:
    """What the collector tells, as `--debug` has it written, and no other handler of pytest's hears it."""
    stream = io.StringIO()
    before = log.handlers, log.propagate
    log.handlers, log.propagate = [LogLines(stream)], False
    log.setLevel(logging.DEBUG)
    try:
        yield stream
    finally:
        log.handlers, log.propagate = before
        log.setLevel(logging.NOTSET)


def test_each_stage_has_its_own_time() -> None:
    with telling() as told:
        stages = Stages("web1")
        stages.ended("dns", "addresses of %s: %d", "web1", 2)
        stages.ended("tcp", "connected")
        first, second = told.getvalue().splitlines()
        assert re.search(r"Z collector: web1: dns: addresses of web1: 2, \d+\.\d{3} s$", first)
        assert re.search(r"Z collector: web1: tcp: connected, \d+\.\d{3} s$", second)


def test_a_fact_that_cannot_be_told_ends_no_host() -> None:
    with telling() as told:
        stages = Stages("web1")
        stages.ended("tcp", "%s", Unspeakable())
        stages.ended("kex", "%d", "no number")
        stages.note("%s %s", "one value")
        assert told.getvalue().count("a record that cannot be printed") == 3


def test_nothing_is_put_into_words_for_nobody() -> None:
    assert not Stages("web1").are_told
    Stages("web1").ended("tcp", "%s", Unspeakable())
    Stages("web1").note("%s", Unspeakable())


def test_this_machine_without_ssh(tree: str) -> None:
    here = Host("here", "here", root=tree, connection=Connection.LOCAL)
    with telling() as told:
        assert isinstance(local.collect(here, Session()), Dump)
        stages = re.findall(r"Z collector: here: ([a-z ]+): .*, \d+\.\d{3} s$", told.getvalue(), re.MULTILINE)
        assert stages == ["exec", "first byte", "read", "unpack"]


def test_a_bug_is_told_with_its_traceback(tmp_path: Path) -> None:
    with telling() as told:
        session = Session(keyring=None)  # type: ignore[arg-type]
        failure = collect(Host("web1", "127.0.0.1", key_file=str(tmp_path / "none")), session)
        assert isinstance(failure, Failure)
        assert failure.reason == "bug"
        assert re.search(r"Z collector: web1: worker: failed, bug: AttributeError", told.getvalue())
        assert "\n    Traceback (most recent call last):\n" in told.getvalue()
        assert all(line.startswith(("20", "    ")) for line in told.getvalue().splitlines())
