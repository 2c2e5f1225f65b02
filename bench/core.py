"""The core against gunzip: parse, classify and footprints of a host of real, recorded processes."""

import re
import tempfile
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from random import Random

from archive.records import Dump, Host, Limits
from bench.measure import Figure, interleave
from collector import local
from collector.session import Session
from mapsweep.demo import unpack
from procmaps.classify import classify
from procmaps.footprint import footprints
from procmaps.read import read
from procmaps.tables import Evidence
from tests.truth.cases import cases

ROUNDS = 25
MAPPINGS = 20_000
JVM_EVERY = 20
FIRST_PID = 1000


@dataclass(frozen=True, slots=True)
class Sent:
    """A dump as a host sends it, and its parts unpacked."""

    nonce: bytes
    gz: tuple[bytes, bytes]  # memory and identity
    memory: bytes
    identity: bytes

    @property
    def mappings(self) -> int:
        """Lines of maps in it."""
        return len(re.findall(rb"^[0-9a-f]{8,16}-", self.memory, re.MULTILINE))


def figures() -> Iterator[Figure]:
    """Ratios of CPU seconds; the work of the core is timed without the inflating."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        copies = _crowd(root)
        maps, smaps = _probe(root, Evidence.MAPS), _probe(root, Evidence.SMAPS)
    yield Figure("core_mappings", maps.mappings, "mappings")
    yield Figure("core_processes", copies, "processes")
    runs = interleave([_core(maps), _gunzip(maps)], ROUNDS)
    yield Figure("core_vs_gunzip", runs.ratio(0, 1), "ratio", 4.0)
    yield Figure("core_cpu", runs.median_s(0) * 1e3, "ms")
    runs = interleave([_core(smaps), _gunzip(smaps)], ROUNDS)
    yield Figure("core_smaps_vs_gunzip", runs.ratio(0, 1), "ratio", 4.0)
    yield Figure("core_peak_vs_text", _peak(maps), "ratio", 12.0)


def _crowd(root: Path) -> int:
    """Recorded processes laid out as one host, in a mixed order, again under other pids up to MAPPINGS.

    One in JVM_EVERY is a JVM, as on a host that runs a few services beside all else.
    """
    processes = _recorded()
    Random(0).shuffle(processes)  # the same order each time
    jvms = cycle([files for files in processes if b"/libjvm.so" in files["maps"]])
    others = cycle([files for files in processes if b"/libjvm.so" not in files["maps"]])
    mappings = count = 0
    while mappings < MAPPINGS:
        files = next(others) if count % JVM_EVERY else next(jvms)
        target = root / "proc" / str(FIRST_PID + count)
        target.mkdir(parents=True)
        for name, content in files.items():
            (target / name).write_bytes(content)
        mappings += files["maps"].count(b"\n")
        count += 1
    return count


def _recorded() -> list[dict[str, bytes]]:
    """The files of every real process that the project keeps: the demo fleet's, and those of known memory."""
    with tempfile.TemporaryDirectory() as folder:
        unpack(Path(folder))
        fleet = [
            {file.name: file.read_bytes() for file in status.parent.iterdir() if file.is_file()}
            for status in sorted(Path(folder).glob("*/proc/[0-9]*/status"))
        ]
    return fleet + [dict(case.files) for case in cases()]


def _probe(root: Path, evidence: Evidence) -> Sent:
    """What the real probe sends of that host."""
    limits = Limits(smaps_resident_bytes=2**50)
    dump = local.collect(Host("crowd", "127.0.0.1", root=str(root)), Session(limits, evidence))
    if not isinstance(dump, Dump):
        raise SystemExit(dump)
    gz = dump.memory_gz, dump.identity_gz
    memory, identity = (zlib.decompress(part, wbits=31) for part in gz)
    return Sent(dump.nonce.encode(), gz, memory, identity)


def _core(sent: Sent) -> Callable[[], object]:
    def run() -> object:
        snapshot = read(sent.memory, sent.identity, sent.nonce)
        return footprints(snapshot, classify(snapshot))

    return run


def _gunzip(sent: Sent) -> Callable[[], object]:
    return lambda: [zlib.decompress(part, wbits=31) for part in sent.gz]


def _peak(sent: Sent) -> float:
    """Most memory that the core holds at once, NumPy's arrays included, in multiples of the text."""
    run = _core(sent)
    run()
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / len(sent.memory)
