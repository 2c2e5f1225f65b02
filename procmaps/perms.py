"""The perms of a mapping in words, as the kernel prints them."""

from typing import Final

from procmaps.tables import EXECUTE, READ, SHARED, WRITE

_LETTERS: Final = ((READ, "r", "-"), (WRITE, "w", "-"), (EXECUTE, "x", "-"), (SHARED, "s", "p"))


def perms_text(bits: int) -> str:
    """`rw-p` of the bits READ, WRITE, EXECUTE and SHARED."""
    return "".join(yes if bits & bit else no for bit, yes, no in _LETTERS)
