"""Find out whose order matters: python -m tests.truth.edges.

The present order is taken to be right. Random orders that keep the known edges are tried on all known
processes. Where labels change, the walk from the present order to the random one has a swap of neighbours
that changes them: that pair is an edge. The search ends when many random orders in a row change nothing.
"""

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Final

import numpy as np

from procmaps.classify import classify
from procmaps.kinds import Kind
from procmaps.rules.book import LABELLERS, RULES
from procmaps.rules.labeller import Labeller
from procmaps.rules.order import reduced
from procmaps.rules.withheld import Withheld
from tests.truth.built import BUILT
from tests.truth.hosts import KERNELS, Host, View, host_of, hosts
from tests.truth.orders import (
    Order,
    Pair,
    decisive_swap,
    random_extension,
    repaired,
    swapped,
    with_neighbours,
)
from tests.truth.shown_by import ShownEdge, kept, write

QUIET_ORDERS_COUNT: Final = 40  # in a row without a change: the search is over
QUIET_OF_VARIATIONS_COUNT: Final = 10  # the same for variations, of which there are several times as many
# orders with the labellers of an edge side by side: for all processes, and for those that were met
SEEDS_OF_ALL_COUNT: Final = 4
SEEDS_OF_ONE_COUNT: Final = 60
VARIATIONS_COUNT: Final = 10  # of each known process
VIEWS_COUNT: Final = 40  # of the processes that an order changes: these are looked at
EVERYWHERE: Final = (0, 2**63 - 1)
# rules without which no known process changes, and why they are kept
UNSHOWN: Final[dict[str, str]] = {}

BY_NAME: Final = {labeller.name: labeller for labeller in LABELLERS}
REFERENCE: Final[Order] = tuple(BY_NAME)


def stated() -> set[Pair]:
    """The edges of the book."""
    return {
        pair
        for labeller in LABELLERS
        for pair in (
            *((labeller.name, edge.labeller) for edge in labeller.before),
            *((edge.labeller, labeller.name) for edge in labeller.after),
        )
    }


def in_order(order: Order) -> tuple[Labeller, ...]:
    """The labellers in this order."""
    return tuple(BY_NAME[name] for name in order)


def changed(order: Order, variations: int) -> list[View]:
    """The known processes, with so many variations of each, whose labels this order changes."""
    return _changed(hosts(variations), order)


def _changed(some: Iterable[Host], order: Order) -> list[View]:
    labellers = in_order(order)
    return list(chain.from_iterable(host.changed(labellers) for host in some))


def same(view: View, order: Order) -> bool:
    """Whether the order leaves the labels of a process as they are."""
    return not host_of(view).changed(in_order(order))


def search(pairs: set[Pair], rng: random.Random, quiet: int, variations: int) -> Iterator[tuple[Pair, View]]:
    """Edges besides the known ones, as they are found, with a process each; `pairs` grows by them."""
    silent = 0
    while silent < quiet:
        target = random_extension(REFERENCE, pairs, rng)
        silent += 1
        views = changed(target, variations)
        for view in rng.sample(views, min(len(views), VIEWS_COUNT)):
            while found := decisive_swap(
                REFERENCE,
                repaired(target, pairs),
                lambda order, view=view: same(view, order),  # type: ignore[misc]
            ):
                silent = 0
                pairs.add(found[0])
                yield found[0], view


def needed(pairs: set[Pair], seen: Mapping[Pair, Sequence[View]], variations: int) -> dict[Pair, ShownEdge]:
    """The edges of the smallest set that says the same, each with a process that shows it.

    An edge that no process shows is left out. `seen` has processes that have shown it before. Those that are
    shown by a host of their own (BUILT) stay, and are left out as well.
    """
    pairs = set(pairs)
    shown: dict[Pair, ShownEdge] = {}
    while waiting := sorted(reduced(pairs) - set(shown) - set(BUILT)):
        for pair in waiting:
            found = show_edge(reduced(pairs), pair, seen.get(pair, ()), variations)
            if found is None:
                pairs.discard(pair)
                break
            shown[pair] = found
    return {pair: shown[pair] for pair in sorted(reduced(pairs) - set(BUILT))}


def show_edge(pairs: Iterable[Pair], pair: Pair, seen: Sequence[View], variations: int) -> ShownEdge | None:
    """A process whose labels change when the pair is swapped, all other edges kept.

    One that has shown it before, as it was if possible; then any; then any variation.
    """
    pairs = tuple(pairs)
    as_they_were = [view for view in seen if not view.variation]
    return (
        _among(pairs, pair, as_they_were)
        or _among_all(pairs, pair, 0)
        or _among(pairs, pair, [view for view in seen if view.variation])
        or _among_all(pairs, pair, variations)
    )


