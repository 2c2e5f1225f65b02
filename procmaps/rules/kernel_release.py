"""The kernel's release: as a number, and where the host did not send it but a mapping tells."""

import re
from dataclasses import replace
from typing import Final

from procmaps.tables import Snapshot

UNKNOWN_RELEASE: Final = (2**16, 0)  # later than all
SPLIT_CLOCK: Final = b"[vvar_vclock]\n"
SPLIT_CLOCK_RELEASE: Final = "6.13"  # arch/x86/entry/vdso/vma.c: the clock's pages have their own mapping
_RELEASE: Final = re.compile(r"(\d{1,4})\.(\d{1,4})")


def release_of(kernel: str) -> tuple[int, int]:
    """Major and minor number of a kernel's release; UNKNOWN_RELEASE if it has none."""
    match = _RELEASE.match(kernel)
    return (int(match[1]), int(match[2])) if match else UNKNOWN_RELEASE


def is_since(release: tuple[int, int], first: tuple[int, int]) -> bool:
    """Whether a release is known, and no older than the first of which something holds."""
    return first <= release < UNKNOWN_RELEASE


def with_release(snapshot: Snapshot) -> Snapshot:
    """The host, with the oldest release that its mappings can be of if it sent none and they tell."""
    if release_of(snapshot.facts.kernel) != UNKNOWN_RELEASE or SPLIT_CLOCK not in snapshot.maps.text:
        return snapshot
    return replace(snapshot, facts=replace(snapshot.facts, kernel=SPLIT_CLOCK_RELEASE))
