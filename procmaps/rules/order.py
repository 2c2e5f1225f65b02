"""The order of the labellers, worked out from what each says must come before or after it."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Final, NamedTuple, TypeVar

from procmaps.rules.labeller import Labeller

_Labeller = TypeVar("_Labeller", bound=Labeller)

_REMEDY: Final = "correct `before` and `after` where the labeller is defined"


class OrderError(ValueError):
    """Edges that give no order, or that say something twice: which ones, and the remedy."""

    def __init__(self, problem: str, remedy: str = _REMEDY) -> None:
        super().__init__(f"{problem}: {remedy}")


class Precedence(NamedTuple):
    """One edge: `first` has its turn before `then`, and the reason in one sentence."""

    first: str
    then: str
    reason: str


def order(labellers: Iterable[_Labeller]) -> tuple[_Labeller, ...]:
    """The labellers so that each edge holds; those that no edge orders come by name.

    Raises OrderError for equal names, unknown names, cycles, and edges that follow from other edges.
    """
    by_name = _by_name(labellers)
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(by_name, ()))
    edges = precedences(by_name.values())
    for first, then, _ in edges:
        sorter.add(then, first)
    try:
        sorter.prepare()
    except CycleError as error:
        raise OrderError(f"the order is a cycle: {' before '.join(error.args[1])}") from None
    _refuse_implied(edges)
    found = []
    ready = list(sorter.get_ready())
    heapq.heapify(ready)
    while ready:
        name = heapq.heappop(ready)
        found.append(by_name[name])
        sorter.done(name)
        for free in sorter.get_ready():
            heapq.heappush(ready, free)
    return tuple(found)


def precedences(labellers: Iterable[Labeller]) -> tuple[Precedence, ...]:
    """All edges by name. Raises OrderError for one that names no labeller, or that stands twice."""
    by_name = _by_name(labellers)
    found: dict[tuple[str, str], Precedence] = {}
    for labeller in by_name.values():
        stated = [Precedence(labeller.name, edge.labeller, edge.reason) for edge in labeller.before]
        stated += [Precedence(edge.labeller, labeller.name, edge.reason) for edge in labeller.after]
        for precedence in stated:
            first, then, _ = precedence
            for name in (first, then):
                if name not in by_name:
                    raise OrderError(f"{labeller.name} names {name}, and there is no such labeller")
            if (first, then) in found:
                raise OrderError(f"that {first} comes before {then} is said twice", "remove one of the two")
            found[first, then] = precedence
    return tuple(sorted(found.values()))


def chain(edges: Iterable[Precedence], first: str, then: str) -> tuple[Precedence, ...]:
    """The shortest sequence of edges that leads from one labeller to another; empty if none does."""
    following = _following(edges)
    seen = {first}
    paths: list[tuple[Precedence, ...]] = [()]
    while paths:
        longer = []
        for path in paths:
            for edge in following[path[-1].then if path else first]:
                if edge.then == then:
                    return (*path, edge)
                if edge.then not in seen:
                    seen.add(edge.then)
                    longer.append((*path, edge))
        paths = longer
    return ()


def reduced(pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """The pairs, in an order without cycles, that do not follow from the other pairs."""
    known = set(pairs)
    after = defaultdict(set)
    for first, then in known:
        after[first].add(then)
    reach: dict[str, frozenset[str]] = {}
    names = TopologicalSorter(dict(after.items())).static_order()
    for name in names:  # those that come last are the first here
        reach[name] = frozenset(after[name]).union(*(reach[then] for then in after[name]))
    return {
        (first, then)
        for first, then in known
        if not any(then in reach[other] for other in after[first] if other != then)
    }


def _by_name(labellers: Iterable[_Labeller]) -> Mapping[str, _Labeller]:
    found: dict[str, _Labeller] = {}
    for labeller in labellers:
        if labeller.name in found:
            raise OrderError(f"two labellers are named {labeller.name}", "rename one")
        found[labeller.name] = labeller
    return found


def _following(edges: Iterable[Precedence]) -> Mapping[str, list[Precedence]]:
    found: defaultdict[str, list[Precedence]] = defaultdict(list)
    for edge in edges:
        found[edge.first].append(edge)
    return found


def _refuse_implied(edges: Iterable[Precedence]) -> None:
    edges = tuple(edges)
    needed = reduced((edge.first, edge.then) for edge in edges)
    for first, then, _ in edges:
        if (first, then) not in needed:
            others = [edge for edge in edges if (edge.first, edge.then) != (first, then)]
            path = [edge.then for edge in chain(others, first, then)]
            raise OrderError(
                f"that {first} comes before {then} follows from {' before '.join((first, *path))}",
                "remove this one",
            )
