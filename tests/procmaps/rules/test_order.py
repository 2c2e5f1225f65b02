"""The order of labellers, on labellers that are made up."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from procmaps.rules.labeller import Edge, ProcessLabeller
from procmaps.rules.order import OrderError, chain, order, precedences, reduced


def labeller(name: str, before: str = "", after: str = "") -> ProcessLabeller:
    """A labeller that claims nothing, with edges to the labellers of these names."""
    return ProcessLabeller(
        name,
        (),
        lambda _: (),
        before=tuple(Edge(other, f"{name} is first") for other in before.split()),
        after=tuple(Edge(other, f"{other} is first") for other in after.split()),
    )


def names(*labellers: ProcessLabeller) -> list[str]:
    return [one.name for one in order(labellers)]


def test_each_edge_holds_and_ties_are_ordered_by_name() -> None:
    assert names(labeller("c"), labeller("a"), labeller("b")) == ["a", "b", "c"]
    assert names(labeller("a", after="c"), labeller("b"), labeller("c")) == ["b", "c", "a"]
    assert names(labeller("a"), labeller("b"), labeller("c", before="a")) == ["b", "c", "a"]


def test_the_order_does_not_depend_on_where_a_labeller_is_listed() -> None:
    listed = [labeller("a", after="d"), labeller("b", after="a"), labeller("c", before="d"), labeller("d")]
    expected = names(*listed)
    assert expected == ["c", "d", "a", "b"]
    for seed in range(20):
        random.Random(seed).shuffle(listed)
        assert names(*listed) == expected


@pytest.mark.parametrize(
    ("labellers", "said"),
    [
        ([labeller("a"), labeller("a")], "two labellers are named a: rename one"),
        (
            [labeller("a", after="b")],
            "a names b, and there is no such labeller: correct `before` and `after`",
        ),
        ([labeller("a", before="b")], "a names b, and there is no such labeller"),
        ([labeller("a", before="a")], "the order is a cycle: a before a"),
        ([labeller("a", before="b"), labeller("b", before="a")], "the order is a cycle"),
        (
            [labeller("a", before="b"), labeller("b", after="a")],
            "that a comes before b is said twice: remove one",
        ),
        ([labeller("a", before="b b"), labeller("b")], "that a comes before b is said twice"),
        (
            [labeller("a", before="b c"), labeller("b", before="c"), labeller("c")],
            "that a comes before c follows from a before b before c: remove this one",
        ),
    ],
)
def test_edges_that_give_no_order_or_are_not_needed_are_refused(
    labellers: list[ProcessLabeller], said: str
) -> None:
    with pytest.raises(OrderError) as caught:
        order(labellers)
    assert said in str(caught.value)


def test_a_cycle_is_named_in_its_order() -> None:
    with pytest.raises(OrderError) as caught:
        order([labeller("a", before="b"), labeller("b", before="c"), labeller("c", before="a")])
    cycle = str(caught.value).partition("cycle: ")[2].partition(":")[0].split(" before ")
    assert cycle[0] == cycle[-1]
    assert all(pair in {("a", "b"), ("b", "c"), ("c", "a")} for pair in pairwise(cycle))


def test_an_edge_is_the_same_from_either_end() -> None:
    (one,) = precedences([labeller("a", before="b"), labeller("b")])
    (other,) = precedences([labeller("a"), labeller("b", after="a")])
    assert one == other == ("a", "b", "a is first")


def test_the_chain_between_two_labellers_is_the_shortest() -> None:
    edges = precedences(
        [
            labeller("a", before="b c"),
            labeller("b", before="d"),
            labeller("c", before="e"),
            labeller("d", before="e"),
            labeller("e"),
        ]
    )
    assert [(edge.first, edge.then) for edge in chain(edges, "a", "e")] == [("a", "c"), ("c", "e")]
    assert chain(edges, "e", "a") == ()


pairs_of_a_sequence = st.sets(
    st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] < pair[1]), max_size=20
).map(lambda pairs: {(f"l{first}", f"l{then}") for first, then in pairs})


def _reach(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    found = set(pairs)
    while more := {(a, d) for a, b in found for c, d in found if b == c} - found:
        found |= more
    return found


@given(pairs_of_a_sequence)
def test_reduced_pairs_say_the_same_and_none_of_them_follows_from_others(pairs: set[tuple[str, str]]) -> None:
    small = reduced(pairs)
    assert _reach(small) == _reach(pairs)
    assert all(pair not in _reach(small - {pair}) for pair in small)


@given(pairs_of_a_sequence)
def test_the_order_keeps_any_edges(pairs: set[tuple[str, str]]) -> None:
    small = reduced(pairs)
    listed = [
        labeller(f"l{at}", before=" ".join(then for first, then in small if first == f"l{at}"))
        for at in range(10)
    ]
    place = {one.name: at for at, one in enumerate(order(listed))}
    assert all(place[first] < place[then] for first, then in pairs)
