from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from procmaps.read import read_process
from procmaps.tables import Trouble
from tests.strategies import PAGE, Vma, vmas
from tests.truth.cases import edges


def ranges(lines: list[Vma]) -> tuple[list[tuple[int, int]], int]:
    snapshot = read_process({"maps": b"".join(vma.line() for vma in lines)}, 1)
    pairs = zip(snapshot.maps.start.tolist(), snapshot.maps.end.tolist(), strict=True)
    return list(pairs), int(snapshot.processes.trouble[0])


def test_a_repeated_line_counts_once() -> None:
    vma = Vma(PAGE, 3 * PAGE)
    assert ranges([vma, vma]) == ([(PAGE, 3 * PAGE)], Trouble.TORN)


def test_a_mapping_seen_before_and_after_it_grew_counts_as_grown() -> None:
    assert ranges([Vma(PAGE, 2 * PAGE), Vma(PAGE, 4 * PAGE)])[0] == [(PAGE, 4 * PAGE)]


def test_the_next_mapping_begins_where_the_one_before_it_ends() -> None:
    assert ranges([Vma(PAGE, 4 * PAGE), Vma(2 * PAGE, 6 * PAGE)])[0] == [
        (PAGE, 4 * PAGE),
        (4 * PAGE, 6 * PAGE),
    ]


def test_lines_that_go_backwards_are_put_in_order() -> None:
    assert ranges([Vma(4 * PAGE, 5 * PAGE), Vma(PAGE, 2 * PAGE)]) == (
        [(PAGE, 2 * PAGE), (4 * PAGE, 5 * PAGE)],
        Trouble.TORN,
    )


def test_a_real_torn_read() -> None:
    snapshot = read_process({"maps": edges()["torn_read_small_buffer.maps"]}, 1)
    assert snapshot.processes.trouble[0] == Trouble.TORN
    assert (snapshot.maps.end[:-1] <= snapshot.maps.start[1:]).all()


@given(vmas(most=8), vmas(most=8), st.randoms(use_true_random=False))
def test_what_any_line_covers_is_covered_once(first: list[Vma], second: list[Vma], random: Random) -> None:
    lines = first + second
    random.shuffle(lines)
    found, _ = ranges(lines)
    edges_of_all = sorted({edge for vma in lines for edge in (vma.start, vma.end)})
    for low, high in pairwise(edges_of_all):
        covered = any(vma.start <= low and high <= vma.end for vma in lines)
        assert sum(start <= low and high <= end for start, end in found) == covered
