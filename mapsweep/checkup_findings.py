"""What a checkup of the settings has found: facts, mistakes and warnings."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from collector.inventory.inventory import Inventory
from domain.mistakes import Mistake, OperatorError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fact:
    """What is so of one thing, and of a schedule its next due times."""

    what: str
    text: str
    due: tuple[str, ...] = ()


@dataclass(slots=True)
class Findings:
    """What was found: facts that are good, mistakes, and warnings."""

    facts: list[Fact] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    inventory: Inventory | None = None  # where there is one that can be read

    def good(self, what: str, text: str, due: Iterable[str] = ()) -> None:
        """A fact about one thing."""
        self.facts.append(Fact(what, text, tuple(due)))

    def lines(self) -> Iterator[str]:
        """The facts for people."""
        for fact in self.facts:
            yield f"{fact.what:<10} {fact.text}"
            yield from (f"{'':<10}   {time}" for time in fact.due)

    def tried(self, read: Callable[[], T]) -> T | None:
        """What `read` gives; None if it has found mistakes, which are kept."""
        try:
            return read()
        except OperatorError as error:
            self.mistakes += error.mistakes
        return None
