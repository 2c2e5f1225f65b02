"""The figures of a score, and the table of them."""

from collections.abc import Iterable, Iterator
from statistics import mean
from typing import Final

from procmaps.kinds import Confidence
from tests.truth.scorer import Score, by_family, precision_recall, share

# shares of 1: bytes in the right family (accessible, resident), bytes of the right kind (accessible), the
# first's mean and worst over the cases that their evidence decides; then precision and recall by accessible
# bytes
FIGURES: Final = (
    *("family", "resident", "exact", "mean", "worst"),
    *("native_heap_precision", "native_heap_recall", "stack_precision", "stack_recall"),
)
HEADER: Final = (
    f"{'':24}       family     family     exact      mean of    worst      native_heap           stack"
    "                 all cases, also undecided ones\n"
    f"{'set':14}{'evidence':10} cases accessib.  resident   accessib.  cases      case       "
    "precis.    recall     precis.    recall     mean       worst      undecided"
)


def figures(score: Score) -> dict[str, float]:
    """The figures by name; what the cases cannot tell, as resident bytes without smaps, is not among them."""
    families = by_family(score.accessible)
    found: dict[str, float | None] = {
        "family": share(families),
        "resident": share(by_family(score.resident)) if score.resident.total() else None,
        "exact": share(score.accessible),
        "mean": score.mean_of_cases,
        "worst": score.worst_case,
    }
    for family in ("native_heap", "stack"):
        # of the truth alone: which figures there are must not depend on the rules
        if any(want == family for want, _ in families):
            values = precision_recall(families, family)
            found |= dict(zip((f"{family}_precision", f"{family}_recall"), values, strict=True))
    return {name: figure for name, figure in found.items() if figure is not None}


def table(scores: Iterable[tuple[str, str, Score]]) -> Iterator[str]:
    """A line for each set and evidence whose score has a case, after a header."""
    yield HEADER
    for set_name, evidence, score in scores:
        if score.by_case:
            known = figures(score)
            cells = [f"{known[name]:10.2%}" if name in known else f"{'-':>10}" for name in FIGURES]
            every = f" {mean(score.by_case.values()):10.2%} {min(score.by_case.values()):10.2%}"
            count = f" {len(score.undecided):10}"
            yield f"{set_name[:13]:14}{evidence:10} {len(score.by_case):5}" + " ".join(cells) + every + count


def confidences(score: Score) -> str:
    """How much is labelled with each confidence, and how much of that is right."""
    return ", ".join(
        f"{sure.label} {score.labelled(sure):.1%} (right {score.right(sure):.2%})"
        for sure in reversed(Confidence)
    )


def wrong(score: Score, limit_count: int) -> Iterator[str]:
    """The accessible bytes that are wrong by case, rule and truth, the most first."""
    for (name, rule, truth), size_bytes in score.wrong.most_common(limit_count):
        if size_bytes:
            yield f"  {size_bytes / 1024:10.0f} KiB  {name}: {rule}, truth {truth}"
