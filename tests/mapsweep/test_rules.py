"""mapsweep rules: the rule book for people and programs."""

import json
import re

import pytest
from click.testing import CliRunner, Result

from mapsweep.cli import mapsweep
from procmaps.kinds import KIND_BY_LABEL
from procmaps.rules.book import LABELLERS, RULES
from procmaps.rules.name_rules import NAME_RULES
from procmaps.rules.order import precedences
from procmaps.rules.rule import Rule


def rules(*arguments: str, columns: int = 80) -> Result:
    return CliRunner().invoke(mapsweep, ["rules", *arguments], env={"COLUMNS": str(columns)})


def test_the_book_has_every_labeller_in_order_with_its_rules_and_edges() -> None:
    shown = rules().stdout
    assert re.findall(r"(?m)^(\d+)\. ([\w.]+)", shown) == [
        (str(place), labeller.name) for place, labeller in enumerate(LABELLERS, 1)
    ]
    by_name = [rule.name for rule in NAME_RULES.values()]
    given = [rule.name for labeller in LABELLERS for rule in labeller.gives]
    assert re.findall(r"(?m)^   - ([\w.]+): ", shown) == by_name + given
    words = " ".join(shown.split())
    for edge in precedences(LABELLERS):
        assert words.count(" ".join(edge.reason.split())) >= 2  # at both of its ends


@pytest.mark.parametrize("columns", [80, 60, 200])
def test_the_book_fits_the_terminal(columns: int) -> None:
    assert max(map(len, rules(columns=columns).stdout.splitlines())) <= columns


def test_the_book_as_json_is_what_the_labellers_say() -> None:
    document = json.loads(rules("--format", "json").stdout)
    assert document["schema_version"] == 1
    assert [one["name"] for one in document["labellers"]] == [labeller.name for labeller in LABELLERS]
    after = [(edge["labeller"], one["name"]) for one in document["labellers"] for edge in one["after"]]
    before = [(one["name"], edge["labeller"]) for one in document["labellers"] for edge in one["before"]]
    assert sorted(after) == sorted(before) == [(first, then) for first, then, _ in precedences(LABELLERS)]
    assert [one["name"] for one in document["rules"]] == [rule.name for rule in RULES]
    assert {one["kind"] for one in document["rules"]} <= set(KIND_BY_LABEL)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_each_rule_is_shown_in_full(rule: Rule) -> None:
    name = rule.name
    shown = rules(name)
    assert shown.exit_code == 0
    assert shown.stdout.startswith(f"{name}\n  kind:        ")
    assert "{" not in shown.stdout
    document = json.loads(rules(name, "--format", "json").stdout)
    assert document["name"] == name
    assert document["source"]
    assert document["labellers"]


def test_a_rule_that_does_not_exist_is_an_error_with_the_nearest_names() -> None:
    result = CliRunner().invoke(mapsweep, ["rules", "glibc.aren"])
    assert result.exit_code != 0
    assert "there is no rule of this name" in str(result.exception)
    assert "glibc.arena" in str(result.exception)


def test_a_rule_like_no_other_is_an_error_that_names_the_list() -> None:
    result = CliRunner().invoke(mapsweep, ["rules", "?"])
    assert "`mapsweep rules` lists all rules" in str(result.exception)
