"""The core against gunzip: parse, classify and footprints of a host of real, recorded processes."""

import re
import tempfile
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from random import Random

from bench.measure import Figure, interleave
from collector import local
from collector.session import Session
from domain.records import Dump, Host, Limits
from mapsweep.demo.demo_fleet import unpack
from procmaps.classify import classify
from procmaps.footprint import footprints
from procmaps.read import read
from procmaps.tables import Evidence
from tests.truth.cases import cases

ROUNDS = 25
MAPPINGS = 20_000
JVM_EVERY = 20
FIRST_PID = 1000
MANY_MAPPINGS, FEW_MAPPINGS = 60_000, 200
PAGE_BYTES = 4096
LOWEST = 0x100000000000


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

    def unpacked(self) -> list[bytes]:
        """Both parts, unpacked again."""
        return [zlib.decompress(part, wbits=31) for part in self.gz]


def figures() -> Iterator[Figure]:
    """Ratios of CPU seconds; the work of the core is timed without the inflating."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        copies = crowd(root)
        maps, smaps = probe(root, Evidence.MAPS), probe(root, Evidence.SMAPS)
    yield Figure("core_mappings", maps.mappings, "mappings")
    yield Figure("core_processes", copies, "processes")
    runs = interleave([core(maps), maps.unpacked], ROUNDS)
    yield Figure("core_vs_gunzip", runs.ratio(0, 1), "ratio", 3.5)
    yield Figure("core_cpu", runs.median_s(0) * 1e3, "ms")
    runs = interleave([core(smaps), smaps.unpacked], ROUNDS)
    yield Figure("core_smaps_vs_gunzip", runs.ratio(0, 1), "ratio", 3.5)
    yield Figure("core_peak_vs_text", _peak(maps), "ratio", 12.0)
    one, many = _sixty_thousand()
    runs = interleave([core(one), core(many)], ROUNDS)
    per_mapping = runs.ratio(0, 1) * many.mappings / one.mappings
    yield Figure("core_60k_vs_200_per_mapping", per_mapping, "ratio", 1.1)


def _sixty_thousand() -> tuple[Sent, Sent]:
    """60,000 mappings of one process, near the kernel's limit of 65,530, and as many of processes of 200."""
    recorded = next(case.files for case in cases() if 50 < case.files["maps"].count(b"\n") < FEW_MAPPINGS)
    sent = []
    for each in (MANY_MAPPINGS, FEW_MAPPINGS):
        with tempfile.TemporaryDirectory() as folder:
            for pid in range(FIRST_PID, FIRST_PID + MANY_MAPPINGS // each):
                _write(Path(folder), pid, {**recorded, "maps": _grown(recorded["maps"], each)})
            sent.append(probe(Path(folder), Evidence.MAPS))
    return sent[0], sent[1]


def _grown(maps: bytes, count: int) -> bytes:
    """These maps with more pages below them, which differ in access, or the kernel would merge them."""
    lines = maps.splitlines(keepends=True)
    missing = count - len(lines)
    more = (
        b"%012x-%012x %s 00000000 00:00 0 \n" % (start, start + PAGE_BYTES, (b"rw-p", b"r--p")[page % 2])
        for page, start in enumerate(range(LOWEST, LOWEST + missing * PAGE_BYTES, PAGE_BYTES))
    )
    return b"".join((*more, *lines))


def crowd(root: Path, most: int = MAPPINGS) -> int:
    """Recorded processes laid out as one host, in a mixed order, again up to `most` mappings.

    One in JVM_EVERY is a JVM, as on a host that runs a few services beside all else.
    """
    processes = _recorded()
    Random(0).shuffle(processes)  # the same order each time
    jvms = cycle([files for files in processes if b"/libjvm.so" in files["maps"]])
    others = cycle([files for files in processes if b"/libjvm.so" not in files["maps"]])
    mappings = count = 0
    while mappings < most:
        files = next(others) if count % JVM_EVERY else next(jvms)
        _write(root, FIRST_PID + count, files)
        mappings += files["maps"].count(b"\n")
        count += 1
    return count


def _write(root: Path, pid: int, files: Mapping[str, bytes]) -> None:
    target = root / "proc" / str(pid)
    target.mkdir(parents=True)
    for name, content in files.items():
        (target / name).write_bytes(content)


def _recorded() -> list[dict[str, bytes]]:
    """The files of every real process that the project keeps: the demo fleet's, and those of known memory."""
    with tempfile.TemporaryDirectory() as folder:
        unpack(Path(folder))
        fleet = [
            {file.name: file.read_bytes() for file in status.parent.iterdir() if file.is_file()}
            for status in sorted(Path(folder).glob("*/proc/[0-9]*/status"))
        ]
    return fleet + [dict(case.files) for case in cases()]


def probe(root: Path, evidence: Evidence) -> Sent:
    """What the real probe sends of that host."""
    limits = Limits(smaps_resident_bytes=2**50)
    dump = local.collect(Host("crowd", "127.0.0.1", root=str(root)), Session(limits, evidence))
    if not isinstance(dump, Dump):
        raise SystemExit(dump)
    gz = dump.memory_gz, dump.identity_gz
    memory, identity = (zlib.decompress(part, wbits=31) for part in gz)
    return Sent(dump.nonce.encode(), gz, memory, identity)


def core(sent: Sent) -> Callable[[], object]:
    def run() -> object:
        snapshot = read(sent.memory, sent.identity, sent.nonce)
        return footprints(snapshot, classify(snapshot))

    return run


def _peak(sent: Sent) -> float:
    """Most memory that the core holds at once, NumPy's arrays included, in multiples of the text."""
    run = core(sent)
    run()
    tracemalloc.start()
    run()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / len(sent.memory)
