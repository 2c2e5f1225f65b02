"""A few hosts that stand for all: of each kind of host, as the inventory groups them."""

from collections.abc import Sequence
from typing import Final

from domain.records import Host

SAMPLE_HOSTS: Final = 8  # asked unless told otherwise
SAMPLE_HOSTS_MAX: Final = 64  # as many as a sweep asks at once by default


def sample(hosts: Sequence[Host], most: int) -> tuple[Host, ...]:
    """At most `most` hosts, in the order given; the same ones each time.

    Hosts that share groups and the way they are reached are of one kind. Kinds take turns, and each gives its
    first host, then its last, then those between: neighbours in an inventory often are alike.
    """
    kinds: dict[tuple[object, ...], list[Host]] = {}
    for host in hosts:
        way = (host.groups, host.connection, host.user, host.key_file, host.become)
        kinds.setdefault(way, []).append(host)
    waiting = [_spread(members) for members in kinds.values()]
    chosen: list[str] = []
    while waiting and len(chosen) < most:
        chosen += [members.pop(0).name for members in waiting[: most - len(chosen)]]
        waiting = [members for members in waiting if members]
    return tuple(host for host in hosts if host.name in set(chosen))


def kinds_of(hosts: Sequence[Host]) -> int:
    """How many different sets of groups these hosts are in."""
    return len({host.groups for host in hosts})


def _spread(members: list[Host]) -> list[Host]:
    """The first, the last, the middle, and then the rest in order."""
    ends = dict.fromkeys((0, len(members) - 1, len(members) // 2))
    return [members[at] for at in (*ends, *(at for at in range(len(members)) if at not in ends))]