def _among(pairs: Sequence[Pair], pair: Pair, views: Sequence[View]) -> ShownEdge | None:
    views = sorted(set(views), key=_effort)
    for seed in range(SEEDS_OF_ONE_COUNT if views else 0):
        order = with_neighbours(REFERENCE, pairs, pair, seed)
        for view in views:
            if same(view, order) and not same(view, swapped(order, pair)):
                return ShownEdge(view, seed)
    return None


def _among_all(pairs: Sequence[Pair], pair: Pair, variations: int) -> ShownEdge | None:
    concerned = [own for host in hosts(variations) if (own := host.where(*pair)) is not None]
    for seed in range(SEEDS_OF_ALL_COUNT):
        order = with_neighbours(REFERENCE, pairs, pair, seed)
        before = set(_changed(concerned, order))
        views = [view for view in _changed(concerned, swapped(order, pair)) if view not in before]
        if views:
            return ShownEdge(min(views, key=_effort), seed)
    return None


def without(rule: str, host: Host) -> list[View]:
    """The processes of a host whose labels change without this rule."""
    withheld = [Withheld(row, rule, *EVERYWHERE) for row in range(len(host.views))]
    return host.changed(LABELLERS, withheld)


def show_rule(rule: str, seen: View | None, variations: int) -> View | None:
    """A process whose labels change without this rule: `seen` if it still does, or the simplest one."""
    if seen is not None and without(rule, host_of(seen)):
        return seen
    for number in dict.fromkeys((0, variations)):
        views = list(chain.from_iterable(without(rule, host) for host in hosts(number)))
        if views:
            return min(views, key=_effort)
    return None


def _effort(view: View) -> tuple[bool, int, int, View]:
    """Least for a process as it was, on its own kernel, with few mappings."""
    mappings = len(host_of(view).snapshot.maps)
    return view.variation > 0, KERNELS.index(view.kernel), mappings, view


def difference(view: View, order: Order) -> str:
    """The first part whose label the order changes."""
    host = host_of(view)
    was, now = (
        classify(host.snapshot, host.evidence, labellers) for labellers in (LABELLERS, in_order(order))
    )
    for address in sorted({*was.start.tolist(), *now.start.tolist()}):
        rows = [int(parts.start.searchsorted(np.uint64(address), "right")) - 1 for parts in (was, now)]
        labels = [
            (Kind(int(parts.kind[row])).label, RULES[int(parts.rule[row])].name, int(parts.start[row]))
            for parts, row in zip((was, now), rows, strict=True)
        ]
        if labels[0] != labels[1]:
            (kind, rule, _), (other, by, _) = labels
            return f"at {address:x}: {kind} ({rule}), swapped {other} ({by})"
    return "the blocks or the confidence differ"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.truth.edges", description=__doc__)
    parser.add_argument(
        "--quiet", type=int, default=QUIET_ORDERS_COUNT, help="random orders without a change"
    )
    parser.add_argument(
        "--variations", type=int, default=VARIATIONS_COUNT, help="random variations of each known process"
    )
    parser.add_argument("--afresh", action="store_true", help="find all edges, those that are stated too")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write shown_by.toml")
    options = parser.parse_args()
    known = stated()
    pairs = set() if options.afresh else set(known)
    seen: dict[Pair, list[View]] = defaultdict(list)
    before = kept()
    for pair, edge in before.edges.items():
        seen[pair].append(edge.view)
    rng = random.Random(options.seed)
    for variations in sorted({0, options.variations}):  # the known processes first: that is faster
        quiet = min(options.quiet, QUIET_OF_VARIATIONS_COUNT) if variations else options.quiet
        for pair, view in search(pairs, rng, quiet, variations):
            print(f"found: {pair[0]} before {pair[1]}, by {view}", file=sys.stderr)
            seen[pair].append(view)
    shown = needed(pairs, seen, options.variations)
    for title, some in (
        ("stated", sorted(set(shown) & known)),
        ("missing: state them, with the reason", sorted(set(shown) - known)),
    ):
        print(f"\n{len(some)} edges are {title}")
        for pair in some:
            order = swapped(with_neighbours(REFERENCE, shown, pair, shown[pair].seed), pair)
            print(
                f"  {pair[0]} before {pair[1]}\n    {shown[pair].view} {difference(shown[pair].view, order)}"
            )
    idle = sorted(known - set(shown) - set(BUILT))
    print(f"\n{len(idle)} edges are stated and shown by no known process, or follow from others")
    for first, then in idle:
        print(f"  {first} before {then}")
    rules = {
        rule.name: show_rule(rule.name, before.rules.get(rule.name), options.variations)
        for labeller in LABELLERS
        for rule in labeller.gives
    }
    unseen = sorted(name for name, view in rules.items() if view is None and name not in UNSHOWN)
    print(f"\n{len(unseen)} rules change no known process: add a case, or remove them")
    for name in unseen:
        print(f"  {name}")
    if options.write:
        write(shown, {name: view for name, view in rules.items() if view is not None})
    return int(bool(idle or set(shown) - known or unseen))


if __name__ == "__main__":
    sys.exit(main())
