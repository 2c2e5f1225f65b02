"""All known processes as a few hosts of many processes each: an order of labellers is tried in a second."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np

from procmaps.classify import classify
from procmaps.read import read
from procmaps.rules.book import LABELLERS
from procmaps.rules.labeller import Claim, Labeller, ProcessLabeller, Ranges
from procmaps.rules.regions import Regions
from procmaps.rules.withheld import Withheld
from procmaps.tables import Evidence, Flags, PartTable, Snapshot
from tests.strategies import NONCE, closing, record
from tests.truth.cases import SETS, Case, cases
from tests.truth.variations import varied

OWN_KERNEL: Final = "own"
KERNELS: Final = (OWN_KERNEL, "6.18.0", "5.10.0-30-amd64")  # with and without guards that maps hides
EVIDENCES: Final = ("maps", "smaps")
OF_HOST: Final = ("osrelease", "meminfo")
IDENTITY: Final = frozenset(("comm", "cmdline", "cgroup"))

# start, end, kind, confidence, and where the block begins: one row a part
Labels: TypeAlias = np.ndarray


@dataclass(frozen=True, slots=True, order=True)
class View:
    """A known process or a variation of it, what is shown of it, and the kernel that it is said to run on."""

    variation: int  # 0 for the process as it was
    set_name: str
    case: str
    evidence: str
    kernel: str

    def __str__(self) -> str:
        variation = f"#{self.variation}" if self.variation else ""
        return f"{self.set_name}/{self.case}{variation} {self.evidence} {self.kernel}"


def read_view(text: str) -> View:
    """A view as str() writes it."""
    name, evidence, kernel = text.split(" ")
    name, _, variation = name.partition("#")
    set_name, _, case = name.partition("/")
    return View(int(variation or 0), set_name, case, evidence, kernel)


@dataclass(frozen=True)
class Host:
    """Processes with the same facts of the host."""

    views: tuple[View, ...]
    snapshot: Snapshot
    evidence: Evidence

    def labels(
        self, labellers: Sequence[Labeller] = LABELLERS, withheld: Sequence[Withheld] = ()
    ) -> list[Labels]:
        """The labels of each process."""
        return _by_process(self.snapshot, classify(self.snapshot, self.evidence, labellers, withheld))

    @cached_property
    def reference(self) -> list[Labels]:
        """The labels as they are."""
        return self.labels()

    def changed(
        self, labellers: Sequence[Labeller] = LABELLERS, withheld: Sequence[Withheld] = ()
    ) -> list[View]:
        """The processes whose labels differ from the reference."""
        columns = (self.views, self.reference, self.labels(labellers, withheld))
        return [view for view, was, now in zip(*columns, strict=True) if not np.array_equal(was, now)]

    @cached_property
    def claimants(self) -> Mapping[str, set[int]]:
        """By labeller, the places in `views` of the processes that it claims something in."""
        found: dict[str, set[int]] = {labeller.name: set() for labeller in LABELLERS}
        self.labels([_observed(labeller, found[labeller.name]) for labeller in LABELLERS])
        return found

    def where(self, *names: str) -> "Host | None":
        """The processes in which at least one of these labellers claims something; None if there are none.

        In the others it does not matter in which order they come.
        """
        places = sorted(set().union(*(self.claimants[name] for name in names)))
        if len(places) in {0, len(self.views)}:
            return self if places else None
        views = [self.views[place] for place in places]
        members = [(view, _files(view, _case_of(view))) for view in views]
        (host,) = _with_kernels(members, _facts_of(_case_of(views[0])), (views[0].kernel,))
        return host


def _observed(labeller: Labeller, rows: set[int]) -> Labeller:
    """The same labeller, which adds the rows of the processes that it claims something in."""

    if isinstance(labeller, ProcessLabeller):
        of_process = labeller.find

        def in_process(*given: Any) -> list[Claim]:
            claims = list(of_process(*given))
            if claims:
                rows.add(given[-1].row)
            return claims

        return replace(labeller, find=in_process)
    of_regions = labeller.find

    def in_regions(regions: Regions) -> Flags | Ranges | None:
        found = of_regions(regions)
        if isinstance(found, Ranges):
            rows.update(found.process.tolist())
        elif found is not None:
            rows.update(regions.process[found & regions.free].tolist())
        return found

    return replace(labeller, find=in_regions)


@cache
def hosts(variations: int = 0) -> tuple[Host, ...]:
    """All cases of all sets as they are, on each of the kernels; and variations of each, on one of them."""
    grouped: dict[tuple[str, tuple[bytes, ...], Sequence[str]], list[tuple[View, Mapping[str, bytes]]]]
    grouped = defaultdict(list)
    for set_name in SETS:
        for case in cases(set_name):
            facts = tuple(_facts_of(case).values())
            for evidence, variation in (*((one, 0) for one in EVIDENCES), *_numbered(variations)):
                view = View(variation, set_name, case.name, evidence, OWN_KERNEL)
                kernels = (KERNELS[variation % len(KERNELS)],) if variation else KERNELS
                if files := _files(view, case):
                    grouped[evidence, facts, kernels].append((view, files))
    return tuple(
        host
        for (_, facts, kernels), members in grouped.items()
        for host in _with_kernels(members, dict(zip(OF_HOST, facts, strict=True)), kernels)
    )


@cache
def host_of(view: View) -> Host:
    """A host with this process alone."""
    case = _case_of(view)
    (host,) = _with_kernels([(view, _files(view, case))], _facts_of(case), (view.kernel,))
    return host


def _case_of(view: View) -> Case:
    (case,) = (case for case in cases(view.set_name) if case.name == view.case)
    return case


def _facts_of(case: Case) -> Mapping[str, bytes]:
    """The files of its host, by which processes are put together."""
    return {name: case.files.get(name, b"") for name in OF_HOST}


def _numbered(variations: int) -> Iterator[tuple[str, int]]:
    return (("maps", number) for number in range(1, variations + 1))


def _files(view: View, case: Case) -> Mapping[str, bytes]:
    """What a host sends of it; nothing if the case does not have this evidence."""
    files = case.shown_by(view.evidence) or {}
    if not view.variation or not files:
        return files
    return varied(files, random.Random(f"{view.variation} {view.set_name}/{view.case}"))


def _with_kernels(
    members: Sequence[tuple[View, Mapping[str, bytes]]], facts: Mapping[str, bytes], kernels: Sequence[str]
) -> Iterator[Host]:
    snapshot = _snapshot([files for _, files in members], facts)
    evidence = Evidence[members[0][0].evidence.upper()]
    for kernel in kernels:
        own = snapshot.facts if kernel == OWN_KERNEL else replace(snapshot.facts, kernel=kernel)
        views = tuple(replace(view, kernel=kernel) for view, _ in members)
        yield Host(views, replace(snapshot, facts=own), evidence)


def _snapshot(files: Sequence[Mapping[str, bytes]], facts: Mapping[str, bytes]) -> Snapshot:
    """The processes of one host, as a dump of it is read; pids from 1."""
    memory = [record(name, 0, content) for name, content in facts.items() if content]
    identity: list[bytes] = []
    for pid, own in enumerate(files, 1):
        unwanted = {*OF_HOST, *(("maps",) if "smaps" in own else ())}
        for name, content in own.items():
            if name not in unwanted:
                (identity if name in IDENTITY else memory).append(record(name, pid, content))
    memory.append(closing(len(files)))
    return read(b"".join(memory), b"".join(identity), NONCE)


def _by_process(snapshot: Snapshot, parts: PartTable) -> list[Labels]:
    columns = (parts.start, parts.end, parts.kind, parts.confidence, parts.start[parts.block])
    labels = np.stack([column.astype(np.uint64) for column in columns], axis=1)
    process = snapshot.maps.process[parts.mapping]
    edges = process.searchsorted(np.arange(len(snapshot.processes) + 1))
    return [labels[low:high] for low, high in pairwise(edges)]
