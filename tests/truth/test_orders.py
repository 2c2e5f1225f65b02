"""Orders of labellers, and the walk from one to another."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.truth.orders import (
    Order,
    Pair,
    decisive_swap,
    random_extension,
    repaired,
    swapped,
    walk,
    with_neighbours,
)

NAMES = tuple("abcdefgh")
orders = st.permutations(NAMES).map(tuple)
pairs = st.sets(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)).filter(lambda pair: pair[0] < pair[1]),
    max_size=10,
)


def keeps(order: Order, kept: set[Pair]) -> bool:
    return all(order.index(first) < order.index(then) for first, then in kept)


@given(pairs, st.integers())
def test_a_random_order_keeps_the_pairs(kept: set[Pair], seed: int) -> None:
    order = random_extension(NAMES, kept, random.Random(seed))
    assert sorted(order) == list(NAMES)
    assert keeps(order, kept)


@given(orders, pairs)
def test_an_order_is_repaired_only_if_it_breaks_a_pair(order: Order, kept: set[Pair]) -> None:
    mended = repaired(order, kept)
    assert keeps(mended, kept)
    assert (mended == order) == keeps(order, kept)


@given(orders, orders, pairs)
def test_a_walk_between_two_orders_that_keep_the_pairs_keeps_them(
    start: Order, end: Order, kept: set[Pair]
) -> None:
    start, end = repaired(start, kept), repaired(end, kept)
    order = start
    for pair in walk(start, end):
        order = swapped(order, pair)
        assert keeps(order, kept)
    assert order == end


@given(orders)
def test_the_decisive_swap_is_found(end: Order) -> None:
    def same(order: Order) -> bool:
        return order.index("c") < order.index("f")

    found = decisive_swap(NAMES, end, same)
    assert (found is None) == same(end)
    if found is not None:
        pair, before = found
        assert pair == ("c", "f")
        assert same(before)
        assert not same(swapped(before, pair))


@pytest.mark.parametrize("seed", range(6))
def test_neighbours_are_side_by_side_in_an_order_that_keeps_the_pairs(seed: int) -> None:
    kept = {("a", "d"), ("b", "g"), ("d", "h"), ("c", "g")}
    order = with_neighbours(NAMES, kept, ("b", "g"), seed)
    assert keeps(order, kept)
    assert order.index("g") == order.index("b") + 1
    assert keeps(swapped(order, ("b", "g")), kept - {("b", "g")})


def test_with_seed_0_the_order_is_much_like_the_reference() -> None:
    assert with_neighbours(NAMES, set(), ("b", "d"), 0) == ("a", "c", "b", "d", "e", "f", "g", "h")


def test_only_neighbours_are_swapped() -> None:
    assert swapped(("a", "b", "c"), ("b", "c")) == ("a", "c", "b")
    with pytest.raises(ValueError, match="not neighbours"):
        swapped(("a", "b", "c"), ("a", "c"))
