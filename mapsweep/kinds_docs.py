"""What reports say of each kind, and its rules, as docs/kinds.md lists them.

`python -m mapsweep.kinds_docs docs/kinds.md` writes them there; the rest of the page is written by hand.
"""

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from procmaps.kind_words import KIND_WORDS
from procmaps.kinds import KIND_BY_LABEL, Kind
from procmaps.rules.book import RULES

COLUMNS: Final = 132
SHORT: Final = "- Reports say (generated):"
TITLE: Final = "- Rules (generated):\n"
_FIELD: Final = re.compile(r"\{(\w+)\}")
_SECTION: Final = re.compile(
    r"(?ms)^(### (\w+)\n.*?)(?:^- Reports say .*?)?^- Rules[^\n]*:.*?(?=^\n?##|\Z|^\n)"
)


def with_rules(page: str) -> str:
    """The page with what is generated in the section of each kind made anew."""
    return _SECTION.sub(lambda section: section[1] + _generated(KIND_BY_LABEL[section[2]]), page)


def _generated(kind: Kind) -> str:
    """What reports say of a kind, and its rules."""
    words = KIND_WORDS[kind]
    short = textwrap.fill(
        f"{SHORT} {words.meaning} *When it is large:* {words.when_large}",
        COLUMNS,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{short}\n{TITLE}{''.join(_items(kind))}"


def _items(kind: Kind) -> Iterator[str]:
    """One item per rule of a kind, by name."""
    for rule in sorted((rule for rule in RULES if rule.kind is kind), key=lambda rule: rule.name):
        says = _FIELD.sub(lambda field: field[1].upper(), rule.why)
        yield (
            textwrap.fill(
                f"`{rule.name}` ({rule.confidence.label}, from {rule.needs}): {says}. *{rule.source}*",
                COLUMNS,
                initial_indent="  - ",
                subsequent_indent="    ",
                break_long_words=False,
                break_on_hyphens=False,
            )
            + "\n"
        )


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.write_text(with_rules(place.read_text(encoding="utf-8")), encoding="utf-8")
