"""What a host sent, in memory and in a file: the same bytes, and nothing of them in clear on the disk."""

import os
import resource
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import local
from collector.processes import Processes
from collector.session import Session
from collector.spool import MEMORY_BYTES, PIECE_BYTES, Spool, Stretch
from collector.sweep import sweep
from collector.trouble import HostTrouble
from domain.content import Content, pieces, whole
from domain.records import Connection, Dump, Failure, Host, Limits
from tests.collector.proc_tree import add_facts, add_process

SECRET = b"--password\0hunter2\0"


def spool_of(folder: Path, content: bytes, memory_bytes: int = 0) -> Spool:
    spool = Spool(folder, memory_bytes)
    spool.append(content)
    return spool


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@given(
    st.lists(st.binary(max_size=40), max_size=8),
    st.integers(0, 60),
    st.integers(0, 200),
    st.integers(0, 200),
    st.binary(min_size=1, max_size=2),
)
def test_a_file_gives_what_memory_gives(
    tmp_path_factory: pytest.TempPathFactory,
    chunks: list[bytes],
    memory_bytes: int,
    start: int,
    count: int,
    text: bytes,
) -> None:
    spool = Spool(tmp_path_factory.getbasetemp(), memory_bytes)
    for chunk in chunks:
        spool.append(chunk)
    content = b"".join(chunks)
    assert len(spool) == len(content)
    assert spool.is_on_disk == (len(content) > memory_bytes)
    assert spool.read(start, count) == content[start : start + count]
    assert b"".join(spool.pieces(start, start + count)) == content[start : start + count]
    assert spool.find(text, start) == content.find(text, start)
    if text[:1] != text[1:]:  # of what overlaps itself, only the first is found
        assert spool.rfind(text, start) == content.rfind(text, start)
    part = spool.content(start, max(start, len(content)))
    assert whole(part) == content[start:]
    assert len(part) == len(content[start:])


def test_a_text_across_two_pieces_is_found(tmp_path: Path) -> None:
    for before in range(PIECE_BYTES - 4, PIECE_BYTES + 2):
        spool = spool_of(tmp_path, bytes(before) + b"mark" + bytes(9))
        assert spool.find(b"mark") == spool.rfind(b"mark") == before


def test_nothing_has_a_name_or_can_be_read_on_the_disk(tmp_path: Path) -> None:
    spool = spool_of(tmp_path, SECRET * 1000)
    assert not list(tmp_path.iterdir())
    (file,) = [
        path
        for path in Path("/proc/self/fd").iterdir()
        if path.is_symlink() and str(path.readlink()).startswith(str(tmp_path))
    ]
    status = file.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_nlink) == (0o600, 0)
    stored = file.read_bytes()
    assert len(stored) == len(spool)
    assert b"hunter2" not in stored
    assert len({stored[at : at + len(SECRET)] for at in range(0, len(stored), len(SECRET))}) == 1000
    assert spool.read(0, len(spool)) == SECRET * 1000


def first_half(spool: Spool) -> tuple[Content, Content]:
    """Runs in the process beside: a range of what it was sent, and something of its own."""
    own = spool.beside()
    for piece in spool.pieces():
        own.append(piece[::-1])
    return spool.content(0, len(spool) // 2), own.content()


@pytest.mark.parametrize("memory_bytes", [0, 2**20])
def test_a_process_beside_reads_it_and_gives_back_a_part(tmp_path: Path, memory_bytes: int) -> None:
    content = os.urandom(2**18)
    processes = Processes(1)
    try:
        processes.run(lambda: False, lambda: 60.0, os.getpid)
        before = descriptors()
        spool = spool_of(tmp_path, content, memory_bytes)
        half, turned = processes.run(lambda: False, lambda: 60.0, first_half, spool)
        assert isinstance(half, Stretch) == isinstance(turned, Stretch) == (memory_bytes == 0)
        del spool
        assert whole(half) == content[: 2**17]
        assert whole(turned) == content[::-1]
        assert [len(piece) for piece in pieces(half)] == [2**17]
        del half, turned
        assert descriptors() == before
        for _ in range(20):  # nor does the process beside keep any
            processes.run(lambda: False, lambda: 60.0, first_half, spool_of(tmp_path, content))
        assert processes.run(lambda: False, lambda: 60.0, descriptors) < 30
    finally:
        processes.stop()


@contextmanager
def files_of_at_most(size_bytes: int) -> Iterator[None]:
    """As a full disk, but for this process alone."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_folder_that_takes_no_more_is_told_by_its_name(tmp_path: Path) -> None:
    for folder, said in ((tmp_path, "File too large"), (tmp_path / "none", "No such file or directory")):
        with files_of_at_most(10_000), pytest.raises(HostTrouble) as raised:
            spool_of(folder, bytes(20_000))
        assert raised.value.reason == "spool_failed"
        assert raised.value.detail == f"{folder}: {said}"


def test_a_large_host_fails_by_its_reason_and_the_others_are_read(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    for tree in (small, large):
        add_facts(tree)
        add_process(tree, 7)
    for pid in range(100, 130):
        cmdline = b"\0".join(os.urandom(30).hex().encode() for _ in range(2000))
        add_process(large, pid, cmdline=cmdline)
    hosts = [Host(path.name, "", root=str(path), connection=Connection.LOCAL) for path in (large, small)]
    outcomes: dict[str, Dump | Failure] = {}

    def keep(outcome: Dump | Failure) -> None:
        outcomes[outcome.host] = outcome

    session = Session(Limits(concurrency=1), folder=tmp_path / "none")
    sweep(hosts, session, keep, threading.Event())
    assert isinstance(outcomes["small"], Dump)
    failure = outcomes["large"]
    assert isinstance(failure, Failure)
    assert failure.reason == "spool_failed"
    dump = local.collect(hosts[0], Session(folder=tmp_path))
    assert isinstance(dump, Dump)
    assert dump.complete
    assert (dump.received_bytes or 0) > MEMORY_BYTES
