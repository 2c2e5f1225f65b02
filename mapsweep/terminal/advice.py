"""Warnings about settings and inventory, which are the same every night.

--quiet holds them back until the command ends with trouble that they may explain. `config check` and `doctor`
tell them always.
"""

from dataclasses import dataclass, field
from typing import Final


@dataclass(slots=True)
class _Held:
    """What of this command is held back."""

    holds: bool = False
    texts: dict[str, None] = field(default_factory=dict)


_now: Final = _Held()


def hold(asked: bool) -> None:
    """Whether advice is held back from now on; forgets what was."""
    _now.holds = asked
    _now.texts = {}


def is_held(text: str) -> bool:
    """Whether a text was held back, and is not to be printed now."""
    if _now.holds:
        _now.texts[text] = None
    return _now.holds


def held() -> tuple[str, ...]:
    """What was held back, in its order, each text once; it is not any more."""
    texts = tuple(_now.texts)
    hold(False)
    return texts
