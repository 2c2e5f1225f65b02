"""Print how well the classifier does on the known processes: all sets, or the cases of a folder."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from domain.mistakes import OperatorError
from tests.truth.cases import SETS, TABLED, Case, cases, folder_cases
from tests.truth.figures import confidences, table, wrong
from tests.truth.scorer import Score, score

_WRONG_LIMIT_COUNT = 20


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.truth", description=__doc__)
    parser.add_argument("--folder", type=Path, help="score FOLDER/NAME/ or FOLDER/cases/NAME/, not the sets")
    parser.add_argument("--set", choices=SETS, help="one set only")
    parser.add_argument("--only", default="", metavar="TEXT", help="cases whose name contains this")
    parser.add_argument(
        "--swapped", action="store_true", help="maps only, with 90 %% of the anonymous memory in swap"
    )
    parser.add_argument("--cases", action="store_true", help="a line a case")
    parser.add_argument("--wrong", action="store_true", help="what is wrong, by rule, the most first")
    parser.add_argument("--confidence", action="store_true", help="what each confidence is worth")
    options = parser.parse_args(arguments)
    try:
        sets = _sets(options)
    except OperatorError as refused:
        print(refused, file=sys.stderr)
        return 2
    scores = list(_scores(sets, ("swapped",) if options.swapped else TABLED))
    if not scores:
        print("no case: --only and --swapped leave none", file=sys.stderr)
        return 2
    print("\n".join(table(scores)))
    for set_name, evidence, result in scores:
        place = f"{set_name}, {evidence}"
        if options.confidence:
            print(f"\n{place}: {confidences(result)}")
        if options.cases:
            print(f"\n{place}: share of accessible bytes in the right family")
            for name, figure in sorted(result.by_case.items(), key=lambda pair: pair[1]):
                print(f"  {figure:8.2%}  {name}")
        if options.wrong:
            print(f"\n{place}: wrong", *wrong(result, _WRONG_LIMIT_COUNT), sep="\n")
    return 0


def _sets(options: argparse.Namespace) -> dict[str, list[Case]]:
    """The chosen cases by set; a folder is a set of the folder's name."""
    if options.folder:
        found = {options.folder.resolve().name: folder_cases(options.folder)}
    else:
        found = {name: cases(name) for name in ([options.set] if options.set else SETS)}
    return {name: [case for case in of if options.only in case.name] for name, of in found.items()}


def _scores(sets: dict[str, list[Case]], evidences: tuple[str, ...]) -> Iterator[tuple[str, str, Score]]:
    for set_name, chosen in sets.items():
        for evidence in evidences:
            result = score(chosen, evidence)
            if result.by_case:
                yield set_name, evidence, result


if __name__ == "__main__":
    sys.exit(main())
