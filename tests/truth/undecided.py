"""The cases that their evidence does not decide, which count for neither the mean nor the worst of a set."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

KEPT: Final = Path(__file__).with_name("undecided.toml")
GUESSED_SHARE: Final = 0.95  # of the bytes that are wrong


class Undecided(NamedTuple):
    """Why a case is not decided, and from which evidence."""

    kind: str  # a heading of docs/undecided.md
    evidence: tuple[str, ...]


@cache
def undecided() -> Mapping[str, Undecided]:
    """All of them by the name of the case."""
    content = tomllib.loads(KEPT.read_text(encoding="utf-8"))
    return {name: Undecided(of["kind"], tuple(of["evidence"])) for name, of in content.items()}


def is_undecided(name: str, evidence: str, wrong_bytes: int, guessed_bytes: int) -> bool:
    """Whether a case is listed with this evidence, and what is wrong in it is a guess."""
    known = undecided().get(name)
    return known is not None and evidence in known.evidence and guessed_bytes >= GUESSED_SHARE * wrong_bytes
