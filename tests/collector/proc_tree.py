"""A recorded tree shaped like the root of a host: what the probe reads with root=."""

from collections.abc import Mapping
from pathlib import Path

STATUS = b"Name:\t%s\nPid:\t%d\nVmSize:\t  100 kB\nVmRSS:\t  %d kB\nRssAnon:\t  %d kB\nThreads:\t1\n"
ARGUMENTS = 0x7FFD00000000  # where the kernel puts them
MAPS = b"00400000-00401000 r-xp 00000000 08:01 42                                 /bin/x\n"


def add_process(
    root: Path,
    pid: int,
    *,
    name: bytes = b"x",
    cmdline: bytes = b"/bin/x\0-v\0",
    maps: bytes = MAPS,
    rss_kb: int = 40,
    anon_kb: int = 20,
    cgroup: bytes = b"0::/system.slice/x.service\n",
) -> Path:
    """One process with all files that are read."""
    folder = root / "proc" / str(pid)
    folder.mkdir(parents=True)
    files = {
        "status": STATUS % (name, pid, rss_kb, anon_kb),
        "stat": b"%d (%s) S 1%s %d %d 0 0 0\n" % (pid, name, b" 0" * 43, ARGUMENTS, ARGUMENTS + len(cmdline)),
        "limits": b"Limit\nMax stack size 8388608 unlimited bytes\n",
        "maps": maps,
        "smaps": maps + b"Rss:                   4 kB\n",
        "comm": name + b"\n",
        "cmdline": cmdline,
        "cgroup": cgroup,
    }
    write(folder, files)
    return folder


def add_kernel_thread(root: Path, pid: int) -> None:
    """No address space of its own."""
    write(
        root / "proc" / str(pid), {"status": b"Name:\tkthreadd\nPid:\t%d\nThreads:\t1\n" % pid, "maps": b""}
    )


def add_facts(root: Path) -> None:
    """What a host says of itself."""
    write(
        root,
        {
            "proc/meminfo": b"MemTotal:        1000 kB\n",
            "proc/uptime": b"100.00 200.00\n",
            "proc/stat": b"cpu  1 2\ncpu0 1 2\ncpu1 1 2\nintr 5 6\nbtime 1700000000\n",
            "proc/sys/vm/overcommit_memory": b"0\n",
            "proc/sys/vm/max_map_count": b"65530\n",
            "proc/sys/kernel/osrelease": b"6.1.0\n",
            "proc/sys/kernel/arch": b"riscv64\n",
            "proc/sys/kernel/random/boot_id": b"c0ffee\n",
            "sys/kernel/mm/transparent_hugepage/enabled": b"always [madvise] never\n",
            "sys/fs/cgroup/system.slice/memory.max": b"max\n",
            "sys/fs/cgroup/system.slice/memory.current": b"7000\n",
            "sys/fs/cgroup/system.slice/x.service/memory.max": b"4096\n",
            "sys/fs/cgroup/system.slice/x.service/memory.current": b"2048\n",
            "etc/os-release": b"ID=debian\n",
        },
    )


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Files by their path in a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
