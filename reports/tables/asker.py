"""Who asked for a run, as columns of the table `fleet`.

All of them are text, numbers too: a redaction leaves numbers as they are, and these name somebody.
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, Final

from domain.records import Asker

_PREFIX: Final = "asker_"
_NUMBERS: Final = {"uid", "login_uid", "sudo_uid"}
NAMES: Final = tuple(f"{_PREFIX}{each.name}" for each in fields(Asker))


def asker_cells(asker: Asker | None) -> dict[str, str]:
    """The columns of a run; what is not known is empty."""
    known = asdict(asker) if asker else dict.fromkeys(each.name for each in fields(Asker))
    return {f"{_PREFIX}{name}": "" if value is None else str(value) for name, value in known.items()}


def asker_of(row: Mapping[str, Any]) -> Asker | None:
    """Who asked, by a row of `fleet`; None if it does not say, or if a redaction has left it out."""
    if not row.get(f"{_PREFIX}uid"):
        return None
    texts = {each.name: str(row[f"{_PREFIX}{each.name}"]) for each in fields(Asker)}
    numbers = {name: int(texts[name]) if texts[name] else None for name in _NUMBERS}
    return Asker(**{**texts, **numbers})  # type: ignore[arg-type] # each has the type of its field
