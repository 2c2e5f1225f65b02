"""What must hold of any bytes that a host sends: a result whose bytes are all there, or a DumpError."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from procmaps.classify import classify
from procmaps.findings import find
from procmaps.footprint import footprints
from procmaps.frames import mask_identity
from procmaps.identity import identify
from procmaps.read import DumpError, read, read_process
from procmaps.reasons import why
from procmaps.tables import Evidence, Snapshot
from tests.fuzz.mutation import MUTATES, PLACES, Mutation, mutated
from tests.fuzz.seeds import host_nonce, host_seeds, process_seeds
from tests.fuzz.ssh_search import SSH_SEARCHES, place_in
from tests.procmaps.test_classify import check

REASONS_MAX = 500  # of the parts of one input
INPUT_BYTES_MAX = 2**22  # a mutation can repeat what another has repeated

numbers = st.integers(0, PLACES - 1)
mutations = st.lists(st.tuples(st.sampled_from(MUTATES), numbers, numbers), max_size=10)
raw = st.binary(max_size=300)


def examine(snapshot: Snapshot) -> None:
    """All that the core makes of a snapshot; asserts that every byte is there, and of one kind."""
    identities = identify(snapshot)
    assert len(identities.service) == len(snapshot.processes)
    for evidence in (Evidence.SMAPS, Evidence.MAPS):
        parts = classify(snapshot, evidence)
        check(snapshot, parts)
        sums = footprints(snapshot, parts)
        assert sums.reserved_bytes.sum() == (parts.end - parts.start).astype(np.int64).sum()
        assert (sums.committed_bytes <= sums.reserved_bytes).all()
        find(snapshot, parts, sums)
        for row in range(min(len(parts), REASONS_MAX)):
            assert why(snapshot, parts, row)


@given(seed=place_in(process_seeds), steps=mutations, beside=mutations, noise=raw)
def any_process(seed: int, steps: list[Mutation], beside: list[Mutation], noise: bytes) -> None:
    """The files of one process, damaged."""
    files = dict(process_seeds()[seed])
    for name, text in files.items():
        files[name] = mutated(text, steps if name.endswith("maps") else beside)[:INPUT_BYTES_MAX]
    if noise:
        files["maps"] = noise + files.get("maps", b"")
    examine(read_process(files, 4711))


@given(seed=place_in(host_seeds), steps=mutations, beside=mutations, noise=raw)
def any_host(seed: int, steps: list[Mutation], beside: list[Mutation], noise: bytes) -> None:
    """The stream of one host, damaged."""
    host = host_seeds()[seed]
    memory = (noise + mutated(host.memory, steps))[:INPUT_BYTES_MAX]
    identity = (mutated(host.identity, beside) + noise)[:INPUT_BYTES_MAX]
    try:
        snapshot = read(memory, mask_identity(identity, host_nonce()), host_nonce())
    except DumpError:
        return
    examine(snapshot)


@given(content=st.binary(max_size=2000), kind=st.sampled_from(("maps", "smaps")))
def any_bytes(content: bytes, kind: str) -> None:
    """Bytes that were never of /proc."""
    examine(read_process({kind: content, "status": content, "stat": content, "limits": content}, 1))
    try:
        examine(read(content, content, content[:4]))
    except DumpError:
        return


SEARCHES = {search.__name__: search for search in (any_process, any_host, any_bytes)} | SSH_SEARCHES
