"""Small runs and dumps, written out by hand as a host would send them."""

import gzip
from datetime import UTC, datetime, timedelta

from archive.results import Result
from archive.run import Run
from archive.run_ids import new_run_id
from domain.records import Connection, Dump, Host, HostRecord, Limits, Manifest, Scope
from tests.sshd import PATIENT

NONCE = "0123456789abcdef0123456789abcdef"
SIGNING_KEY = b"a key for tests, of at least 32 bytes"
STARTED = datetime(2026, 11, 23, 4, 58, 37, tzinfo=UTC)

MAPS = """\
00400000-00452000 r-xp 00000000 08:01 173521 /usr/bin/example
00651000-00652000 r--p 00051000 08:01 173521 /usr/bin/example
00652000-00655000 rw-p 00052000 08:01 173521 /usr/bin/example
00e03000-{heap_end:08x} rw-p 00000000 00:00 0 [heap]
7f0000000000-7f0000021000 rw-p 00000000 00:00 0
7f0000021000-7f0004000000 ---p 00000000 00:00 0
7ffc0c5d0000-7ffc0c5f1000 rw-p 00000000 00:00 0 [stack]
"""
STATUS = """\
Name:\texample
Pid:\t{pid}
PPid:\t1
Uid:\t1000\t1000\t1000\t1000
VmSize:\t   70000 kB
VmRSS:\t    9000 kB
RssAnon:\t    8000 kB
RssFile:\t    1000 kB
RssShmem:\t       0 kB
VmData:\t   66000 kB
VmStk:\t     132 kB
VmSwap:\t       0 kB
Threads:\t2
"""
STAT = (
    "{pid} (example) S 1 1 1 0 -1 4194560 1 0 0 0 1 1 0 0 20 0 2 0 {ticks} 71680000 2250 18446744073709551615"
)


def is_rendered(run: Run) -> bool:
    """Whether the report is there, whole: its page is written last."""
    return run.store.exists("report/index.html")


def _records(*records: tuple[str, int, str]) -> bytes:
    body = f"{NONCE} begin 1\n" + "".join(f"\n{NONCE} {kind} {pid}\n{text}" for kind, pid, text in records)
    return (body + "\n").encode()


def dump(host: str, processes: int = 3, seed: int = 0) -> Dump:
    """What a host with a few processes of one service sends."""
    pids = (1, *range(101, 100 + processes))  # every host has a process 1
    memory: list[tuple[str, int, str]] = []
    for at, pid in enumerate(pids):
        memory += [
            ("status", pid, STATUS.format(pid=pid)),
            ("stat", pid, STAT.format(pid=pid, ticks=pid * 10)),
            ("maps", pid, MAPS.format(heap_end=0xE24000 + (at + seed) * 0x100000)),
        ]
    memory += [
        ("meminfo", 0, "MemTotal:        8000000 kB\nMemFree:         4000000 kB\n"),
        ("osrelease", 0, "6.1.0-test\n"),
        ("procstat", 0, "cpu0\ncpu1\nbtime 1795000000\n"),
        ("page", 0, "4096\n"),
        ("end", 0, f"listed={processes} sent={processes} kernel=0 denied=0 vanished=0\n"),
    ]
    identity = [
        (kind, pid, text) for pid in pids for kind, text in (("comm", "example\n"), ("cmdline", "example\0"))
    ]
    identity.append(("end", 0, f"sent={processes}\n"))
    return Dump(
        host=host,
        nonce=NONCE,
        memory=gzip.compress(_records(*memory), 1, mtime=0),
        identity=gzip.compress(_records(*identity), 1, mtime=0),
        at="2026-11-23T04:58:40+00:00",
        elapsed_s=0.5,
    )


def host(name: str, port: int = 22, connection: Connection = Connection.LOCAL, root: str = "") -> Host:
    """A host on this machine, so that nothing has to listen; one that is asked has a made `root`."""
    return Host(name, "127.0.0.1", port=port, connection=connection, root=root)


def manifest(
    *names: str, name: str = "adhoc", hours: float = 1, keep_dumps: bool = True, rules_version: str = "1"
) -> Manifest:
    """A run that asks these hosts and has an hour to do so."""
    now = datetime.now(UTC)
    return Manifest(
        run_id=new_run_id(now, name),
        scope=Scope(name, "all"),
        limits=Limits(**PATIENT, concurrency=4),  # type: ignore[arg-type]  # PATIENT is of seconds
        hosts=tuple(host(each) for each in names),
        started_at=now.isoformat(timespec="seconds"),
        deadline_at=(now + timedelta(hours=hours)).isoformat(timespec="seconds"),
        tool_version="0",
        rules_version=rules_version,
        keep_dumps=keep_dumps,
    )


def result(host_name: str, **sections: bytes) -> Result:
    """A result of these sections."""
    return Result(host_record(host_name), sections)


def host_record(host_name: str, rules_version: str = "1") -> HostRecord:
    """The record of a host that answered."""
    return HostRecord(
        host=host_name,
        at="2026-11-23T04:58:40+00:00",
        elapsed_s=0.5,
        attempt=1,
        complete=True,
        problem="",
        listed=1,
        sent=1,
        kernel_threads=0,
        denied=0,
        vanished=0,
        kernel="6.1.0",
        os_name="Debian",
        cores=2,
        page_bytes=4096,
        boot_id="b",
        clock_s=1.5,
        mem_total_bytes=8 << 30,
        meminfo_bytes={"MemTotal": 8 << 30},
        overcommit_memory=0,
        max_map_count=65530,
        thp_mode="madvise",
        rules_version=rules_version,
        notes=("one",),
    )
