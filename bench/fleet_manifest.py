"""The manifest of a run of a made fleet."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from archive.run_ids import new_run_id
from domain.records import Host, Limits, Manifest, Scope
from procmaps.classify import RULES_VERSION

SCOPE: Final = Scope("nightly", "all")


def manifest(started: datetime, hosts: Sequence[Host], suffix: str = "") -> Manifest:
    """A run of these hosts."""
    return Manifest(
        run_id=new_run_id(started, SCOPE.name, suffix),
        scope=SCOPE,
        limits=Limits(),
        hosts=tuple(hosts),
        started_at=started.isoformat(timespec="seconds"),
        deadline_at=(started + timedelta(hours=20)).isoformat(timespec="seconds"),
        tool_version="0",
        rules_version=RULES_VERSION,
    )
