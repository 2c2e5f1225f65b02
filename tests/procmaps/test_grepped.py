from procmaps.read import read
from procmaps.tables import Evidence
from tests.strategies import NONCE, Vma, record
from tests.truth.cases import cases


def grepped(pid: int, name: str, text: bytes) -> bytes:
    """As grep prints a file: each line with its path, and the last one ended."""
    lines = text.removesuffix(b"\n").split(b"\n") if text else []
    return b"".join(b"%d/%s:%s\n" % (pid, name.encode(), line) for line in lines)


def test_a_host_without_awk_reads_as_any_other() -> None:
    known = cases()[:3]
    plain, by_grep = b"", b""
    for kind in ("status", "stat", "limits", "maps"):
        by_grep += record(
            "grep", 0, b"".join(grepped(pid, kind, case.files[kind]) for pid, case in enumerate(known, 1))
        )
    for pid, case in enumerate(known, 1):
        plain += b"".join(
            record(kind, pid, case.files[kind]) for kind in ("status", "stat", "limits", "maps")
        )
    names = b"".join(record("cmdline", pid, case.files["cmdline"]) for pid, case in enumerate(known, 1))
    grepped_names = record(
        "grep",
        0,
        b"".join(grepped(pid, "cmdline", case.files["cmdline"]) for pid, case in enumerate(known, 1)),
    )
    one = read(plain + record("end", 0, b"listed=3 sent=3 kernel=0 denied=0 vanished=0"), names, NONCE)
    other = read(by_grep + record("end", 0, b"listed=3"), grepped_names, NONCE)
    assert other.counts == one.counts
    assert other.notes == one.notes == ()
    for column in ("pid", "vm_size_bytes", "start_ticks", "stack_limit_bytes", "threads"):
        assert getattr(other.processes, column).tolist() == getattr(one.processes, column).tolist()
    assert other.processes.argv == one.processes.argv
    assert other.maps.start.tolist() == one.maps.start.tolist()
    assert [other.maps.name(row) for row in range(len(other.maps))] == [
        one.maps.name(row) for row in range(len(one.maps))
    ]


def test_kernel_threads_are_counted_and_processes_without_maps_are_denied() -> None:
    statuses = grepped(2, "status", b"Name:\tkthreadd\n") + grepped(7, "status", b"Name:\ta\nVmSize:\t4 kB\n")
    snapshot = read(record("grep", 0, statuses) + record("end", 0, b"listed=2"), b"", NONCE)
    assert snapshot.processes.pid.tolist() == [7]
    assert snapshot.processes.evidence.tolist() == [Evidence.DENIED]
    assert (snapshot.counts.kernel_threads, snapshot.counts.denied, snapshot.counts.complete) == (1, 1, True)


def test_text_that_looks_like_another_files_line_stays_where_it_is() -> None:
    statuses = grepped(7, "status", b"VmSize:\t4 kB\nVmSize:\t4 kB\n") + grepped(
        8, "status", b"VmSize:\t4 kB\n\nVmSize:\t4 kB\n"
    )
    maps = grepped(
        7, "maps", Vma(0x1000, 0x2000, inode=5, major=1, name=b"/x 8/maps:00003000-00009000").line()
    )
    comms = record("grep", 0, grepped(7, "comm", b"a\n8/comm:forged\n")) + record("end", 0, b"")
    snapshot = read(record("grep", 0, statuses) + record("grep", 0, maps), comms, NONCE)
    assert snapshot.maps.process.tolist() == [0]
    assert snapshot.processes.comm[0] == b"a\n8/comm:forged"


def test_a_prefix_before_proc_is_no_matter() -> None:
    text = b"/host/proc/7/status:Name:\tx\n/host/proc/7/status:VmSize:\t4 kB\nnoise\n"
    assert read(record("grep", 0, text), b"", NONCE).processes.vm_size_bytes.tolist() == [4096]
