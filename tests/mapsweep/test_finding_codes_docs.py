from pathlib import Path

from mapsweep.finding_codes_docs import page
from reports.findings.codes import CODES

PAGE = Path(__file__).parents[2] / "docs" / "finding-codes.md"


def test_the_page_lists_the_codes_as_they_are() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"
    for code in CODES:
        assert f"\n## {code.name}\n" in page()
        assert code.advice in page()
