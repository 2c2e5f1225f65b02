import numpy as np

from procmaps.read import read, read_process
from procmaps.status import start_ticks
from procmaps.tables import UNKNOWN, UNLIMITED
from tests.strategies import NONCE, closing, record
from tests.truth.cases import cases

LIMITS = (
    b"Limit                     Soft Limit           Hard Limit           Units     \n"
    b"Max stack size            %-20s unlimited            bytes     \n"
)


def test_known_processes() -> None:
    for case in cases():
        said = dict(line.split(":", 1) for line in case.files["status"].decode().splitlines())
        stat = case.files["stat"].decode().rpartition(") ")[2].split()
        row = read_process(case.sent(), 1).processes
        for column, key in (
            (row.vm_size_bytes, "VmSize"),
            (row.rss_bytes, "VmRSS"),
            (row.rss_anon_bytes, "RssAnon"),
            (row.rss_file_bytes, "RssFile"),
            (row.rss_shmem_bytes, "RssShmem"),
            (row.swap_bytes, "VmSwap"),
            (row.data_bytes, "VmData"),
            (row.main_stack_bytes, "VmStk"),
        ):
            assert column.tolist() == [int(said[key].split()[0]) * 1024]
        assert row.threads.tolist() == [int(said["Threads"])]
        assert row.uid.tolist() == [int(said["Uid"].split()[0])]
        assert row.parent_pid.tolist() == [int(said["PPid"])] == [int(stat[1])]
        assert row.start_ticks.tolist() == [int(stat[19])]
        assert row.stack_limit_bytes.tolist() == [8 * 2**20]


def test_what_did_not_come_is_unknown() -> None:
    row = read_process({"maps": b""}, 1).processes
    for column in (
        row.parent_pid,
        row.uid,
        row.start_ticks,
        row.threads,
        row.vm_size_bytes,
        row.stack_limit_bytes,
    ):
        assert column.tolist() == [UNKNOWN]


def test_each_process_gets_its_own() -> None:
    memory = (
        record("status", 5, b"VmSize:\t    4 kB\n")
        + record("status", 6, b"Name:\tx\nThreads:\t3\n")
        + closing(2)
    )
    processes = read(memory, b"", NONCE).processes
    assert processes.vm_size_bytes.tolist() == [4096, UNKNOWN]
    assert processes.threads.tolist() == [UNKNOWN, 3]


def test_the_name_in_stat_may_hold_anything() -> None:
    fields = b" ".join(b"%d" % number for number in range(4, 40))
    for name in (b"x", b"a) R 1 2 3 (b", b"two\nlines)", b")", b""):
        assert start_ticks(b"12 (%s) S " % name + fields) == 22


def test_stat_cut_or_absurd() -> None:
    for stat in (b"", b")", b"12 (x", b"12 (x) S 1 2 3", b"12 (x) S " + b"9" * 400, b"\xff" * 100):
        assert start_ticks(stat) == UNKNOWN


def test_stack_limits() -> None:
    for soft, known in ((b"8388608", 8388608), (b"unlimited", UNLIMITED), (b"", UNKNOWN), (b"-1", UNKNOWN)):
        assert read_process({"limits": LIMITS % soft}, 1).processes.stack_limit_bytes.tolist() == [known]
    assert read_process({"limits": b"Max stack size"}, 1).processes.stack_limit_bytes.tolist() == [UNKNOWN]


def test_columns_are_as_long_as_the_processes() -> None:
    processes = read_process({}, 1).processes
    assert len(processes.comm) == len(processes.argv) == len(processes.cgroup) == 1
    assert isinstance(processes.vm_size_bytes, np.ndarray)


def test_limits_of_threads_and_of_address_space() -> None:
    limits = LIMITS % b"8388608" + (
        b"Max processes             1200                 4096                 processes \n"
        b"Max address space         unlimited            unlimited            bytes     \n"
    )
    row = read_process({"limits": limits, "status": b"VmPTE:\t  88 kB\nVmLck:\t 4 kB\n"}, 1).processes
    assert (row.process_limit.tolist(), row.address_limit_bytes.tolist()) == ([1200], [UNLIMITED])
    assert (row.page_table_bytes.tolist(), row.locked_bytes.tolist()) == ([88 * 1024], [4 * 1024])
    row = read_process({"limits": LIMITS % b"1"}, 1).processes
    assert (row.process_limit.tolist(), row.address_limit_bytes.tolist()) == ([UNKNOWN], [UNKNOWN])
    assert (row.page_table_bytes.tolist(), row.locked_bytes.tolist()) == ([UNKNOWN], [UNKNOWN])
