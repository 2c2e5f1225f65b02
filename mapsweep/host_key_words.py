"""What an operator is told of host keys on the terminal: that none was checked, and which are new."""

from collections.abc import Iterator
from typing import Final

from collector.session import Sessions
from collector.ssh.policy import Policy
from mapsweep.settings.settings import Settings

NEW_SHOWN: Final = 20

UNCHECKED: Final = "host keys are not checked (ssh.host_key_policy: off): anybody can pose as a host"


def before(sessions: Sessions, settings: Settings) -> Iterator[str]:
    """What to say before hosts are read."""
    if sessions.warning:
        yield sessions.warning
    if settings.ssh.host_key_policy is Policy.OFF:
        yield UNCHECKED


def after(sessions: Sessions) -> Iterator[str]:
    """What to say after it: the keys that were new, each with the fingerprint to compare."""
    learnt = sorted(sessions.learnt)
    if not learnt:
        return
    where = f", and kept in {sessions.accepted_keys}" if sessions.accepted_keys else ""
    keys = "1 new host key was" if len(learnt) == 1 else f"{len(learnt):,} new host keys were"
    yield f"{keys} accepted{where}:"
    for name, key in learnt[:NEW_SHOWN]:
        yield f"  {name} {key.type} {key.fingerprint}"
    if len(learnt) > NEW_SHOWN:
        yield f"  and {len(learnt) - NEW_SHOWN:,} more"
