"""The floors below which no figure of a set may fall; they are kept in `floors.toml`.

`python -m tests.truth.floors` raises them to today's figures, rounded down in the 4th decimal, and refuses to
lower any. Where a set has new cases, the figures of the cases that it had before must not have fallen; then
the floors are the figures of all its cases.
"""

import math
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from domain.mistakes import Mistake, OperatorError
from tests.truth.cases import EVIDENCES, PLACE, SETS, cases
from tests.truth.figures import FIGURES, figures
from tests.truth.scorer import score, set_score

KEPT: Final = PLACE.with_name("floors.toml")
_STEPS: Final = 10_000  # of a share of 1
_HEAD: Final = """\
# The floors of the figures of each set, as shares of 1, by evidence. They hold for the cases in `names`.
# `make floors` raises them to today's figures, and adds new cases.
"""

Figures: TypeAlias = dict[str, float]


@dataclass(frozen=True, slots=True)
class Floors:
    """The floors of one set: the cases they hold for, and the figures by evidence."""

    names: tuple[str, ...]
    figures: Mapping[str, Figures]


def kept(path: Path = KEPT) -> dict[str, Floors]:
    """The floors by set. Raises OperatorError if the file is none of floors."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return {
            set_name: Floors(
                tuple(of["names"]), {evidence: of[evidence] for evidence in EVIDENCES if evidence in of}
            )
            for set_name, of in content.items()
        }
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise OperatorError(
            Mistake(str(path), f"cannot be read: {error}", "git has the last good one")
        ) from None


def today(set_name: str, names: tuple[str, ...]) -> Floors:
    """The floors that the figures of these cases of a set would give."""
    known = cases(set_name)
    chosen = [case for case in known if case.name in names]
    found = {}
    for evidence in EVIDENCES:
        all_of_them = len(chosen) == len(known)
        result = set_score(set_name, evidence) if all_of_them else score(chosen, evidence)
        if result.by_case:
            found[evidence] = {name: rounded_down(figure) for name, figure in figures(result).items()}
    return Floors(tuple(case.name for case in chosen), found)


def fallen(set_name: str, floors: Floors) -> Iterator[str]:
    """A sentence for each figure that is below its floor, and each case that is gone."""
    now = today(set_name, floors.names)
    for name in sorted(set(floors.names) - set(now.names)):
        yield f"{set_name}: the case {name} is gone"
    for evidence, of in floors.figures.items():
        for name, floor in of.items():
            figure = now.figures.get(evidence, {}).get(name)
            if figure is None or figure < floor:
                yield f"{set_name}, {evidence}: {name} is {figure}, its floor {floor}"


def raised(set_name: str, floors: Floors | None) -> Floors:
    """Today's floors of all cases of a set. Raises OperatorError if one of the figures has fallen."""
    if floors and (sentences := tuple(fallen(set_name, floors))):
        remedy = "mend the rule; if the fall is meant, remove that line, run again, and say why in the commit"
        raise OperatorError(*(Mistake(KEPT.name, sentence, remedy) for sentence in sentences))
    return today(set_name, tuple(case.name for case in cases(set_name)))


def rounded_down(figure: float) -> float:
    """A share, cut after the 4th decimal."""
    return math.floor(figure * _STEPS + 1e-6) / _STEPS


def text_of(floors: Mapping[str, Floors]) -> str:
    """The file."""
    lines = [_HEAD]
    for set_name, of in floors.items():
        names = "".join(f'    "{name}",\n' for name in of.names)
        lines.append(f"[{set_name}]\nnames = [\n{names}]\n")
        for evidence, known in of.figures.items():
            rows = "".join(f"{name} = {known[name]:.4f}\n" for name in FIGURES if name in known)
            lines.append(f"[{set_name}.{evidence}]\n{rows}")
    return "\n".join(lines)


def main(path: Path = KEPT) -> int:
    before = kept(path) if path.exists() else {}
    after: dict[str, Floors] = {}
    mistakes: list[Mistake] = []
    for set_name in SETS:
        try:
            after[set_name] = raised(set_name, before.get(set_name))
        except OperatorError as refused:
            mistakes += refused.mistakes
    mistakes += [
        Mistake(path.name, f"the set {set_name} is gone", "git has it")
        for set_name in before.keys() - set(SETS)
    ]
    if mistakes:
        print(OperatorError(*mistakes), file=sys.stderr)
        return 1
    path.write_text(text_of(after), encoding="utf-8")
    for set_name, floors in after.items():
        old = before.get(set_name, Floors((), {}))
        higher = sum(
            figure > old.figures.get(evidence, {}).get(name, 0.0)
            for evidence, of in floors.figures.items()
            for name, figure in of.items()
        )
        joined = len(set(floors.names) - set(old.names))
        print(f"{set_name}: {higher} floors raised, {joined} cases new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
