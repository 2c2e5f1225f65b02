"""Print how well the classifier does on the known processes."""

import argparse

from procmaps.kinds import Confidence
from tests.truth.cases import CASES, EVIDENCES, LIVE, cases
from tests.truth.scorer import Score, by_family, precision_recall, score, share

_WRONG_LIMIT_COUNT = 20


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.truth", description=__doc__)
    parser.add_argument("--cases", action="store_true", help="a line a case")
    parser.add_argument("--wrong", action="store_true", help="what is wrong, by rule, the most first")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--live", action="store_true", help="processes that were started to be compared")
    options = parser.parse_args()
    chosen = [case for case in cases(LIVE if options.live else CASES) if options.only in case.name]
    scores = {evidence: score(chosen, evidence) for evidence in EVIDENCES}
    print(f"{'':10} family    family    exact     mean of   worst     native_heap        stack")
    print(
        f"{'evidence':10} accessib. resident  accessib. cases     case      precis.  recall    precis. recall"
    )
    for evidence, result in scores.items():
        if result.by_case:
            print(_line(evidence, result))
    print()
    for evidence, result in scores.items():
        if result.by_case:
            print(
                f"{evidence:10} "
                + ", ".join(_calibration(result, confidence) for confidence in reversed(Confidence))
            )
    for evidence, result in scores.items():
        _details(evidence, result, each=options.cases, wrong=options.wrong)


def _line(evidence: str, result: Score) -> str:
    families = by_family(result.accessible)
    resident = share(by_family(result.resident)) if evidence != "decorated" else None
    figures = (share(families), resident, share(result.accessible), result.mean_of_cases, result.worst_case)
    pairs = (*precision_recall(families, "native_heap"), *precision_recall(families, "stack"))
    cells = ["     -    " if figure is None else f"{figure:8.2%}  " for figure in figures]
    return f"{evidence:10}" + "".join(cells) + " ".join(f"{figure:8.2%}" for figure in pairs)


def _calibration(result: Score, confidence: Confidence) -> str:
    return f"{confidence.label} {result.labelled(confidence):.1%} (right {result.right(confidence):.2%})"


def _details(evidence: str, result: Score, *, each: bool, wrong: bool) -> None:
    if each:
        print(f"\n{evidence}: share of accessible bytes in the right family")
        for name, figure in sorted(result.by_case.items(), key=lambda pair: pair[1]):
            print(f"  {figure:8.2%}  {name}")
    if wrong:
        print(f"\n{evidence}: wrong, KiB")
        for (name, rule, truth), number in result.wrong.most_common(_WRONG_LIMIT_COUNT):
            print(f"  {number / 1024:10.0f}  {name}: {rule}, truth {truth}")


if __name__ == "__main__":
    main()
