"""The facts of a host, from the records with PID 0."""

from collections.abc import Mapping
from typing import Final

from procmaps.lines import KILO_BYTES, VALUE_LIMIT_BYTES
from procmaps.tables import UNKNOWN, UNLIMITED, HostFacts

USER_HZ: Final = 100  # clock ticks per second in /proc on all supported architectures except alpha
TEXT_LIMIT_BYTES: Final = 256
CGROUP_LIMIT_COUNT: Final = 20_000
MEMINFO_LIMIT_LINES: Final = 500
_NO_LIMIT_BYTES: Final = 2**60  # cgroup v1 writes "no limit" as a number near 2^63


def facts_of(records: Mapping[bytes, bytes]) -> HostFacts:
    """The facts in these records, by kind; missing or invalid ones are unknown."""
    meminfo = _meminfo(records.get(b"meminfo", b""))
    procstat = records.get(b"procstat", b"").split(b"\n")
    boot_time_s = next((_seconds(line[6:]) for line in procstat if line.startswith(b"btime ")), 0.0)
    uptime_s = _seconds(records.get(b"uptime", b"").partition(b" ")[0])
    limits, charged = _cgroup_memory(records.get(b"cgroup-memory", b""))
    return HostFacts(
        kernel=_text(records.get(b"osrelease", b"")),
        os_name=_os_name(records.get(b"os-release", b"")),
        boot_id=_text(records.get(b"boot_id", b"")),
        cores=sum(line[:3] == b"cpu" and line[3:].isdigit() for line in procstat) or UNKNOWN,
        page_bytes=_page_bytes(records.get(b"page", b"")),
        clock_ticks=USER_HZ,
        boot_time_s=boot_time_s,
        clock_s=boot_time_s + uptime_s if boot_time_s and uptime_s else 0.0,
        mem_total_bytes=meminfo.get("MemTotal", UNKNOWN),
        meminfo_bytes=meminfo,
        overcommit_memory=_number(records.get(b"overcommit", b"")),
        max_map_count=_number(records.get(b"max_map_count", b"")),
        thp_mode=_thp_mode(records.get(b"thp", b"")),
        cgroup_memory_max_bytes=limits,
        cgroup_memory_bytes=charged,
    )


def display(text: bytes) -> str:
    r"""Bytes as text; bytes that are not UTF-8 as \xNN. Outputs must escape control characters."""
    return text.decode("utf-8", "backslashreplace")


def _text(content: bytes) -> str:
    return display(content[:TEXT_LIMIT_BYTES].strip())


def _number(text: bytes) -> int:
    text = text.strip()
    return int(text) if text.isdigit() and len(text) <= 19 and int(text) < VALUE_LIMIT_BYTES else UNKNOWN


def _seconds(text: bytes) -> float:
    whole, _, part = text.strip().partition(b".")
    if not whole.isdigit() or len(whole) > 12:
        return 0.0
    return int(whole) + (int(part[:6]) / 10 ** len(part[:6]) if part.isdigit() else 0.0)


def _meminfo(content: bytes) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for line in content.split(b"\n", MEMINFO_LIMIT_LINES)[:MEMINFO_LIMIT_LINES]:
        name, colon, value = line.partition(b":")
        number, _, unit = value.strip().partition(b" ")
        size = _number(number)
        if colon and size != UNKNOWN and size < VALUE_LIMIT_BYTES // KILO_BYTES:
            # HugePages_* are counts and have no unit
            sizes.setdefault(_text(name), size * KILO_BYTES if unit == b"kB" else size)
    return sizes


def _os_name(content: bytes) -> str:
    names = dict(line.split(b"=", 1) for line in content.split(b"\n") if b"=" in line)
    return _text(names.get(b"PRETTY_NAME", names.get(b"NAME", b"")).strip(b"\"'"))


def _page_bytes(content: bytes) -> int:
    """From a `KernelPageSize: 4 kB` line of smaps, or a bare number of bytes."""
    _, colon, value = content.partition(b":")
    if not colon:
        return _number(content)
    number = _number(value.strip().removesuffix(b"kB"))
    return UNKNOWN if number == UNKNOWN else number * KILO_BYTES


def _thp_mode(content: bytes) -> str:
    """The mode in brackets, as in `always [madvise] never`."""
    mode = content.partition(b"[")[2].partition(b"]")[0]
    return mode.decode() if mode in (b"always", b"madvise", b"never") else ""


def _cgroup_memory(content: bytes) -> tuple[dict[str, int], dict[str, int]]:
    """Limit and charge in bytes by cgroup path, where known, from lines `PATH<TAB>MAX<TAB>CURRENT`."""
    limits: dict[str, int] = {}
    charged: dict[str, int] = {}
    for line in content.split(b"\n", CGROUP_LIMIT_COUNT)[:CGROUP_LIMIT_COUNT]:
        fields = line.rsplit(b"\t", 2)
        if len(fields) == 3:
            path = display(fields[0])
            limit = UNLIMITED if fields[1].strip() == b"max" else _limit(fields[1])
            if limit != UNKNOWN:
                limits[path] = limit
            if (current := _number(fields[2])) != UNKNOWN:
                charged[path] = current
    return limits, charged


def _limit(text: bytes) -> int:
    text = text.strip()
    if text.isdigit() and len(text) <= 20 and int(text) >= _NO_LIMIT_BYTES:
        return UNLIMITED
    return _number(text)
