"""Who asked for a run, in words and as JSON: what the kernel says, then what is only claimed."""

from dataclasses import asdict
from typing import Any

from domain.records import Asker


def told(asker: Asker) -> str:
    """`root on ops1, logged in as anna, at pts/3; its environment says: sudo by anna, from 192.0.2.7`."""
    by = _account(asker.account, asker.uid)
    known = [f"the schedule {asker.schedule}, {by}" if asker.schedule else by]
    known[0] += f" on {asker.machine}"
    if asker.login_uid is not None:
        known.append(f"logged in as {_account(asker.login, asker.login_uid)}")
    if asker.terminal:
        known.append(f"at {asker.terminal}")
    claimed = []
    if asker.sudo or asker.sudo_uid is not None:
        claimed.append(f"sudo by {_account(asker.sudo, asker.sudo_uid)}")
    if asker.client:
        claimed.append(f"from {asker.client}")
    says = f"; its environment says: {', '.join(claimed)}" if claimed else ""
    return ", ".join(known) + says


def _account(name: str, uid: int | None) -> str:
    return name or f"uid {uid}"


def document(asker: Asker | None) -> dict[str, Any] | None:
    """The same for programs; what is not known is null."""
    if asker is None:
        return None
    return {name: None if value == "" else value for name, value in asdict(asker).items()}
