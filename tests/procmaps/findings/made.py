"""Processes for findings: made ones, of which every mapping is of one kind, and recorded ones.

`recorded.tar.xz` has small programs that were made to have one finding each, or to look alike, read on Linux
6.18 with two cores: C programs of threads and mappings, JVMs of JDK 17, Node.js 20, Python 3.11. Only the
paths of the programs are changed.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from procmaps.classify import classify
from procmaps.findings import Finding, Severity, find
from procmaps.footprint import footprints
from procmaps.kinds import Kind
from procmaps.read import read_process
from procmaps.tables import UNKNOWN, Evidence, Snapshot
from tests.procmaps.test_footprint import parts_of
from tests.strategies import Vma
from tests.truth.cases import Case, cases, members

MIB = 2**20
RECORDED = "recorded"
OLDER_KERNEL = {"osrelease": b"5.15.0-91\n", "thp": b"[always] madvise never\n"}


def process(
    table: list[Vma],
    status: bytes = b"",
    max_map_count: int = UNKNOWN,
    cores: int = UNKNOWN,
    files: Mapping[str, bytes] | None = None,
) -> Snapshot:
    """A process with these mappings and files."""
    maps = b"".join(vma.line() for vma in table)
    snapshot = read_process({"maps": maps, "status": status, "comm": b"shop\n"} | dict(files or {}), 4711)
    return replace(snapshot, facts=replace(snapshot.facts, max_map_count=max_map_count, cores=cores))


def found(snapshot: Snapshot, kind: Kind, blocks_: list[int] | None = None) -> list[Finding]:
    """What is found of a process whose mappings are all of one kind."""
    parts = parts_of(snapshot, [kind] * len(snapshot.maps), blocks_)
    return find(snapshot, parts, footprints(snapshot, parts))


def blocks(count: int, size_bytes: int) -> list[Vma]:
    """Writable blocks that do not touch."""
    return [
        Vma(2**32 + row * 2 * size_bytes, 2**32 + row * 2 * size_bytes + size_bytes) for row in range(count)
    ]


def heaps(*written_mib: float) -> tuple[list[Vma], list[int]]:
    """Heaps of 64 MiB of which so much is writable, and the block that each mapping belongs to."""
    table: list[Vma] = []
    block: list[int] = []
    for number, mib in enumerate(written_mib):
        start = 2**40 + number * 128 * MIB
        edge = start + int(mib * MIB)
        block += [len(table)] * (1 if edge == start + 64 * MIB else 2)
        table.append(Vma(start, edge))
        if edge < start + 64 * MIB:
            table.append(Vma(edge, start + 64 * MIB, b"---p"))
    return table, block


def status(rss_kb: int, **others: int) -> bytes:
    """A status with these sizes in KiB."""
    lines = {"VmRSS": rss_kb, "RssAnon": rss_kb} | others
    return "".join(f"{name}:\t{value} kB\n" for name, value in lines.items()).encode()


def codes(findings: list[Finding]) -> list[tuple[str, Severity]]:
    """The codes of findings, and how severe they are."""
    return [(finding.code, finding.severity) for finding in findings]


@cache
def recorded() -> Mapping[str, Mapping[str, bytes]]:
    """The recorded programs: files by name."""
    files: dict[str, dict[str, bytes]] = defaultdict(dict)
    for path, content in members(RECORDED, Path(__file__).parent).items():
        name, _, file = path.partition("/")
        files[name][file] = content
    return files


def known(where: str, evidence: str = "smaps", changed: Mapping[str, bytes] | None = None) -> list[Finding]:
    """What is found of a known process, `SET/NAME`; `changed` are files in place of its own."""
    set_name, _, name = where.partition("/")
    sent = _case(set_name, name).shown_by(evidence)
    assert sent is not None
    return of_files(sent | dict(changed or {}))


def of_files(files: Mapping[str, bytes]) -> list[Finding]:
    """What is found of a process with these files."""
    snapshot = read_process(files, 4711, Evidence.SMAPS)
    parts = classify(snapshot)
    return find(snapshot, parts, footprints(snapshot, parts))


def _case(set_name: str, name: str) -> Case:
    if set_name == RECORDED:
        return Case(name, recorded()[name], ())
    return next(case for case in cases(set_name) if case.name == name)
