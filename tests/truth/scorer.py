"""How well labels agree with the truth, in bytes."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from statistics import mean
from typing import TypeAlias

from procmaps.classify import classify
from procmaps.kinds import KIND_BY_LABEL, Confidence, Kind
from procmaps.read import read_process
from procmaps.rules.book import RULES
from procmaps.tables import Evidence, PartTable, Snapshot
from tests.truth.cases import Case, cases
from tests.truth.truth_file import FILE, NATIVE, Range
from tests.truth.undecided import is_undecided

# (truth, label) -> bytes
Matrix: TypeAlias = Counter[tuple[str, str]]
# finer kinds that the truth does not tell apart
SAME = {"file_code": FILE, "file_rodata": FILE, "file_data": FILE, "reserved": "anonymous"}


@dataclass(slots=True)
class Score:
    """Sums over cases, by kind of evidence."""

    accessible: Matrix = field(default_factory=Counter)
    resident: Matrix = field(default_factory=Counter)
    by_case: dict[str, float] = field(default_factory=dict)  # share of accessible bytes in the right family
    undecided: set[str] = field(default_factory=set)  # cases that count for neither the mean nor the worst
    sure: Counter[tuple[Confidence, bool]] = field(default_factory=Counter)  # accessible bytes, by confidence
    wrong: Counter[tuple[str, str, str]] = field(default_factory=Counter)  # case, rule, truth -> bytes

    @property
    def decided(self) -> dict[str, float]:
        """The shares of the cases that their evidence decides; of all if it decides none."""
        found = {name: of for name, of in self.by_case.items() if name not in self.undecided}
        return found or self.by_case

    @property
    def mean_of_cases(self) -> float:
        return mean(self.decided.values())

    @property
    def worst_case(self) -> float:
        return min(self.decided.values())

    def labelled(self, confidence: Confidence) -> float:
        """The share of accessible bytes that carry this confidence."""
        return (self.sure[confidence, True] + self.sure[confidence, False]) / max(1, self.sure.total())

    def right(self, confidence: Confidence) -> float:
        """Of those, the share whose kind is right."""
        total = self.sure[confidence, True] + self.sure[confidence, False]
        return self.sure[confidence, True] / total if total else 1.0


def family(kind: str) -> str:
    """The family of a truth's kind; what has none of its own is its own."""
    if kind in {FILE, "none"}:
        return kind
    if kind == NATIVE:
        return "native_heap"
    known = KIND_BY_LABEL.get(kind)
    # the truth's families: file_bss counts as file, what is neither of a runtime nor of malloc as other
    label = known.family.label if known is not None else "other"
    return label if label in {"java", "stack", "native_heap", "file", "runtime"} else "other"


def by_family(matrix: Matrix) -> Matrix:
    families: Matrix = Counter()
    for (truth, label), number in matrix.items():
        families[family(truth), family(label)] += number
    return families


def share(matrix: Matrix) -> float:
    """The share of bytes on the diagonal."""
    total = matrix.total()
    return (
        sum(number for (truth, label), number in matrix.items() if truth == label) / total if total else 1.0
    )


def precision_recall(matrix: Matrix, label: str) -> tuple[float, float]:
    hit = matrix[label, label]
    labelled = sum(number for (_, got), number in matrix.items() if got == label)
    true = sum(number for (want, _), number in matrix.items() if want == label)
    return (hit / labelled if labelled else 1.0), (hit / true if true else 1.0)


def score(cases: Iterable[Case], evidence: str) -> Score:
    """Classify and count; evidence is one of EVIDENCES. Cases that do not have it are left out."""
    total = Score()
    for case in cases:
        if case.shown_by(evidence) is not None:
            _count(case, evidence, total)
    return total


@cache
def set_score(set_name: str, evidence: str) -> Score:
    """The score of a whole set; not to be changed, since all who ask share it."""
    return score(cases(set_name), evidence)


@cache
def predict(case: Case, evidence: str) -> tuple[Snapshot, PartTable]:
    """The parts of one case, whose host shows this evidence."""
    files = case.shown_by(evidence)
    if files is None:
        raise ValueError(f"{case.name} has no {evidence}")
    grade = Evidence.SMAPS if evidence == "smaps" else Evidence.MAPS
    snapshot = read_process(files, 1, grade)
    return snapshot, classify(snapshot, grade)


def _count(case: Case, evidence: str, total: Score) -> None:
    snapshot, parts = predict(case, evidence)
    # decorated maps have other lines than smaps: their resident bytes are not compared
    resident = {} if evidence == "decorated" else _resident(case)
    own: Matrix = Counter()
    mistaken: Counter[Confidence] = Counter()  # accessible bytes in the wrong family
    for row in range(len(parts)):
        low, high = int(parts.start[row]), int(parts.end[row])
        mapping = int(parts.mapping[row])
        accessible = int(snapshot.maps.perms[mapping] & 0b1110 != 0)
        bounds = int(snapshot.maps.start[mapping]), int(snapshot.maps.end[mapping])
        density = resident.get(bounds, 0) / (bounds[1] - bounds[0])
        got = Kind(parts.kind[row]).label
        for begin, end, want in _overlaps(case.truth, low, high):
            wanted, label = SAME.get(want, want), _as_told(got, want)
            number = (end - begin) * accessible
            own[wanted, label] += number
            total.resident[wanted, label] += round((end - begin) * density)
            confidence = Confidence(parts.confidence[row])
            total.sure[confidence, wanted == label] += number
            mistaken[confidence] += number * (family(wanted) != family(label))
            if wanted != label:
                total.wrong[case.name, RULES[parts.rule[row]].name, wanted] += number
    total.accessible.update(own)
    if own.total():
        total.by_case[case.name] = share(by_family(own))
    if is_undecided(case.name, evidence, mistaken.total(), mistaken[Confidence.GUESS]):
        total.undecided.add(case.name)


def _as_told(label: str, truth: str) -> str:
    """A label in the words of the truth, which may know less than a kind."""
    if truth == NATIVE and family(label) == "native_heap":
        return NATIVE
    return SAME.get(label, label)


@cache
def _resident(case: Case) -> dict[tuple[int, int], int]:
    """The resident bytes of each mapping by its bounds; none of a case without smaps."""
    files = case.shown_by("smaps")
    if files is None:
        return {}
    maps = read_process(files, 1).maps
    bounds = zip(maps.start.tolist(), maps.end.tolist(), strict=True)
    return dict(zip(bounds, maps.resident_bytes.tolist(), strict=True))


def _overlaps(truth: tuple[Range, ...], low: int, high: int) -> Iterator[tuple[int, int, str]]:
    """The ranges of the truth that lie in [low, high), cut to it."""
    first, last = 0, len(truth)
    while first < last:
        middle = (first + last) // 2
        if truth[middle][1] <= low:
            first = middle + 1
        else:
            last = middle
    for begin, end, kind in truth[first:]:
        if begin >= high:
            return
        yield max(begin, low), min(end, high), kind
