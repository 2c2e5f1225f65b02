"""What an inventory's operator should know of a variable that many hosts may give, told once."""

from collections.abc import Iterable
from typing import NamedTuple


class Warned(NamedTuple):
    """A warning, and the place that it is about; "" if it names none."""

    place: str
    what: str


class Warnings:
    """Warnings in the order in which they came: each text once, with its first place."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._places: dict[str, dict[str, None]] = {}
        self.add(Warned("", text) for text in texts)

    def add(self, warnings: Iterable[Warned]) -> None:
        for place, what in warnings:
            self._places.setdefault(what, {})[place] = None

    def texts(self) -> tuple[str, ...]:
        return tuple(_text(what, *places) for what, places in self._places.items())


def _text(what: str, first: str, *others: str) -> str:
    more = f" (and in {len(others)} other place{'s'[: len(others) > 1]})" if others else ""
    return f"{first}: {what}{more}" if first else what
