"""Recorded processes laid out as hosts: a /proc tree each, packed so that equal trees give equal bytes."""

import hashlib
import io
import lzma
import re
import tarfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

KB = 1024
KERNEL = "6.18.9-amd64"  # of the series that the processes were recorded on
BOOTED_S = 1_790_000_000
UP_S = 1_210_000
OS_RELEASE = 'PRETTY_NAME="Debian GNU/Linux {0}"\nNAME="Debian GNU/Linux"\nVERSION_ID="{0}"\nID=debian\n'


@dataclass(frozen=True, slots=True)
class Recording:
    """What /proc said of one process."""

    files: Mapping[str, bytes]  # by their name in /proc/PID

    def resident_kb(self, field: bytes) -> int:
        """One of the Rss lines of status; 0 where there is none."""
        found = re.search(rb"^" + field + rb":\s+(\d+) kB", self.files["status"], re.MULTILINE)
        return int(found[1]) if found else 0


@dataclass(frozen=True, slots=True)
class Process:
    """A recording's place on a host."""

    pid: int
    recording: str
    cgroup: str  # the path, as /proc/PID/cgroup has it after "0::"
    parent_pid: int = 1


@dataclass(frozen=True, slots=True)
class DemoHost:
    """A host of recorded processes."""

    name: str
    processes: tuple[Process, ...]
    memory_kb: int
    cores: int = 8
    debian: int = 12
    memory_max: Mapping[str, int] | None = None  # bytes by cgroup path; others have no limit


def renumbered(recording: Recording, process: Process) -> dict[str, bytes]:
    """The files with the layout's pids in place of those that the process had when it was recorded."""
    pid, parent = str(process.pid).encode(), str(process.parent_pid).encode()
    files = dict(recording.files)
    old = re.search(rb"^Pid:\t(\d+)", files["status"], re.MULTILINE)
    was = old[1] if old else pid
    status = re.sub(rb"(?m)^(Tgid|Pid|NStgid|NSpid|NSpgid|NSsid):\t.*$", rb"\1:\t" + pid, files["status"])
    files["status"] = re.sub(rb"(?m)^PPid:\t.*$", b"PPid:\t" + parent, status)
    # stat: pid (comm) state ppid pgrp session ...; comm may hold spaces and brackets, so cut after the last
    head, _, tail = files["stat"].rpartition(b") ")
    fields = tail.split(b" ")
    fields[1:4] = [parent, pid, pid]
    files["stat"] = pid + head[head.index(b" (") :] + b") " + b" ".join(fields)
    for name in (
        "maps",
        "smaps",
    ):  # the JVM's hsperfdata file and PostgreSQL's segments are named after the pid
        files[name] = files[name].replace(b"/" + was + b"\n", b"/" + pid + b"\n")
    files["cgroup"] = f"0::{process.cgroup}\n".encode()
    return files


def meminfo(host: DemoHost, recordings: Sequence[Recording]) -> str:
    """A meminfo that adds up: anonymous and shared memory are the processes', the rest usual shares."""
    anonymous = sum(recording.resident_kb(b"RssAnon") for recording in recordings)
    shared = max((recording.resident_kb(b"RssShmem") for recording in recordings), default=0)
    mapped = max((recording.resident_kb(b"RssFile") for recording in recordings), default=0)
    total = host.memory_kb
    cached, buffers, slab, tables = total // 6, total // 90, total // 60, anonymous // 380 + 2048
    stacks = 16 * 40 * len(recordings)
    free = total - anonymous - cached - shared - buffers - slab - tables - stacks
    if free < 0:
        raise SystemExit(f"{host.name}: {total} kB are too few for what runs on it")
    lines = {
        "MemTotal": total,
        "MemFree": free,
        "MemAvailable": free + cached,
        "Buffers": buffers,
        "Cached": cached + shared,
        "SwapCached": 0,
        "SwapTotal": 0,
        "SwapFree": 0,
        "AnonPages": anonymous,
        "Mapped": mapped + shared,
        "Shmem": shared,
        "Slab": slab,
        "SReclaimable": slab * 2 // 3,
        "SUnreclaim": slab - slab * 2 // 3,
        "KernelStack": stacks,
        "PageTables": tables,
        "CommitLimit": total // 2,
        "Committed_AS": anonymous + shared,
        "AnonHugePages": 0,
        "Hugetlb": 0,
    }
    text = "".join(f"{name + ':':<16}{value:>8} kB\n" for name, value in lines.items())
    return text + "HugePages_Total:       0\nHugePages_Free:        0\nHugepagesize:       2048 kB\n"


def facts(host: DemoHost, recordings: Mapping[str, Recording]) -> dict[str, bytes]:
    """What a host says of itself, outside its processes."""
    here = [recordings[process.recording] for process in host.processes]
    names = "".join(f"cpu{core} 1 0 1 1 0 0 0 0 0 0\n" for core in range(host.cores))
    boot_id = uuid.UUID(bytes=hashlib.sha256(host.name.encode()).digest()[:16])
    texts = {
        "proc/meminfo": meminfo(host, here),
        "proc/stat": f"cpu  1 0 1 1 0 0 0 0 0 0\n{names}btime {BOOTED_S}\nprocesses 90210\n",
        "proc/uptime": f"{UP_S}.00 {UP_S * host.cores}.00\n",
        "proc/sys/kernel/osrelease": f"{KERNEL}\n",
        "proc/sys/kernel/arch": "x86_64\n",
        "proc/sys/kernel/random/boot_id": f"{boot_id}\n",
        "proc/sys/vm/overcommit_memory": "0\n",
        "proc/sys/vm/max_map_count": "65530\n",
        "sys/kernel/mm/transparent_hugepage/enabled": "always [madvise] never\n",
        "etc/os-release": OS_RELEASE.format(host.debian),
    }
    for path in sorted({process.cgroup for process in host.processes}):
        limit = (host.memory_max or {}).get(path)
        used_kb = sum(
            recordings[process.recording].resident_kb(b"RssAnon")
            for process in host.processes
            if process.cgroup == path
        )
        texts[f"sys/fs/cgroup{path}/memory.max"] = f"{limit or 'max'}\n"
        texts[f"sys/fs/cgroup{path}/memory.current"] = f"{used_kb * KB}\n"
    return {path: text.encode() for path, text in texts.items()}


def trees(hosts: Sequence[DemoHost], recordings: Mapping[str, Recording]) -> dict[str, bytes]:
    """The files of all hosts by their path, a folder each."""
    files = {}
    for host in hosts:
        for path, content in facts(host, recordings).items():
            files[f"{host.name}/{path}"] = content
        for process in host.processes:
            for name, content in renumbered(recordings[process.recording], process).items():
                files[f"{host.name}/proc/{process.pid}/{name}"] = content
    return files


def pack(files: Mapping[str, bytes], out: Path) -> None:
    """A tar in xz; no clock, no owner and no order of a folder goes into it."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content in sorted(files.items()):
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(lzma.compress(plain.getvalue(), preset=9 | lzma.PRESET_EXTREME))
