"""The table has each reason that the code gives, and no other; so no output lacks a remedy."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.records import Stage
from domain.troubles.table import RETRIED, TROUBLES, remedy

ROOT = Path(__file__).parents[3]
ROOMS = ("collector", "workers")
REASONS = {trouble.reason for trouble in TROUBLES}
# made of the name of a stage and `_timeout` in collector/connection.py and local.py
TIMEOUTS = {f"{each}_timeout" for each in ("kex", "auth", "sudo", "exec", "total")}


def literals() -> Iterator[str]:
    """Texts in the code that look like reasons: words joined by underscores, or one word of the table."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def given() -> Iterator[str]:
    """The reasons in calls that make a trouble or a failure."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {
                    "HostTrouble",
                    "fail_host",
                }:
                    yield from (
                        each.value
                        for each in node.args
                        if isinstance(each, ast.Constant)
                        and isinstance(each.value, str)
                        and each.value.isidentifier()
                    )


def test_each_reason_that_the_code_gives_is_in_the_table() -> None:
    found = set(given())
    assert len(found) > 15
    assert found <= REASONS


def test_the_table_has_no_reason_that_no_code_gives() -> None:
    assert set(literals()) | {"deadline"} >= REASONS - TIMEOUTS


def test_what_paramiko_raises_is_in_the_table() -> None:
    text = (ROOT / "collector" / "ssh" / "faults.py").read_text(encoding="utf-8")
    named = set(re.findall(r'"([a-z]+_[a-z_]+)"', text))
    assert len(named) > 8
    assert named <= REASONS


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda each: each.reason)
def test_a_row_is_whole(trouble: object) -> None:
    rows = [each for each in TROUBLES if each is trouble]
    assert [each.reason for each in TROUBLES].count(rows[0].reason) == 1
    for text in (rows[0].means, rows[0].remedy):
        assert text
        assert text.isprintable()
        assert not text.endswith(".")
    assert rows[0].stages


def test_timeouts_of_all_stages_have_a_row() -> None:
    assert TIMEOUTS <= REASONS


def test_a_reason_of_an_older_run_has_the_remedy_of_its_stage() -> None:
    assert all(remedy("unheard_of", stage) for stage in Stage)
    assert remedy("unheard_of") == ""


def test_only_what_time_can_cure_is_tried_again() -> None:
    assert {"throttled", "dns_unavailable", "connection_lost"} == RETRIED
