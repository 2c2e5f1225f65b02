"""The rule book for people and programs: which labeller comes when and why, and what each rule says."""

import difflib
import re
import textwrap
from collections.abc import Iterator
from typing import Any, Final

from domain.mistakes import Mistake, OperatorError
from procmaps.rules.book import LABELLERS, RULES
from procmaps.rules.labeller import Labeller, ProcessLabeller
from procmaps.rules.name_rules import NAME_RULES
from procmaps.rules.order import Precedence, precedences
from procmaps.rules.rule import Rule

SCHEMA_VERSION: Final = 1
NEAR_LIMIT_COUNT: Final = 3  # names that are suggested for one that does not exist
NAMES: Final = "names"  # what gives the rules that a mapping's name decides
_NAMES_COME_FIRST: Final = "The name of a mapping decides before all labellers."
_COLUMNS_MIN: Final = 40
_FIELD: Final = re.compile(r"\{(\w+)\}")  # of procmaps.reasons.WORDS
_EDGES: Final = precedences(LABELLERS)


def book_lines(columns: int) -> Iterator[str]:
    """Every labeller in its order, with its edges and its rules."""
    yield from _wrapped(
        f"{_NAMES_COME_FIRST} Then each labeller has its turn, in this order. Memory belongs to the first "
        "that claims it. Labellers that no edge orders come by name.",
        columns,
    )
    yield ""
    yield NAMES
    for rule in NAME_RULES.values():
        yield from _rule_lines(rule, columns)
    for place, labeller in enumerate(LABELLERS, 1):
        yield ""
        yield from _wrapped(f"{place}. {labeller.name}{_runs_in(labeller)}", columns)
        for edge in _edges_of(labeller):
            yield from _wrapped(_edge(edge, labeller.name), columns, "   ")
        for rule in labeller.gives:
            yield from _rule_lines(rule, columns)


def rule_lines(name: str, columns: int) -> Iterator[str]:
    """One rule in full. Raises OperatorError if there is none of this name."""
    rule = _rule(name)
    labellers = _labellers_of(rule)
    yield rule.name
    for title, text in (
        ("kind", f"{rule.kind.label} ({rule.kind.family.label})"),
        ("confidence", rule.confidence.label),
        ("can also be", rule.runner_up.label if rule.runner_up else "nothing else"),
        ("needs", rule.needs),
        ("source", rule.source),
        ("says", _FIELD.sub(lambda field: f"<{field[1].replace('_', ' ')}>", rule.why)),
        ("given by", ", ".join(labeller.name for labeller in labellers) or f"{NAMES}. {_NAMES_COME_FIRST}"),
    ):
        yield from _wrapped(f"{title + ':':<13}{text}", columns, "  ", " " * 15)
    for labeller in labellers:
        for edge in _edges_of(labeller):
            yield from _wrapped(_edge(edge, labeller.name), columns, "  ")


def book_json() -> dict[str, Any]:
    """The whole book, the labellers in their order."""
    return {
        "schema_version": SCHEMA_VERSION,
        "labellers": [
            {
                "name": labeller.name,
                "marks": list(labeller.marks) if isinstance(labeller, ProcessLabeller) else [],
                "after": [_edge_json(edge.first, edge) for edge in _EDGES if edge.then == labeller.name],
                "before": [_edge_json(edge.then, edge) for edge in _EDGES if edge.first == labeller.name],
                "rules": [rule.name for rule in labeller.gives],
            }
            for labeller in LABELLERS
        ],
        "rules": [_rule_json(rule) for rule in RULES],
    }


def rule_json(name: str) -> dict[str, Any]:
    """One rule. Raises OperatorError if there is none of this name."""
    return {"schema_version": SCHEMA_VERSION, **_rule_json(_rule(name))}


def _rule(name: str) -> Rule:
    for rule in RULES:
        if rule.name == name:
            return rule
    near = difflib.get_close_matches(name, [rule.name for rule in RULES], NEAR_LIMIT_COUNT)
    remedy = f"did you mean {' or '.join(near)}?" if near else "`mapsweep rules` lists all rules"
    raise OperatorError(Mistake(name, "there is no rule of this name", remedy))


def _labellers_of(rule: Rule) -> list[Labeller]:
    return [labeller for labeller in LABELLERS if rule in labeller.gives]


def _edges_of(labeller: Labeller) -> list[Precedence]:
    """Those that say what comes before it, then those that say what comes after it."""
    before = [edge for edge in _EDGES if edge.then == labeller.name]
    return before + [edge for edge in _EDGES if edge.first == labeller.name]


def _edge(edge: Precedence, name: str) -> str:
    where = f"before {edge.then}" if edge.first == name else f"after {edge.first}"
    return f"{where}: {edge.reason}"


def _edge_json(other: str, edge: Precedence) -> dict[str, str]:
    return {"labeller": other, "reason": edge.reason}


def _runs_in(labeller: Labeller) -> str:
    if not isinstance(labeller, ProcessLabeller) or not labeller.marks:
        return ""
    return f", in processes with the mark {' or '.join(labeller.marks)}"


def _rule_lines(rule: Rule, columns: int) -> Iterator[str]:
    yield from _wrapped(
        f"{rule.name}: {rule.kind.label}, {rule.confidence.label}, from {rule.needs}; {rule.source}",
        columns,
        "   - ",
        "     ",
    )


def _rule_json(rule: Rule) -> dict[str, Any]:
    return {
        "name": rule.name,
        "kind": rule.kind.label,
        "family": rule.kind.family.label,
        "confidence": rule.confidence.label,
        "runner_up": rule.runner_up.label if rule.runner_up else None,
        "needs": rule.needs,
        "source": rule.source,
        "why": rule.why,
        "labellers": [labeller.name for labeller in _labellers_of(rule)] or [NAMES],
    }


def _wrapped(text: str, columns: int, indent: str = "", hanging: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        max(columns, _COLUMNS_MIN),
        initial_indent=indent,
        subsequent_indent=hanging or f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
