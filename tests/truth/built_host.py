"""The parts of which hosts are built that show an edge (`built.py`), and the form of one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from procmaps.tables import Evidence
from tests.procmaps.rules.labelled import anon, read
from tests.truth.hosts import OWN_KERNEL, Host, View
from tests.truth.orders import Pair

PAGE: Final = 4096
KIB: Final = 2**10
MIB: Final = 2**20
GIB: Final = 2**30
AT: Final = 0x7FFF_0000_0000 - 0x100_0000_0000  # in the mmap area, on a boundary of heaps of arenas
DEFAULT_STACK: Final = 8 * MIB


@dataclass(frozen=True, slots=True)
class Built:
    """One process, and how it comes about."""

    mechanism: str
    maps: str
    flags: Mapping[int, str] | None = None  # of smaps, by the start of a mapping; None: maps alone
    threads: int = 1
    anonymous_kib: int = 400_000
    kernel: str = "6.1.0"

    def host(self, pair: Pair) -> Host:
        """A host with this process alone."""
        snapshot = read(
            self.maps if self.flags is None else "",
            smaps="" if self.flags is None else _smaps(self.maps, self.flags),
            threads=self.threads,
            rss_anon_kb=self.anonymous_kib,
            stack_limit=DEFAULT_STACK,
        )
        evidence = Evidence.MAPS if self.flags is None else Evidence.SMAPS
        view = View(0, "built", "-".join(pair), evidence.name.lower(), OWN_KERNEL)
        facts = replace(snapshot.facts, kernel=self.kernel)
        return Host((view,), replace(snapshot, facts=facts), evidence)


def _smaps(maps: str, flags: Mapping[int, str]) -> str:
    """The same as smaps; all that can be written to is resident."""
    return "".join(f"{line}\n{_fields(line, flags)}" for line in maps.splitlines())


def _fields(line: str, flags: Mapping[int, str]) -> str:
    edges, perms, *_ = line.split(" ")
    start, end = (int(edge, 16) for edge in edges.split("-"))
    kib = (end - start) // KIB if perms.startswith("rw") else 0
    own = flags.get(start, "rd wr mr mw me ac" if kib else "mr mw me")
    return f"Size: {(end - start) // KIB} kB\nRss: {kib} kB\nAnonymous: {kib} kB\nVmFlags: {own}\n"


def guarded_row(start: int, sizes: Iterable[int], guard: int = PAGE) -> str:
    """Writable memory of these sizes, each above a guard, upward without a gap, and a guard on top."""
    lines = ""
    for size in sizes:
        lines += anon(start, guard, "---p") + anon(start + guard, size)
        start += guard + size
    return lines + anon(start, guard, "---p")


def above_code(start: int, size: int, code: int) -> str:
    """Four times executable memory with a guard on top, and writable memory of this size right above."""
    return "".join(
        anon(at, code, "r-xp") + anon(at + code, PAGE, "---p") + anon(at + code + PAGE, size)
        for at in range(start, start + 4 * (code + PAGE + size), code + PAGE + size)
    )


def bodies(start: int, sizes: Iterable[int], guard: int = PAGE) -> list[int]:
    """Where the writable memory begins."""
    found = []
    for size in sizes:
        found.append(start + guard)
        start += guard + size
    return found
