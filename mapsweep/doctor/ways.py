"""Checks of the way to each host: the stages of a sweep, with what stopped hosts there."""

from collections.abc import Iterator, Sequence
from typing import Final

from domain.records import Connection, Failure, Stage
from mapsweep.doctor.check import Check, Level
from mapsweep.doctor.remedies import Here, commands
from mapsweep.doctor.trial import Tried

HOSTS_SHOWN: Final = 3  # by name; the number says how many there are
# what is wrong with a key before any host is asked
KEY_REASONS: Final = frozenset(
    {
        "no_key",
        "key_exposed",
        "key_unreadable",
        "key_timeout",
        "key_encrypted",
        "certificate_unreadable",
        "agent_timeout",
    }
)
_KEY: Final = "key"
HOST_KEY: Final = "host key"
_SUDO: Final = "sudo"
# in the order in which a sweep comes to them
_NAMES: Final[dict[str, frozenset[Stage]]] = {
    _KEY: frozenset(),
    "name": frozenset({Stage.DNS}),
    "port": frozenset({Stage.TCP}),
    "ssh": frozenset({Stage.BANNER, Stage.KEX}),
    HOST_KEY: frozenset({Stage.HOSTKEY}),
    "login": frozenset({Stage.AUTH}),
    _SUDO: frozenset({Stage.SUDO}),
    "probe": frozenset({Stage.EXEC}),
    "answer": frozenset({Stage.READ, Stage.CLASSIFY, Stage.RECORD, Stage.WORKER}),
}
_ORDER: Final = tuple(_NAMES)
_HERE_TOO: Final = frozenset({"probe", "answer", _SUDO})  # also for a host that is this machine


def way_checks(tried: Sequence[Tried], here: Here) -> Iterator[Check]:
    """For each stage one check that says how many passed, or one per reason that stopped hosts."""
    for name in _ORDER:
        asked = [each for each in tried if _concerns(name, each)]
        if not asked:
            continue
        stopped = [each for each in asked if each.failure and _stopped_at(each.failure) == name]
        passed = sum(1 for each in asked if _passed(name, each))
        yield from _failed(name, stopped, len(asked), here)
        if stopped:
            continue
        missed = len(asked) - passed
        if passed:
            text = _of(passed, len(asked)) + (f"; {missed} not reached" if missed else "")
            yield Check(Level.OK, name, text, _new_keys(asked) if name == HOST_KEY else ())
        else:
            yield Check(Level.UNKNOWN, name, "cannot tell: no host came so far")


def _new_keys(tried: Sequence[Tried]) -> tuple[str, ...]:
    """The keys that were accepted now, each with the fingerprint to compare."""
    return few([f"{each.host.name}: {each.told_of_key}" for each in tried if each.told_of_key])


def _concerns(name: str, each: Tried) -> bool:
    if name == _SUDO and not each.host.become:
        return False
    return each.host.connection is Connection.SSH or name in _HERE_TOO


def _stopped_at(failure: Failure) -> str:
    if failure.reason in KEY_REASONS:
        return _KEY
    return next(name for name, stages in _NAMES.items() if failure.stage in stages)


def _passed(name: str, each: Tried) -> bool:
    return each.failure is None or _ORDER.index(_stopped_at(each.failure)) > _ORDER.index(name)


def _failed(name: str, stopped: Sequence[Tried], asked: int, here: Here) -> Iterator[Check]:
    by_reason: dict[str, list[tuple[Tried, Failure]]] = {}
    for each in stopped:
        if each.failure:
            by_reason.setdefault(each.failure.reason, []).append((each, each.failure))
    for reason, those in by_reason.items():
        shown = tuple(f"{each.host.name}: {failure.detail or reason}" for each, failure in those)
        yield Check(
            Level.FAIL,
            name,
            f"{reason}: {_of(len(those), asked)}",
            few(shown),
            those[0][1].remedy,
            commands(reason, [(each.host, failure.detail) for each, failure in those], here),
        )


def few(lines: Sequence[str]) -> tuple[str, ...]:
    """The first lines, and how many more there are."""
    more = len(lines) - HOSTS_SHOWN
    return (*lines[:HOSTS_SHOWN], *((f"and {more} more",) if more > 0 else ()))


def _of(count: int, asked: int) -> str:
    return f"{count} of {asked} {'host' if asked == 1 else 'hosts'}"
