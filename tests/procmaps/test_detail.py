"""Which processes are looked at region by region: all that have no absurd number of mappings."""

import numpy as np

from procmaps.classify import classify
from procmaps.detail import HOST_LIMIT_COUNT, PROCESS_LIMIT_COUNT, in_detail
from procmaps.kinds import Kind
from procmaps.tables import Snapshot
from tests.procmaps.rules.labelled import BRK_HEAP, LIBC, anon, read, sorted_maps

BEAM = "400000000000-400000001000 r-xp 00000000 fe:00 80 /usr/lib/erlang/erts/bin/beam.smp\n"
CARRIER = anon(0x100000000000, 2**23)
FIXED = 4  # lines of these
BASE = 0x200000000000


def erlang(mappings: int) -> Snapshot:
    """An Erlang process with this number of mappings; most are pages that differ in access."""
    pages = (anon(BASE + page * 4096, 4096, ("r--p", "rw-p")[page % 2]) for page in range(mappings - FIXED))
    return read(sorted_maps(CARRIER, BEAM, LIBC, BRK_HEAP, *pages))


def test_the_limits_of_a_process_and_of_a_host() -> None:
    assert in_detail(np.array([PROCESS_LIMIT_COUNT, PROCESS_LIMIT_COUNT + 1])).tolist() == [True, False]
    # the small ones first; what is too large by itself takes nothing from the others
    counts = np.array([HOST_LIMIT_COUNT, 6, 4, 3, 1])
    assert in_detail(counts, process_limit=6, host_limit=8).tolist() == [False, False, True, True, True]
    assert in_detail(counts, process_limit=6, host_limit=14).tolist() == [False, True, True, True, True]
    assert in_detail(np.zeros(0, np.int64)).tolist() == []


def test_a_process_with_too_many_mappings_is_labelled_by_the_general_rules_and_noted() -> None:
    at_limit, above = erlang(PROCESS_LIMIT_COUNT), erlang(PROCESS_LIMIT_COUNT + 1)
    assert not at_limit.notes
    assert [classify(snapshot).kind[0] == Kind.BEAM_HEAP for snapshot in (at_limit, above)] == [True, False]
    (note,) = above.notes
    assert note.startswith(f"process 1: {PROCESS_LIMIT_COUNT + 1} mappings are too many to look at each")
    assert np.array_equal(classify(above).end[:-1] <= classify(above).start[1:], np.ones(len(above.maps) - 1))
