"""Which known process shows that an edge or a rule is needed, as `shown_by.toml` keeps it."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.truth.hosts import View, read_view
from tests.truth.orders import Pair

KEPT: Final = Path(__file__).with_name("shown_by.toml")
_HEAD: Final = """\
# Written by `python -m tests.truth.edges --write`.
# edges: with the two labellers side by side, in the order of this seed, swapping them changes this process.
# rules: without this rule, the labels of this process change.
"""


@dataclass(frozen=True, slots=True)
class ShownEdge:
    """A process whose labels change when two labellers that are side by side are swapped."""

    view: View
    seed: int  # of the order in which they are side by side


@dataclass(frozen=True, slots=True)
class ShownBy:
    """By edge, and by the name of a rule."""

    edges: Mapping[Pair, ShownEdge]
    rules: Mapping[str, View]


def kept() -> ShownBy:
    """What the file says."""
    content = tomllib.loads(KEPT.read_text(encoding="ascii"))
    return ShownBy(
        edges={
            (one["first"], one["then"]): ShownEdge(read_view(one["view"]), one["seed"])
            for one in content.get("edges", ())
        },
        rules={name: read_view(view) for name, view in content.get("rules", {}).items()},
    )


def write(edges: Mapping[Pair, ShownEdge], rules: Mapping[str, View]) -> None:
    """Write the file anew."""
    KEPT.write_text("\n".join((_HEAD, *_lines(edges, rules), "")), encoding="ascii")


def _lines(edges: Mapping[Pair, ShownEdge], rules: Mapping[str, View]) -> Iterable[str]:
    yield "[rules]"
    for name, view in sorted(rules.items()):
        yield f'"{name}" = "{view}"'
    for (first, then), shown in sorted(edges.items()):
        yield from ("", "[[edges]]", f'first = "{first}"', f'then = "{then}"')
        yield from (f'view = "{shown.view}"', f"seed = {shown.seed}")
