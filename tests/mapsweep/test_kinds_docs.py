"""The list of rules in docs/kinds.md is made from the rules."""

from pathlib import Path

from mapsweep.kinds_docs import COLUMNS, with_rules
from procmaps.rules.book import RULES

PAGE = Path(__file__).parents[2] / "docs" / "kinds.md"


def test_the_page_lists_the_rules_as_they_are() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_rules(page) == page, "run `make docs`"


def test_each_rule_is_listed_once_with_its_source() -> None:
    words = " ".join(with_rules(PAGE.read_text(encoding="utf-8")).split())
    for rule in RULES:
        assert words.count(f"- `{rule.name}` ({rule.confidence.label}, from {rule.needs}): ") == 1
        assert f"*{' '.join(rule.source.split())}*" in words


def test_a_list_that_is_out_of_date_or_written_by_hand_is_replaced_and_the_rest_stays() -> None:
    page = PAGE.read_text(encoding="utf-8")
    old = page.replace("  - `heap.brk` (certain", "  - `heap.gone` (certain").replace(
        "- Rules (generated):\n  - `stack.main`", "- Rules: `stack.main`\n  - `stack.main`"
    )
    assert old != page
    assert with_rules(old) == page


def test_the_list_fits_the_page() -> None:
    listed = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("  - `")]
    assert len(listed) == len(RULES)
    assert max(map(len, listed)) <= COLUMNS
