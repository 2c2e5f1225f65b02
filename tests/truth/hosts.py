"""All known processes as a few hosts of many processes each: an order of labellers is tried in a second."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np

from procmaps.classify import classify
from procmaps.read import read
from procmaps.rules.book import LABELLERS
from procmaps.rules.labeller import Labeller
from procmaps.rules.withheld import Withheld
from procmaps.tables import Evidence, PartTable, Snapshot
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


@cache
def hosts(variations: int = 0) -> tuple[Host, ...]:
    """All cases of all sets as they are, on each of the kernels; and variations of each, on one of them."""
    grouped: dict[tuple[str, tuple[bytes, ...], Sequence[str]], list[tuple[View, Mapping[str, bytes]]]]
    grouped = defaultdict(list)
    for set_name in SETS:
        for case in cases(set_name):
            facts = tuple(case.files.get(name, b"") for name in OF_HOST)
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
    (case,) = (case for case in cases(view.set_name) if case.name == view.case)
    facts = {name: case.files.get(name, b"") for name in OF_HOST}
    (host,) = _with_kernels([(view, _files(view, case))], facts, (view.kernel,))
    return host


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
