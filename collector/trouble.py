"""Trouble with one host as an exception: its stage and its reason. domain.troubles says what cures it."""

from typing import Final, Self

from domain.records import Stage
from domain.troubles.table import remedy
from procmaps.masking import mask_line
from procmaps.masking_options import AS_BY_DEFAULT, Masking

DETAIL_CHARS: Final = 300
BUG: Final = "bug"


class HostTrouble(Exception):  # noqa: N818  # it is caught in the collector, where it becomes a Failure
    """One host cannot be read further; `detail` may hold text that the host sent."""

    def __init__(self, stage: Stage, reason: str, detail: str = "") -> None:
        super().__init__(f"{stage}: {reason}: {detail}")
        self.stage = stage
        self.reason = reason
        self.detail = one_line(detail)

    def __reduce__(self) -> tuple[type[Self], tuple[Stage, str, str]]:
        """Keeps all fields when it is pickled; by default, only the text survives."""
        return type(self), (self.stage, self.reason, self.detail)

    @classmethod
    def of_error(cls, stage: Stage, error: Exception) -> Self:
        """An error without a known cause: a bug, unless memory is short."""
        reason = "out_of_memory" if isinstance(error, MemoryError) else BUG
        trouble = cls(stage, reason, f"{type(error).__name__}: {error}")
        trouble.__cause__ = error
        return trouble

    @property
    def remedy(self) -> str:
        """What to do about it; "" if unknown."""
        return remedy(self.reason)


def one_line(text: str | bytes, most_chars: int = DETAIL_CHARS, masking: Masking = AS_BY_DEFAULT) -> str:
    """Text of a host as one line: no control or direction marks, blanks folded, cut to `most_chars`.

    Secrets in it are masked: login shells and failing commands print them.
    """
    most = 8 * most_chars
    whole = len(text) <= most
    if isinstance(text, bytes):
        text = text[:most].decode("utf-8", "replace")
    if not whole:
        # half a word may be half a secret that no pattern recognises
        text = text[:most].rpartition(" ")[0] or text[:most_chars]
    lines = (mask_line(_printable(line), masking) for line in text.splitlines())
    shown = " ".join(filter(None, lines))
    return shown if len(shown) <= most_chars else shown[: most_chars - 1] + "…"


def _printable(line: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in line).split())
