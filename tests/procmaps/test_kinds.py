"""The kinds as an interface, and their page."""

import re
from pathlib import Path

import pytest

from procmaps.kind_words import KIND_WORDS
from procmaps.kinds import FAMILY_OF, KIND_BY_LABEL, Family, Kind
from procmaps.rules.book import RULES

PAGE = Path(__file__).parents[2] / "docs" / "kinds.md"
WORDS_LENGTH_MAX = 240
STARTS = (
    "- Recognised: from maps",
    "- Confused with: ",
    "- When it is large: ",
    "- Reports say (generated): ",
    "- Rules (generated):",
)
_RULE_NAME = re.compile(r"`([a-z0-9_]+\.[a-z0-9_]+)`")
# what has the form of a rule's name and is none
OTHERS = {"vm.max_map_count", "vm.overcommit_memory"}


def sections() -> dict[str, str]:
    """The text under each heading of a kind."""
    return dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", PAGE.read_text(), re.MULTILINE | re.DOTALL))


def test_every_kind_belongs_to_a_family_and_is_found_by_its_label() -> None:
    assert set(FAMILY_OF) == set(Kind)
    assert set(FAMILY_OF.values()) == set(Family)
    assert all(KIND_BY_LABEL[kind.label] is kind for kind in Kind)


def test_the_page_has_every_kind_under_its_family_in_order() -> None:
    headings = re.findall(r"^(##+) (\w+)$", PAGE.read_text(), re.MULTILINE)
    expected = []
    for family in Family:
        expected += [("##", family.label)]
        expected += [("###", kind.label) for kind in Kind if kind.family is family]
    assert headings == expected


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.label)
def test_a_kind_says_how_it_is_recognised_confused_and_answered(kind: Kind) -> None:
    text = sections()[kind.label]
    assert [next((start for start in STARTS if line.startswith(start)), line) for line in items(text)] == [
        *STARTS
    ]
    recognised = text.partition("- Recognised: ")[2].partition("\n- ")[0].lower()
    assert "smaps" in recognised
    assert "name" in recognised


def test_the_page_names_no_rule_that_is_gone() -> None:
    named = set(_RULE_NAME.findall(PAGE.read_text())) - OTHERS
    assert named == {rule.name for rule in RULES}


def items(text: str) -> list[str]:
    """The items of a section's list, each by its first line."""
    return [line for line in text.splitlines() if line.startswith("- ")]


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.label)
def test_a_report_says_of_a_kind_in_few_sentences_what_it_is_and_what_to_do(kind: Kind) -> None:
    words = KIND_WORDS[kind]
    for text in (words.meaning, words.when_large):
        assert text.endswith(".")
        assert len(text) <= WORDS_LENGTH_MAX
        assert text.isascii()
    assert f"{words.meaning} *When it is large:* {words.when_large}" in " ".join(
        sections()[kind.label].split()
    )
