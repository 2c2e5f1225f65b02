"""The order of the labellers and the rules, against all known processes."""

import random
from itertools import chain

import pytest

from procmaps.rules.book import LABELLERS
from procmaps.rules.order import precedences
from procmaps.rules.withheld import Withheld
from tests.truth.built import BUILT
from tests.truth.edges import EVERYWHERE, REFERENCE, UNSHOWN, in_order, stated
from tests.truth.hosts import host_of, hosts
from tests.truth.orders import Pair, random_extension, swapped, with_neighbours
from tests.truth.shown_by import kept

WRITE = "run `python -m tests.truth.edges --write`"
RANDOM_ORDERS_COUNT = 10
VARIATIONS_COUNT = 3
RULES = [rule.name for labeller in LABELLERS for rule in labeller.gives]
EDGES = [(first, then) for first, then, _ in precedences(LABELLERS)]


def test_each_edge_and_each_rule_has_a_process_that_shows_it() -> None:
    shown = kept()
    assert set(shown.edges) | set(BUILT) == stated(), f"an edge is new, or is no more: {WRITE}"
    assert not set(shown.edges) & set(BUILT)
    assert set(shown.rules) | set(UNSHOWN) == set(RULES), f"a rule is new, or is no more: {WRITE}"
    assert not set(shown.rules) & set(UNSHOWN)


@pytest.mark.parametrize("pair", sorted(BUILT), ids=" before ".join)
def test_labels_of_a_host_that_was_built_change_if_its_edge_is_reversed(pair: Pair) -> None:
    host = BUILT[pair].host(pair)
    order = with_neighbours(REFERENCE, EDGES, pair, 0)
    assert not host.changed(in_order(order))
    assert host.changed(in_order(swapped(order, pair)))


@pytest.mark.parametrize("pair", sorted(set(EDGES) - set(BUILT)), ids=" before ".join)
def test_labels_change_if_an_edge_is_reversed(pair: Pair) -> None:
    shown = kept().edges[pair]
    order = with_neighbours(REFERENCE, EDGES, pair, shown.seed)
    host = host_of(shown.view)
    assert not host.changed(in_order(order)), f"an edge is missing: {WRITE}"
    assert host.changed(in_order(swapped(order, pair))), f"no process shows that this edge is needed: {WRITE}"


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in UNSHOWN])
def test_labels_change_without_a_rule(rule: str) -> None:
    assert host_of(kept().rules[rule]).changed(withheld=[Withheld(0, rule, *EVERYWHERE)])


@pytest.mark.parametrize("seed", range(RANDOM_ORDERS_COUNT))
def test_any_order_that_keeps_the_edges_gives_the_same_labels(seed: int) -> None:
    order = random_extension(REFERENCE, EDGES, random.Random(seed))
    changed = list(chain.from_iterable(host.changed(in_order(order)) for host in hosts(VARIATIONS_COUNT)))
    assert not changed, f"an edge is missing: {WRITE}"
