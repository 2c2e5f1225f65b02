from pathlib import Path

from domain.troubles.table import TROUBLES
from mapsweep.troubles_docs import page

PAGE = Path(__file__).parents[2] / "docs" / "troubles.md"


def test_the_page_lists_the_troubles_as_they_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_each_reason_has_one_row() -> None:
    for trouble in TROUBLES:
        assert page().count(f"\n| `{trouble.reason}` | ") == 1
