"""A finding as one sentence: which service, on which hosts, with its figures and what its peers do."""

from dataclasses import dataclass
from typing import Any, Final

from domain.moments import epoch_s
from procmaps.amounts import scaled
from reports.findings import bloated, growth
from reports.findings.codes import words
from reports.findings.forecast import DAY_S, Forecast, its_limit, when_full

_HOUR_MINUTES: Final = 60
_DAY_MINUTES: Final = 24 * _HOUR_MINUTES


@dataclass(frozen=True, slots=True)
class Told:
    """What a title is made of."""

    code: str
    service: str
    members: int
    of: int  # processes of the service
    bytes: int | None
    first: dict[str, Any]  # the first member: a row of `reports.findings.gathering.ROW`
    grown: dict[str, Any] | None  # of `grew`: its row of GROWING, with its rooms
    base_at: str  # of `grew`: start of the run before the first of its members grew
    compared_at: str  # start of the run compared with


def title(told: Told) -> str:
    """One sentence, without its full stop."""
    if told.code == growth.CODE and told.grown is not None:
        return _grew(told, told.grown)
    if told.code == bloated.CODE:
        return _bloated(told)
    name = _name(told)
    if told.members == 1:
        return f"{name} on {told.first['host']}: {_lowered(told.first['evidence'])}"
    held = f", {scaled(told.bytes)} in all" if told.bytes else ""
    return f"{_share(told, name)}: {words(told.code)}{held}, the most on {told.first['host']}"


def _grew(told: Told, grown: dict[str, Any]) -> str:
    kind = f", mostly in {growth.inside(grown['kind'])}" if grown["kind"] else ""
    name, host = _name(told), told.first["host"]
    gain = scaled(told.bytes or 0)
    when = since(told.base_at, grown["at"][-1], told.compared_at)
    if told.members == 1:
        peers = _peers(grown)
        return f"{name} on {host} grew {gain} {when}{kind}{peers}{_full(growth.told_of(grown))}"
    most = scaled(told.first["concerns_bytes"] or 0)
    return f"{_share(told, name)} grew {gain} {when}{kind}, {host} the most ({most})"


def since(base_at: str, now_at: str, compared_at: str) -> str:
    """`in a day`, `in 20 min` since the run compared with; `since 2026-11-27` if it began earlier."""
    if base_at != compared_at:
        return f"since {base_at[:10]}"
    days = (epoch_s(now_at) - epoch_s(base_at)) / DAY_S
    if days <= 0:
        return f"since {base_at[:10]}"
    whole = round(days)
    if whole >= 1:
        return "in a day" if whole == 1 else f"in {whole} days"
    minutes = max(1, round(days * _DAY_MINUTES))
    if minutes < _HOUR_MINUTES:
        return f"in {minutes} min"
    hours = round(minutes / _HOUR_MINUTES)
    return "in an hour" if hours == 1 else f"in {hours} hours"


def _peers(grown: dict[str, Any]) -> str:
    """What the other members of the service did; nothing if there are none, or it is not known."""
    peers, changed = grown["peers"], grown["peers_changed"]
    if not peers or changed is None:
        return ""
    if changed == 0:
        return f"; {peers} peers did not grow" if peers > 1 else "; its one peer did not grow"
    if changed == peers:
        return f"; all {peers} peers did too" if peers > 1 else "; its one peer did too"
    return f"; {changed} of {peers} peers did too"


def _full(told: Forecast) -> str:
    if told.days is None:
        return ""
    full = "its host" if told.limit_bytes is None else its_limit(told)
    return f"; at this rate {full} is full {when_full(told)}"


def _bloated(told: Told) -> str:
    name = _name(told)
    if told.members == 1:
        return f"{name} on {told.first['host']}: {_lowered(told.first['evidence'])}"
    excess = f", {scaled(told.bytes)} above it in all" if told.bytes else ""
    return f"{_share(told, name)} hold far more than their baseline{excess}, the most on {told.first['host']}"


def _name(told: Told) -> str:
    return told.service or str(told.first["comm"]) or "a process"


def _share(told: Told, name: str) -> str:
    """`4 of 6 members of checkout.service`; `2 members of` where the number of all is not known."""
    of = f" of {told.of:,}" if told.of >= told.members else ""
    return f"{told.members:,}{of} members of {name}"


def _lowered(sentence: str) -> str:
    """A sentence behind a colon: without its full stop, and its first letter small unless it is a name."""
    text = sentence.removesuffix(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
