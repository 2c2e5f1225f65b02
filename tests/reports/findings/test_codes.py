import pytest

from procmaps.findings import Code
from reports.findings.codes import CODES, NAMES, words


def test_every_code_has_words_and_there_are_no_others() -> None:
    assert len(NAMES) == len(CODES)
    assert words("many_arenas") != "many_arenas"
    assert words("of_another_version") == "of another version"


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_each_code_says_when_it_is_told_and_what_to_do(code: Code) -> None:
    for text in (code.when, code.advice, code.confirm, code.not_shown):
        assert text.endswith(".")
        assert "\n" not in text
    assert code.severities == tuple(sorted(set(code.severities)))
