"""The kernel's release, where the host did not send it but a mapping tells."""

from dataclasses import replace
from typing import Final

from procmaps.rules.process import UNKNOWN_RELEASE, release_of
from procmaps.tables import Snapshot

SPLIT_CLOCK: Final = b"[vvar_vclock]\n"
SPLIT_CLOCK_RELEASE: Final = "6.13"  # arch/x86/entry/vdso/vma.c: the clock's pages have their own mapping


def with_release(snapshot: Snapshot) -> Snapshot:
    """The host, with the oldest release that its mappings can be of if it sent none and they tell."""
    if release_of(snapshot.facts.kernel) != UNKNOWN_RELEASE or SPLIT_CLOCK not in snapshot.maps.text:
        return snapshot
    return replace(snapshot, facts=replace(snapshot.facts, kernel=SPLIT_CLOCK_RELEASE))
