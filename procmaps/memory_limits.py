"""The memory that a process may have: the limits of its cgroup and of those above it, and the room left.

A cgroup is charged for the anonymous and the shared memory of its processes, for page cache and for what the
kernel keeps for it. Its limit (memory.max) is met when what cannot be given back fills it. That is not told;
it lies between what its processes surely hold and all that is charged (memory.current).
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple

import numpy as np

from procmaps.facts import display
from procmaps.tables import UNKNOWN, UNLIMITED, Ints64, ProcessTable, Snapshot

DEPTH_LIMIT_COUNT: Final = 64  # cgroups above that of a process
_MEMORY: Final = re.compile(rb"\d+:(?:|(?:[^:]*,)?memory(?:,[^:]*)?):(/.*)")


class Limit(NamedTuple):
    """A limit that a process is under."""

    path: str  # of the cgroup; "" for the host
    most_bytes: int


class Rooms(NamedTuple):
    """Per process the limit that has the least room left; UNKNOWN without one, or if it cannot be told."""

    limit_bytes: Ints64
    least_bytes: Ints64  # if nothing that is charged can be given back; UNKNOWN if that was not sent
    most_bytes: Ints64  # if all but the memory of the processes can


def limits_above(cgroup: bytes, limits: Mapping[str, int]) -> list[Limit]:
    """The limits of a cgroup, the text of /proc/PID/cgroup, and of those above it; the innermost first."""
    found = []
    for line in cgroup.split(b"\n"):
        told = _MEMORY.fullmatch(line)
        path = display(told[1]) if told else ""
        for _ in range(DEPTH_LIMIT_COUNT):
            if 0 < limits.get(path, UNKNOWN) < UNLIMITED:
                found.append(Limit(path, limits[path]))
            path = path.rpartition("/")[0]
            if not path:
                break
    return found


def rooms(snapshot: Snapshot) -> Rooms:
    """What each process and its neighbours can grow by until a limit above them is met."""
    processes, facts = snapshot.processes, snapshot.facts
    limits = facts.cgroup_memory_max_bytes
    found = Rooms(*np.full((len(Rooms._fields), len(processes)), UNKNOWN, np.int64))
    above = cache(lambda cgroup: limits_above(cgroup, limits))
    if not any(0 < most < UNLIMITED for most in limits.values()):
        return found
    members: dict[Limit, list[int]] = defaultdict(list)
    for row, cgroup in enumerate(processes.cgroup):
        for limit in dict.fromkeys(above(cgroup)):
            members[limit].append(row)
    room_of: dict[Limit, tuple[int, int]] = {}
    for limit, rows in members.items():
        held = _held_bytes(processes, np.array(rows))
        if held == UNKNOWN:
            continue
        charged = facts.cgroup_memory_bytes.get(limit.path, UNKNOWN)
        least = UNKNOWN if charged == UNKNOWN else max(limit.most_bytes - charged, 0)
        # pages that parent and child still share are in RssAnon of both, and charged once
        room_of[limit] = max(limit.most_bytes - held, least, 0), least
    for row, cgroup in enumerate(processes.cgroup):
        known = [limit for limit in above(cgroup) if limit in room_of]
        if known:
            limit = min(known, key=lambda each: room_of[each])
            found.limit_bytes[row] = limit.most_bytes
            found.most_bytes[row], found.least_bytes[row] = room_of[limit]
    return found


def _held_bytes(processes: ProcessTable, rows: Ints64) -> int:
    """What these processes hold of a cgroup; UNKNOWN if the kernel does not tell it (before Linux 4.5).

    Of shared memory that of the process that has most: others may map the same.
    """
    anonymous, shared = processes.rss_anon_bytes[rows], processes.rss_shmem_bytes[rows]
    if (anonymous < 0).any():
        return UNKNOWN
    return int(anonymous.sum()) + int(shared.max(initial=0))
