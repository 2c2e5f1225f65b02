"""Checks for whom dumps are encrypted, and whether this machine can read them."""

from collections.abc import Sequence

from mapsweep.checkup_findings import Findings
from mapsweep.settings import composition
from mapsweep.settings.settings import Settings
from workers.fleet.app import CLASSIFY, COLLECT


def check_dumps(settings: Settings, queues: Sequence[str], found: Findings) -> None:
    """Nothing is told if dumps are neither encrypted nor decrypted, or if no queue has to do with them."""
    keys = composition.dump_keys(settings)
    if not (keys.recipients or keys.identity_file) or not {COLLECT, CLASSIFY} & set(queues):
        return
    for_others = CLASSIFY in queues and bool(settings.broker)
    before = len(found.mistakes)
    found.tried(lambda: composition.check_dump_keys(settings, classifies_for_others=for_others))
    if len(found.mistakes) > before:
        return
    public = len(keys.recipients)
    written = f"encrypted for {public} {'key' if public == 1 else 'keys'}" if public else "not encrypted"
    read = keys.identity_file if keys.has_identity else "no private key here: not readable after the sweep"
    found.good("dumps", f"{written}; {read}")
