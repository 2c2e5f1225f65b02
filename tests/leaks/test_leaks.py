"""Programs that leak 500 MiB in a way of their own: the report has each first, with what it leaked."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

import numpy as np
import pytest

from archive import dump_file
from procmaps.classify import classify
from procmaps.footprint import footprints
from procmaps.kinds import Kind
from procmaps.read import read
from procmaps.rules.book import LABELLERS
from procmaps.rules.labeller import Labeller
from procmaps.tables import Snapshot
from tests.leaks.laboratory import Swept, built, healthy, possible, started, sweep
from tests.leaks.ways import LEAK_MIB, NATIVE, WAYS, Way, missing
from tests.sshd import serve

pytestmark = [
    pytest.mark.journey,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed"),
]

LEAK_BYTES: Final = LEAK_MIB * 2**20
WITHIN: Final = 0.05 * LEAK_BYTES
AT_ONCE: Final = 5  # programs that have leaked: 2.5 GiB together
EVIDENCES: Final = ("maps", "smaps")


@dataclass(frozen=True, slots=True)
class Leak:
    """What two sweeps with one evidence say of a program: before it leaked, and after."""

    way: Way
    pid: int
    before: Swept
    after: Swept

    def grown(self, measure: str) -> int:
        """By how many bytes a column of its row in the table of processes has grown."""
        was, now = (swept.processes[self.way.name][self.pid] for swept in (self.before, self.after))
        return now.get(measure, 0) - was.get(measure, 0)

    def kinds(self) -> dict[str, int]:
        """By kind, how many accessible bytes were added."""
        was, now = (swept.kinds[self.way.name, self.pid] for swept in (self.before, self.after))
        return {kind: now[kind] - was[kind] for kind in now}

    def snapshot(self) -> Snapshot:
        """What its host sent after the leak."""
        dump = self.after.run.read_dump(self.way.name)
        memory, identity = (
            dump_file.inflate(part, 2**30).text for part in (dump.memory_gz, dump.identity_gz)
        )
        return read(memory, identity, dump.nonce.encode())


@pytest.fixture(scope="module")
def leaks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[tuple[str, str], Leak]]:
    """All leaks by way and evidence: a few programs leak at a time, and then end."""
    folder = tmp_path_factory.mktemp("leaks")
    failed = built(folder)
    assert not failed
    found: dict[tuple[str, str], Leak] = {}
    with ExitStack() as stack:
        sshd = stack.enter_context(serve(folder, hosts=len(WAYS)))
        others = stack.enter_context(healthy(folder))
        programs = {way.name: started(way, folder) for way in possible()}
        for program in programs.values():
            stack.callback(program.stop)
        pids = {name: (program.pid,) for name, program in programs.items()}
        before = {one: sweep(folder, sshd, pids, one, others=others) for one in EVIDENCES}
        ways = possible()
        for at in range(0, len(ways), AT_ONCE):
            few = ways[at : at + AT_ONCE]
            for way in few:
                programs[way.name].leak()
            some = {way.name: pids[way.name] for way in few}
            for one in EVIDENCES:
                after = sweep(folder, sshd, some, one, others=others)
                found |= {
                    (way.name, one): Leak(way, programs[way.name].pid, before[one], after) for way in few
                }
            for way in few:
                programs[way.name].stop()
        yield found


@pytest.fixture(params=EVIDENCES)
def evidence(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=WAYS, ids=lambda way: way.name)
def leak(request: pytest.FixtureRequest, evidence: str, leaks: Mapping[tuple[str, str], Leak]) -> Leak:
    way: Way = request.param
    if why := missing(way):
        pytest.skip(why)
    return leaks[way.name, evidence]


def test_the_process_is_the_first_of_its_host(leak: Leak) -> None:
    rows = leak.after.processes[leak.way.name]
    assert len(rows) == 3
    first = max(rows, key=lambda pid: rows[pid].get(leak.way.measure, 0))
    assert first == leak.pid
    if leak.way.measure == NATIVE:
        assert leak.after.largest[leak.way.name] == leak.pid


def test_the_amount_is_what_was_leaked(leak: Leak) -> None:
    assert abs(leak.grown(leak.way.measure) - LEAK_BYTES) < WITHIN


def test_it_is_of_the_kind_that_it_is_and_of_no_other(leak: Leak) -> None:
    grown = leak.kinds()
    of_leak = sum(grown.get(kind, 0) for kind in leak.way.kinds)
    assert of_leak > LEAK_BYTES - WITHIN, grown
    assert all(size < WITHIN for kind, size in grown.items() if kind not in leak.way.kinds), grown
    if leak.way.measure != NATIVE:
        assert leak.grown(NATIVE) < WITHIN


BROKEN: Final = [way for way in WAYS if way.breaks]


@pytest.mark.parametrize("way", BROKEN, ids=lambda way: way.name)
def test_without_its_rules_the_leak_is_not_found(
    way: Way, evidence: str, leaks: Mapping[tuple[str, str], Leak]
) -> None:
    """So these tests fail if labels go wrong."""
    if why := missing(way):
        pytest.skip(why)
    leak = leaks[way.name, evidence]
    snapshot = leak.snapshot()
    kinds = {Kind[kind.upper()] for kind in way.kinds}
    assert _sum_bytes(snapshot, leak.pid, kinds) > LEAK_BYTES - WITHIN
    without = [labeller for labeller in LABELLERS if labeller.name not in way.breaks]
    assert len(without) == len(LABELLERS) - len(way.breaks)
    assert _sum_bytes(snapshot, leak.pid, kinds, without) < LEAK_BYTES - WITHIN


def _sum_bytes(
    snapshot: Snapshot, pid: int, kinds: set[Kind], labellers: Sequence[Labeller] = LABELLERS
) -> int:
    """The accessible bytes of these kinds in one process."""
    sums = footprints(snapshot, classify(snapshot, labellers=labellers))
    own = (snapshot.processes.pid[sums.process] == pid) & np.isin(sums.kind, list(kinds))
    return int(sums.committed_bytes[own].sum())
