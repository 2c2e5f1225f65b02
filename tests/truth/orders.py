"""Orders of labellers: random ones that keep edges, and the walk from one order to another."""

import heapq
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import TypeAlias

Pair: TypeAlias = tuple[str, str]  # the first must come before the second
Order: TypeAlias = tuple[str, ...]


def extension(names: Iterable[str], pairs: Iterable[Pair], priority: Mapping[str, float]) -> Order:
    """An order that keeps the pairs; of the names that can be next, the one of least priority is."""
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(names, ()))
    for first, then in pairs:
        sorter.add(then, first)
    sorter.prepare()
    ready: list[tuple[float, str]] = []
    found = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heapq.heappush(ready, (priority[name], name))
        _, name = heapq.heappop(ready)
        found.append(name)
        sorter.done(name)
    return tuple(found)


def random_extension(names: Sequence[str], pairs: Iterable[Pair], rng: random.Random) -> Order:
    """A random order that keeps the pairs."""
    return extension(names, pairs, {name: rng.random() for name in names})


def repaired(target: Order, pairs: Iterable[Pair]) -> Order:
    """The order next to the target that keeps the pairs."""
    return extension(target, pairs, {name: at for at, name in enumerate(target)})


def with_neighbours(reference: Order, pairs: Iterable[Pair], pair: Pair, seed: int) -> Order:
    """An order that keeps the pairs and has `pair` side by side: with seed 0, much like the reference.

    No other pairs may lead from its first name to its second.
    """
    first, then = pair

    def unit(name: str) -> str:
        return first if name == then else name

    contracted = {(unit(low), unit(high)) for low, high in pairs if (low, high) != pair}
    rng = random.Random(seed)
    priority = {name: rng.random() if seed else float(at) for at, name in enumerate(reference)}
    if not seed:
        priority[first] = priority[then]
    order = extension([name for name in reference if name != then], contracted, priority)
    at = order.index(first) + 1
    return (*order[:at], then, *order[at:])


def swapped(order: Order, pair: Pair) -> Order:
    """The order with two neighbours exchanged."""
    at = order.index(pair[0])
    if order[at : at + 2] != pair:
        raise ValueError(f"{pair} are not neighbours")
    return (*order[:at], pair[1], pair[0], *order[at + 2 :])


def walk(start: Order, end: Order) -> Iterator[Pair]:
    """The swaps of neighbours that lead from one order to the other, each of a pair that is out of order."""
    rank = {name: at for at, name in enumerate(end)}
    row = list(start)
    moved = True
    while moved:
        moved = False
        for at in range(len(row) - 1):
            if rank[row[at]] > rank[row[at + 1]]:
                yield row[at], row[at + 1]
                row[at], row[at + 1] = row[at + 1], row[at]
                moved = True


def decisive_swap(start: Order, end: Order, same: Callable[[Order], bool]) -> tuple[Pair, Order] | None:
    """A swap on the walk that changes what `same` tells, and the order before it; None if `end` is the same.

    `same` must hold for `start`. It is asked for about as many orders as the number of swaps has bits.
    """
    if same(end):
        return None
    orders = [start]
    swaps = list(walk(start, end))
    for pair in swaps:
        orders.append(swapped(orders[-1], pair))
    low, high = 0, len(swaps)  # same at low, not at high
    while high - low > 1:
        middle = (low + high) // 2
        if same(orders[middle]):
            low = middle
        else:
            high = middle
    return swaps[low], orders[low]


def reach(pairs: Iterable[Pair]) -> Mapping[str, set[str]]:
    """All names that must come after each name."""
    after = defaultdict(set)
    names: set[str] = set()
    for first, then in pairs:
        after[first].add(then)
        names |= {first, then}
    found: dict[str, set[str]] = {}
    for name in TopologicalSorter({name: after[name] for name in names}).static_order():
        found[name] = after[name].union(*(found[then] for then in after[name]))
    return found
