"""Where the search begins: known processes, odd files, and whole hosts made of them."""

from dataclasses import dataclass
from functools import cache

from tests.strategies import NONCE, closing, record
from tests.truth.cases import Case, cases, edges

_BESIDE = ("status", "stat", "limits", "comm", "cmdline", "cgroup")
_HOST_RECORDS = {
    "meminfo": b"MemTotal:       16384000 kB\nHugepagesize:       2048 kB\n",
    "thp": b"always [madvise] never\n",
    "osrelease": b"6.18.0-generic\n",
    "page": b"KernelPageSize:        4 kB\n",
    "procstat": b"cpu0\ncpu1\nbtime 1700000000\n",
    "uptime": b"1000.00 2000.00\n",
    "cgroup-memory": b"/system.slice\t1073741824\t4096\n",
    "os-release": b'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n',
}
_OF_A_HOST = ("jvm17-g1-default", "go119-cgo", "c-stacks-243", "musl-dynamic")


@dataclass(frozen=True, slots=True)
class HostSeed:
    """The two parts of a host's stream."""

    memory: bytes
    identity: bytes


@cache
def process_seeds() -> tuple[dict[str, bytes], ...]:
    """The files of processes, with maps or smaps but not both."""
    seeds = []
    for case in cases():
        beside = {name: case.files[name] for name in _BESIDE if name in case.files}
        seeds += [beside | {name: case.files[name]} for name in ("maps", "smaps")]
        if "maps.decorated" in case.files:
            seeds.append(beside | {"maps": case.files["maps.decorated"]})
    seeds += [{name.rpartition(".")[2]: text} for name, text in edges().items() if name.endswith("maps")]
    return tuple(seeds)


@cache
def host_seeds() -> tuple[HostSeed, ...]:
    """A host with awk that sends maps, one that sends smaps, and one without awk."""
    known = tuple(case for case in cases() if case.name in _OF_A_HOST)
    return (_awk_host(known, "maps"), _awk_host(known[:2], "smaps"), _grep_host(known))


def _awk_host(known: tuple[Case, ...], evidence: str) -> HostSeed:
    memory = identity = b""
    for pid, case in enumerate(known, 100):
        memory += b"".join(
            record(kind, pid, case.files[kind]) for kind in ("status", "stat", "limits", evidence)
        )
        identity += b"".join(record(kind, pid, case.files[kind]) for kind in ("comm", "cmdline"))
        identity += record("cgroup", pid, b"0::/system.slice/a@%d.service\n" % pid)
    memory += record("status", 99, b"Name:\tother\nVmRSS:\t4 kB\n") + record("denied", 99, b"")
    memory += b"".join(record(kind, 0, content) for kind, content in _HOST_RECORDS.items())
    return HostSeed(
        memory + closing(len(known) + 1, 1), identity + record("end", 0, b"sent=%d\n" % len(known))
    )


def _grep_host(known: tuple[Case, ...]) -> HostSeed:
    """What grep prints, a kind of file a record."""

    def grepped(kind: str) -> bytes:
        lines = []
        for pid, case in enumerate(known, 100):
            lines += [
                b"/proc/%d/%s:%s\n" % (pid, kind.encode(), line) for line in case.files[kind].splitlines()
            ]
        return record("grep", 0, b"".join(lines))

    memory = b"".join(map(grepped, ("status", "stat", "limits", "maps")))
    memory += record("end", 0, b"listed=%d\n" % len(known))
    return HostSeed(memory, b"".join(map(grepped, ("comm", "cmdline"))) + record("end", 0, b""))


def host_nonce() -> bytes:
    """The nonce that the streams of the seeds carry."""
    return NONCE
