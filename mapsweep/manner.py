"""How a command speaks: for people, as JSON, or only of trouble."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Manner:
    """What --json and --quiet ask for. Errors are told in any manner, on standard error."""

    as_json: bool = False
    quiet: bool = False

    @property
    def says(self) -> bool:
        """Whether sentences for people go to standard output."""
        return not (self.as_json or self.quiet)


FOR_PEOPLE: Final = Manner()
