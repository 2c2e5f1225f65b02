import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from procmaps.read import DumpError, ReadLimits, read, read_process
from procmaps.tables import UNKNOWN, Evidence, Snapshot, Trouble
from tests.strategies import NONCE, Vma, closing, record, vmas
from tests.truth.cases import Case, cases

STATUS = b"Name:\tx\nVmSize:\t       8 kB\nThreads:\t1\n"


def process(pid: int, *table: Vma) -> bytes:
    return record("status", pid, STATUS) + record("maps", pid, b"".join(vma.line() for vma in table))


def reserved_bytes(snapshot: Snapshot, row: int) -> int:
    maps = snapshot.maps
    own = (maps.process == row) & (maps.start < 2**63)
    return int((maps.end[own] - maps.start[own]).sum())


def test_a_host() -> None:
    known = cases()[:5]
    memory, identity = b"", b""
    for pid, case in enumerate(known, 100):
        for kind in ("status", "stat", "limits", "smaps" if pid % 2 else "maps"):
            memory += record(kind, pid, case.files[kind])
        for kind in ("comm", "cmdline"):
            identity += record(kind, pid, case.files[kind])
        identity += record("cgroup", pid, b"0::/system.slice/a.service\n")
    memory += record("osrelease", 0, b"6.18.0\n") + closing(5)
    snapshot = read(b"Welcome!\n" + memory, identity + record("end", 0, b"sent=5"), NONCE)
    assert snapshot.counts.complete
    assert snapshot.notes == ()
    assert snapshot.facts.kernel == "6.18.0"
    assert snapshot.processes.pid.tolist() == [100, 101, 102, 103, 104]
    assert snapshot.processes.evidence.tolist() == [1, 2, 1, 2, 1]
    for row, case in enumerate(known):
        alone = read_process(case.sent(), 1)
        own = snapshot.maps.process == row
        assert snapshot.maps.start[own].tolist() == alone.maps.start.tolist()
        assert snapshot.processes.vm_size_bytes[row] == alone.processes.vm_size_bytes[0]
        assert snapshot.processes.argv[row] == alone.processes.argv[0]
        assert snapshot.processes.comm[row] == alone.processes.comm[0]
        assert snapshot.processes.cgroup[row] == b"0::/system.slice/a.service\n"


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_known_processes_reserve_what_the_kernel_says(case: Case) -> None:
    snapshot = read_process(case.sent(), 1)
    assert reserved_bytes(snapshot, 0) == snapshot.processes.vm_size_bytes[0]


def test_the_files_of_one_process_may_hold_the_facts_of_its_host() -> None:
    files = cases()[0].sent()
    host = {"osrelease": b"5.4.0-1-x\n", "meminfo": b"MemTotal: 10 kB\n", "cgroup-memory": b"/a\t4096\t1\n"}
    facts = read_process(files | host, 1).facts
    assert (facts.kernel, facts.mem_total_bytes) == ("5.4.0-1-x", 10240)
    assert facts.cgroup_memory_max_bytes == {"/a": 4096}
    assert read_process(files, 1).facts.kernel == ""


LIVE = 20


def test_live_processes_reserve_what_the_kernel_says() -> None:
    """Bytes are conserved: the mappings of a process sum to VmSize, `[vsyscall]` left out."""
    with ExitStack() as stack:
        for _ in range(LIVE):
            sleeper = stack.enter_context(
                subprocess.Popen(["/bin/sh", "-c", "read line"], stdin=subprocess.PIPE)
            )
            assert sleeper.stdin is not None
            stack.callback(sleeper.stdin.close)
        snapshots = [snapshot for folder in Path("/proc").glob("[0-9]*") if (snapshot := _settled(folder))]
    assert len(snapshots) >= LIVE
    for snapshot in snapshots:
        assert reserved_bytes(snapshot, 0) == snapshot.processes.vm_size_bytes[0]


def _settled(folder: Path) -> Snapshot | None:
    """A process that mapped nothing between two looks at its VmSize; None for others, and without memory."""
    try:
        before = (folder / "status").read_bytes()
        snapshot = read_process({"status": before, "maps": (folder / "maps").read_bytes()}, int(folder.name))
        after = read_process({"status": (folder / "status").read_bytes()}, 1)
    except OSError:
        return None
    same = snapshot.processes.vm_size_bytes[0] == after.processes.vm_size_bytes[0]
    return snapshot if same and len(snapshot.maps) and not snapshot.processes.trouble[0] else None


def test_an_end_that_does_not_come_makes_a_dump_incomplete() -> None:
    memory = process(7, Vma(0x1000, 0x2000)) + process(8, Vma(0x1000, 0x2000), Vma(0x3000, 0x4000))
    cut = read(memory[:-10], b"", NONCE)
    assert not cut.counts.complete
    assert len(cut.maps) == 2
    assert cut.processes.trouble.tolist() == [0, Trouble.CUT]
    assert any("without its closing counts" in note for note in cut.notes)
    assert read(memory + closing(2), b"", NONCE).counts.complete


def test_counts_that_disagree_make_it_incomplete() -> None:
    snapshot = read(process(7, Vma(0x1000, 0x2000)) + closing(2), b"", NONCE)
    assert not snapshot.counts.complete
    assert "2 processes sent, 1 were received" in snapshot.notes[0]


