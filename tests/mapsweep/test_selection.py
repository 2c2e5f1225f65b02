import pytest

from domain.mistakes import OperatorError
from mapsweep.selection import pattern_of


def test_no_pattern_is_all_hosts_and_several_are_one() -> None:
    assert pattern_of(()) == "all"
    assert pattern_of(("web", "db")) == "web,db"


@pytest.mark.parametrize("patterns", [("",), (" ",), ("web", "")])
def test_an_empty_pattern_is_not_the_fleet(patterns: tuple[str, ...]) -> None:
    with pytest.raises(OperatorError, match="--hosts: is empty"):
        pattern_of(patterns)


@pytest.mark.parametrize("pattern", ["~", "web:~", "web,!~", "&~ :web"])
def test_an_empty_expression_is_not_the_fleet(pattern: str) -> None:
    with pytest.raises(OperatorError, match="--hosts: has an empty regular expression"):
        pattern_of((pattern,))
    assert pattern_of(("~web",)) == "~web"
