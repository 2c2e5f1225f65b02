"""The search for edges finds what is missing, and leaves out what nothing shows."""

import random

import pytest

from tests.truth.edges import REFERENCE, difference, needed, search, show_edge, show_rule, stated, without
from tests.truth.hosts import View, host_of, hosts, read_view
from tests.truth.orders import swapped, with_neighbours
from tests.truth.shown_by import kept
from tests.truth.variations import varied

MISSING = ("v8.code", "v8.heap")
APART = ("beam.literals", "go.heap")  # no process is of both


def test_an_edge_that_is_missing_is_found() -> None:
    pairs = stated() - {MISSING}
    found = [pair for pair, _ in search(pairs, random.Random(1), 5, 0)]
    assert found == [MISSING]
    assert MISSING in pairs


def test_an_edge_is_shown_by_the_process_that_showed_it_before() -> None:
    shown = kept().edges[MISSING]
    assert show_edge(stated(), MISSING, [shown.view], 0) == shown
    order = with_neighbours(REFERENCE, stated(), MISSING, shown.seed)
    assert "v8_code (v8.code), swapped v8_heap (v8.heap)" in difference(shown.view, swapped(order, MISSING))


def test_an_edge_that_nothing_shows_is_left_out() -> None:
    assert needed({APART}, {}, 0) == {}


def test_a_rule_that_does_nothing_is_shown_by_no_process() -> None:
    view = kept().rules["v8.code"]
    assert without("v8.code", host_of(view)) == [view]
    assert show_rule("v8.code", view, 0) == view
    assert show_rule("no.rule", view, 0) is None


@pytest.mark.parametrize(
    "view", [View(0, "cases", "c-32bit-236", "smaps", "6.18.0"), View(7, "live", "x", "maps", "own")], ids=str
)
def test_a_view_is_read_as_it_is_written(view: View) -> None:
    assert read_view(str(view)) == view


def test_a_process_among_others_is_labelled_as_it_is_alone() -> None:
    for host in hosts()[::5]:
        view = host.views[0]
        (alone,) = host_of(view).reference
        assert alone.tolist() == host.reference[0].tolist()


def test_a_variation_is_the_same_each_time_and_keeps_what_is_of_files() -> None:
    maps = b"1000-2000 r-xp 00000000 fe:00 5 /bin/x\n" + b"".join(
        b"%x-%x rw-p 00000000 00:00 0 \n" % (at << 16, (at << 16) + 0x4000) for at in range(1, 200)
    )
    files = {"maps": maps, "smaps": b"x", "status": b"Threads:\t3\nRssAnon:\t     500 kB\n"}
    first, again, other = (varied(files, random.Random(seed)) for seed in (1, 1, 2))
    assert first == again != other
    lines = first["maps"].splitlines()
    assert lines[0] == b"1000-2000 r-xp 00000000 fe:00 5 /bin/x"
    assert "smaps" not in first
    edges = [int(edge, 16) for line in lines for edge in line.split(b" ")[0].split(b"-")]
    assert edges == sorted(edges)
