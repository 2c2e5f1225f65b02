"""What is told of JVMs and of V8, at the limits."""

from collections.abc import Mapping

import pytest

from procmaps.findings import Finding, Severity, find
from procmaps.footprint import footprints
from procmaps.kinds import Kind
from procmaps.read import read
from procmaps.tables import UNLIMITED, Snapshot
from tests.procmaps.findings.made import MIB, codes, found, known, process, status
from tests.procmaps.test_footprint import parts_of
from tests.strategies import NONCE, Vma, closing, record

GIB = 2**30
HEAP = Vma(2**36, 2**36 + 512 * MIB)
REST = Vma(2**40, 2**40 + 64 * MIB)


def jvm(*argv: bytes) -> dict[str, bytes]:
    """The command line of a JVM."""
    return {"cmdline": b"\0".join((b"java", *argv, b"-jar", b"shop.jar", b""))}


def of(kind: Kind, size_bytes: int, argv: Mapping[str, bytes]) -> list[tuple[str, Severity]]:
    """What is found of one writable block of a kind."""
    return codes(found(process([Vma(2**40, 2**40 + size_bytes)], status(2**21), files=argv), kind))


def test_large_metaspace() -> None:
    assert of(Kind.JAVA_METASPACE, 256 * MIB, jvm()) == [("metaspace", Severity.INFO)]
    assert of(Kind.JAVA_METASPACE, 256 * MIB - 4096, jvm()) == []
    assert of(Kind.JAVA_METASPACE, 270 * MIB, jvm(b"-XX:MaxMetaspaceSize=300m")) == [
        ("metaspace", Severity.WARNING)
    ]
    assert of(Kind.JAVA_METASPACE, 269 * MIB, jvm(b"-XX:MaxMetaspaceSize=300m")) == [
        ("metaspace", Severity.INFO)
    ]


def test_a_full_code_cache() -> None:
    assert of(Kind.JAVA_CODE, 16 * MIB, jvm()) == [("code_cache", Severity.WARNING)]
    assert of(Kind.JAVA_CODE, 16 * MIB - 4096, jvm()) == []
    assert of(Kind.JAVA_CODE, 216 * MIB, jvm(b"-XX:ReservedCodeCacheSize=240m")) == [
        ("code_cache", Severity.WARNING)
    ]
    assert of(Kind.JAVA_CODE, 215 * MIB, jvm(b"-XX:ReservedCodeCacheSize=240m")) == []
    from_start = jvm(b"-XX:ReservedCodeCacheSize=240m", b"-XX:InitialCodeCacheSize=240m")
    assert of(Kind.JAVA_CODE, 240 * MIB, from_start) == []


def buffers(count: int, unit_mib: int, argv: Mapping[str, bytes]) -> list[Finding]:
    """A JVM with so many chunks, each apart."""
    size = unit_mib * MIB + 4096
    table = [Vma(2**40 + at * 2 * size, 2**40 + at * 2 * size + size) for at in range(count)]
    one = process([HEAP, *table], status(2**22), files=argv)
    parts = parts_of(one, [Kind.JAVA_HEAP] + [Kind.HEAP_MMAP] * count)
    return [each for each in find(one, parts, footprints(one, parts)) if each.code == "direct_buffers"]


def test_direct_buffers() -> None:
    (finding,) = buffers(8, 16, jvm())
    assert (finding.severity, finding.kind, finding.concerns_bytes) == (
        Severity.INFO,
        "heap_mmap",
        8 * (16 * MIB + 4096),
    )
    assert finding.evidence == (
        "8 chunks of 16.0 MiB have 128 MiB, at most 128 MiB resident; -XX:MaxDirectMemorySize is not given."
    )
    assert buffers(7, 16, jvm()) == buffers(7, 32, jvm()) == []
    assert buffers(60, 3, jvm()) == []
    assert [each.severity for each in buffers(64, 16, jvm())] == [Severity.WARNING]
    (bounded,) = buffers(64, 16, jvm(b"-XX:MaxDirectMemorySize=2g"))
    assert (bounded.severity, "-XX:MaxDirectMemorySize is 2.0 GiB." in bounded.evidence) == (
        Severity.INFO,
        True,
    )


def test_equal_chunks_of_another_program_are_none_of_a_jvm() -> None:
    size = 16 * MIB + 4096
    table = [Vma(2**40 + at * 2 * size, 2**40 + at * 2 * size + size) for at in range(20)]
    assert found(process(table, status(2**22)), Kind.HEAP_MMAP) == []


def host(*paths: bytes, limits: bytes = b"", ram_kb: int = 8 * 2**20, beside_kb: int = 65536) -> Snapshot:
    """JVMs in these cgroups, each with a heap of 512 MiB, of which nothing is written, and so much beside."""
    memory, identity = b"", b""
    for pid, path in enumerate(paths, start=1):
        memory += record("status", pid, status(beside_kb + 512 * 1024))
        memory += record("maps", pid, HEAP.line() + REST.line())
        identity += record("cmdline", pid, jvm(b"-Xmx512m")["cmdline"]) + record("cgroup", pid, path)
    memory += record("meminfo", 0, b"MemTotal: %d kB\n" % ram_kb) + record("cgroup-memory", 0, limits)
    return read(memory + closing(len(paths)), identity, NONCE)


