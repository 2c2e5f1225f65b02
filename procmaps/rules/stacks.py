"""Two questions over columns that the rules of the old form ask."""

from procmaps.rules.draft import Draft
from procmaps.rules.glibc_stacks.threads import default_stack_bytes
from procmaps.tables import Flags, Ints64


def flag(draft: Draft, name: str) -> Flags:
    """Parts that smaps shows with this flag."""
    return draft.flagged(name)


def default_bytes(draft: Draft) -> Ints64:
    """The default size of a stack, by process."""
    return default_stack_bytes(draft)
