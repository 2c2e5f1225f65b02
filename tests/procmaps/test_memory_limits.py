"""The room of a process below the limits of its cgroup, and of those above it."""

from collections.abc import Mapping

import pytest

from procmaps.memory_limits import rooms
from procmaps.read import read
from tests.strategies import NONCE, closing, record

MIB = 2**20
POD = b"/kubepods.slice/pod1"
APP, SIDE = POD + b"/app", POD + b"/side"


def _said(size: object) -> bytes:
    return str(size * MIB if isinstance(size, int) else size).encode()


def found(
    cgroups: list[tuple[bytes, int, int]], limits: Mapping[bytes, tuple[object, object]]
) -> list[tuple[int, int, int]]:
    """Limit, least and most room of processes of which cgroup, RssAnon and RssShmem are given, in MiB."""
    memory = identity = b""
    for pid, (cgroup, anon, shmem) in enumerate(cgroups, 1):
        rss = b"RssAnon:\t%d kB\nRssShmem:\t%d kB\n" % (anon * 1024, shmem * 1024)
        memory += record("status", pid, b"Name:\tx\n" + (rss if anon >= 0 else b""))
        memory += record("maps", pid, b"00400000-00401000 r-xp 00000000 00:00 0 \n")
        identity += record("cgroup", pid, cgroup)
    lines = [b"%s\t%s\t%s\n" % (path, *map(_said, sizes)) for path, sizes in limits.items()]
    memory += record("cgroup-memory", 0, b"".join(lines)) + closing(len(cgroups))
    below = rooms(read(memory, identity, NONCE))
    return [
        tuple(size if size < 0 else size // MIB for size in sizes)
        for sizes in zip(*(column.tolist() for column in below), strict=True)
    ]


def test_room_is_between_what_members_hold_and_all_that_is_charged() -> None:
    members = [(b"0::" + APP, 100, 30), (b"0::" + APP, 50, 40), (b"0::/other", 900, 0)]
    assert found(members, {APP: (1000, 600)}) == [(1000, 400, 810), (1000, 400, 810), (-1, -1, -1)]


def test_the_members_of_a_cgroup_are_also_those_of_the_cgroups_below_it() -> None:
    members = [(b"0::" + APP, 100, 0), (b"0::" + SIDE, 700, 0)]
    limits = {APP: (500, 150), POD: (1000, 900), SIDE: ("max", 720)}
    assert found(members, limits) == [(1000, 100, 200), (1000, 100, 200)]


@pytest.mark.parametrize("cgroup", [b"0::" + APP, b"4:cpu:/x\n7:pids,memory:" + APP + b"\n0::/x"])
def test_either_version_of_cgroups_counts(cgroup: bytes) -> None:
    assert found([(cgroup, 100, 0)], {APP: (1000, 600)}) == [(1000, 400, 900)]


def test_pages_that_processes_share_are_charged_once() -> None:
    """Forked workers have the pages of their parent in RssAnon each: together more than is charged."""
    workers = [(b"0::" + APP, 400, 0)] * 4
    assert found(workers, {APP: (1000, 500)}) == [(1000, 500, 500)] * 4
    assert found(workers, {APP: (1000, "")}) == [(1000, -1, 0)] * 4


@pytest.mark.parametrize(
    ("member", "limits"),
    [
        ((b"0::" + APP, 100, 0), {APP: ("max", 600)}),
        ((b"0::" + APP, 100, 0), {}),
        ((b"0::" + APP, -1, 0), {APP: (1000, 600)}),  # an old kernel
        ((b"3:cpu:" + APP, 100, 0), {APP: (1000, 600)}),
        ((b"", 100, 0), {APP: (1000, 600)}),
    ],
)
def test_without_a_limit_or_a_size_nothing_is_known(
    member: tuple[bytes, int, int], limits: Mapping[bytes, tuple[object, object]]
) -> None:
    assert found([member], limits) == [(-1, -1, -1)]
