"""What no other rule knows: shown as it is."""

from procmaps.kinds import Confidence, Kind
from procmaps.rules.draft import OPEN, Draft
from procmaps.rules.rule import Rule
from procmaps.tables import Flags


def closed(draft: Draft) -> Flags:
    """Address space that nobody may touch."""
    return (draft.kind == OPEN) & draft.none


def anything(draft: Draft) -> Flags:
    """All that is left."""
    return draft.kind == OPEN


RESERVED = Rule(
    "rest.reserved",
    Kind.RESERVED,
    Confidence.LIKELY,
    "maps",
    "Linux: memory without any access cannot be touched, so it costs address space and nothing else",
    "{size} that may not be touched and that belong to nothing known: a guard, or address space set aside",
    closed,
    Kind.ANONYMOUS,
)
ANONYMOUS = Rule(
    "rest.anonymous",
    Kind.ANONYMOUS,
    Confidence.GUESS,
    "maps",
    "nothing: no rule applies",
    "{size} of anonymous memory ({perms}) that fits no known owner",
    anything,
    Kind.HEAP_MMAP,
)