def test_denied_empty_and_missing_maps() -> None:
    memory = (
        record("status", 1, STATUS)
        + record("denied", 1, b"")
        + record("status", 2, STATUS)
        + record("maps", 2, b"")
        + record("status", 3, STATUS)
        + closing(3, denied=1)
    )
    snapshot = read(memory, b"", NONCE)
    assert snapshot.processes.evidence.tolist() == [Evidence.DENIED, Evidence.MAPS, Evidence.DENIED]
    assert snapshot.processes.trouble.tolist() == [0, Trouble.EMPTY, 0]
    assert snapshot.counts.denied == 1
    assert snapshot.counts.complete


def test_without_a_record_there_is_no_dump() -> None:
    for memory in (b"", b"Permission denied\n", NONCE, b"x" + NONCE + b" status 1\n"):
        with pytest.raises(DumpError, match="at byte 0, expected a record mark") as caught:
            read(memory, b"", NONCE)
        assert caught.value.offset_bytes == 0


def test_what_is_unknown_or_absurd_is_noted_and_left_out() -> None:
    memory = (
        process(7, Vma(0x1000, 0x2000))
        + record("weather", 7, b"rain")
        + record("status", 0, STATUS)
        + record("maps", 9_999_999, Vma(0x1000, 0x2000).line())
        + process(7, Vma(0x5000, 0x9000))
        + closing(1)
    )
    snapshot = read(memory, record("comm", 99, b"ghost\n"), NONCE)
    assert snapshot.processes.pid.tolist() == [7]
    assert snapshot.maps.end.tolist() == [0x2000]
    assert snapshot.notes == (
        "records of the unknown kind weather were left out",
        "status of the impossible pid 0 was left out",
        "maps of the impossible pid 9999999 was left out",
        "process 7 was sent more than once: its first status was kept",
        "process 7 was sent more than once: its first maps was kept",
    )


def test_limits() -> None:
    memory = b"".join(process(pid, Vma(0x1000, 0x2000), Vma(0x3000, 0x4000)) for pid in (1, 2, 3)) + closing(
        3
    )
    at_limit = read(memory, b"", NONCE, ReadLimits(processes=3, mappings=6))
    assert (len(at_limit.processes), len(at_limit.maps), at_limit.notes) == (3, 6, ())
    processes = read(memory, b"", NONCE, ReadLimits(processes=2))
    assert len(processes.processes) == 2
    assert "processes above the limit of 2 were left out" in processes.notes
    mappings = read(memory, b"", NONCE, ReadLimits(mappings=5))
    assert len(mappings.maps) == 5
    assert "1 mappings above the limit of 5 were left out" in mappings.notes


def test_a_hosts_address_space_stays_within_64_bits() -> None:
    widest = Vma(0x1000, 2**57)
    snapshot = read(b"".join(process(pid, widest) for pid in range(1, 9)) + closing(8), b"", NONCE)
    assert 0 < int((snapshot.maps.end - snapshot.maps.start).sum()) <= 2**58
    assert "mappings beyond 2^58 bytes of address space were left out" in snapshot.notes[0]


def test_a_process_that_forges_marks_changes_no_other() -> None:
    forged = b"x\n" + b"f" * 32 + b" maps 8\n" + Vma(0x1000, 0x9000).line() + NONCE[:-1] + b" end 0\nlisted=0"
    memory = process(7, Vma(0x1000, 0x2000)) + process(8, Vma(0x1000, 0x2000)) + closing(2)
    plain = read(memory, record("cmdline", 7, b"x"), NONCE)
    identity = record("comm", 7, forged) + record("cmdline", 7, forged) + record("end", 0, b"sent=2")
    snapshot = read(memory, identity, NONCE)
    assert snapshot.maps.end.tolist() == plain.maps.end.tolist()
    assert snapshot.processes.argv == ((forged,), ())


@given(st.lists(vmas(most=4), max_size=4), st.integers(0, 3))
def test_processes_keep_their_own_mappings(tables: list[list[Vma]], missing: int) -> None:
    memory = b"".join(
        record("maps", pid, b"".join(vma.line() for vma in table)) for pid, table in enumerate(tables, 1)
    )
    snapshot = read(memory + record("status", 9, STATUS) + b"\n" * missing, b"", NONCE)
    for row, table in enumerate(tables):
        assert snapshot.maps.start[snapshot.maps.process == row].tolist() == [vma.start for vma in table]
    assert snapshot.processes.vm_size_bytes.tolist() == [UNKNOWN] * len(tables) + [8192]


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.builds(
                record,
                st.sampled_from(
                    ("status", "stat", "limits", "maps", "smaps", "grep", "end", "meminfo", "cgroup-memory")
                ),
                st.integers(0, 5),
                st.one_of(st.binary(max_size=60), st.builds(Vma.line, st.just(Vma(0x1000, 0x2000)))),
            ),
        ),
        max_size=6,
    ),
    st.binary(max_size=60),
    st.one_of(st.just(NONCE), st.binary(max_size=3)),
)
def test_any_bytes_give_a_snapshot_or_a_dump_error(
    pieces: list[bytes], identity: bytes, nonce: bytes
) -> None:
    with suppress(DumpError):
        snapshot = read(b"".join(pieces), nonce + identity, nonce)
        assert len(snapshot.processes.evidence) == len(snapshot.processes.pid)