def above(one: Snapshot) -> list[Finding]:
    """What is found of JVMs whose heap can be too large."""
    parts = parts_of(one, [Kind.JAVA_HEAP, Kind.HEAP_MMAP] * len(one.processes))
    return [each for each in find(one, parts, footprints(one, parts)) if each.code == "heap_above_limit"]


def limit(path: bytes, mib: int) -> bytes:
    return b"%s\t%d\t0\n" % (path, mib << 20)


def test_a_heap_that_cannot_fill_within_its_limit() -> None:
    assert above(host(b"0::/a\n", limits=limit(b"/a", 576))) == []
    (finding,) = above(host(b"0::/a\n", limits=limit(b"/a", 575)))
    assert (finding.severity, finding.kind, finding.concerns_bytes) == (Severity.WARNING, "java_heap", MIB)
    assert finding.evidence == (
        "The Java heap can grow to 512 MiB, at least 64.0 MiB are held beside it, and the limit of its "
        "cgroup is 575 MiB: 1.0 MiB too much."
    )


@pytest.mark.parametrize(
    "cgroup",
    [
        b"0::/pod/a\n",
        b"4:memory:/pod/a\n0::/\n",
        b"4:cpu,memory:/pod/a\n",
        b"3:cpu:/free\n4:memory,cpu:/pod/a\n",
    ],
)
def test_the_smallest_limit_of_the_cgroups_above_counts_in_either_version(cgroup: bytes) -> None:
    wide, narrow = limit(b"/pod/a", 4096), limit(b"/pod", 575)
    assert above(host(cgroup, limits=wide)) == []
    assert len(above(host(cgroup, limits=wide + narrow))) == 1
    assert len(above(host(cgroup, limits=narrow + b"/pod/a\tmax\t0\n"))) == 1


def test_limits_of_other_controllers_are_none_of_memory() -> None:
    assert above(host(b"3:cpu:/a\n", limits=limit(b"/a", 100))) == []


def test_jvms_of_one_cgroup_are_added_up_and_told_once() -> None:
    both = limit(b"/a", 1152)
    assert above(host(b"0::/a\n", b"0::/a\n", limits=both)) == []
    (finding,) = above(host(b"0::/a\n", b"0::/a\n", limits=limit(b"/a", 1151)))
    assert finding.evidence.startswith("The heaps of 2 JVMs can grow to 1.0 GiB, at least 128 MiB ")
    assert above(host(b"0::/a\n", b"0::/b\n", limits=limit(b"/a", 576) + limit(b"/b", 576))) == []


def test_without_a_limit_the_largest_heap_is_held_against_the_host() -> None:
    assert above(host(b"0::/\n", ram_kb=576 * 1024)) == []
    (finding,) = above(host(b"0::/\n", ram_kb=575 * 1024))
    assert "and the host has 575 MiB: 1.0 MiB too much." in finding.evidence
    # others count with what they hold, not with what they could
    assert above(host(b"0::/\n", b"0::/\n", ram_kb=(512 + 64 + 576) * 1024)) == []
    assert above(host(b"0::/\n", ram_kb=0)) == []


def test_a_heap_whose_largest_size_is_not_known_is_not_judged() -> None:
    tight = {"cgroup": b"0::/a\n", "cgroup-memory": limit(b"/a", 100)}
    judged = known("recorded/jvm-small", changed=tight)
    other = known("recorded/jvm-small", changed=tight | jvm(b"-Xmx2g"))  # but 600 MiB are reserved
    assert [finding.code for finding in judged].count("heap_above_limit") == 1
    assert "heap_above_limit" not in [finding.code for finding in other]
    z_heap = known("cases/jvm21-zgc-generational", changed=tight | jvm(b"-XX:+UseZGC"))
    assert "heap_above_limit" not in [finding.code for finding in z_heap]


def test_a_heap_larger_than_what_is_reserved_is_not_believed() -> None:
    tight = {"cgroup": b"0::/a\n", "cgroup-memory": limit(b"/a", 100)}
    absurd = known("cases/jvm21-zgc-generational", changed=tight | jvm(b"-XX:+UseZGC", b"-Xmx8388607t"))
    assert "heap_above_limit" not in [finding.code for finding in absurd]


def test_figures_stay_within_the_64_bits_of_a_table() -> None:
    paths = [b"0::/a\n"] * 80
    (finding,) = above(host(*paths, limits=limit(b"/a", 1), beside_kb=2**47 - 2**20))
    assert finding.concerns_bytes == UNLIMITED


def test_the_default_heap_is_told_only_where_nobody_set_it() -> None:
    small = {"cgroup": b"0::/a\n", "cgroup-memory": limit(b"/a", 2048)}
    assert "heap_default" in [f.code for f in known("recorded/jvm-default", changed=small)]
    for other in (
        {"cgroup-memory": limit(b"/a", 2100)},  # it is no quarter of it
        jvm(b"-XX:MaxRAMPercentage=25"),
        {"cgroup": b"0::/\n"},
    ):
        assert "heap_default" not in [f.code for f in known("recorded/jvm-default", changed=small | other)]


def test_native_heap_beside_v8_needs_smaps() -> None:
    assert "native_beside_v8" in [finding.code for finding in known("recorded/node-buffers")]
    assert "native_beside_v8" not in [finding.code for finding in known("recorded/node-buffers", "maps")]
