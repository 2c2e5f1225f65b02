import io
import os
from pathlib import Path

import pytest

from domain.mistakes import OperatorError
from mapsweep.process_view.labelled_process import label
from mapsweep.process_view.process_files import INPUT_BYTES_MAX, OF_HOST, bounded, open_process
from procmaps.kinds import Kind
from procmaps.tables import Evidence
from tests.truth.cases import cases

MAPS = b"00400000-00401000 r-xp 00000000 fc:00 7                                  /bin/x\n"
SMAPS = MAPS + b"Size:                  4 kB\nRss:                   4 kB\nVmFlags: rd ex\n"
NOTHING = io.BytesIO()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder shaped like /proc/PID, with files that no host sends beside those that it does."""
    files = {
        "maps": MAPS,
        "smaps": SMAPS,
        "status": b"Name:\tx\nThreads:\t1\n",
        "stat": b"4711 (x) S 1\n",
        "limits": b"",
        "comm": b"x\n",
        "cmdline": b"x\0",
        "cgroup": b"0::/\n",
        "osrelease": b"5.4.0-113-generic\n",
        "meminfo": b"MemTotal:  1000 kB\n",
        "thp": b"always [madvise] never\n",
        "overcommit": b"0\n",
        "max_map_count": b"65530\n",
        "page": b"KernelPageSize:        4 kB\n",
        "procstat": b"cpu0\nbtime 1\n",
        "cgroup-memory": b"/a\t4096\t1\n",
        "meta.json": b"{}",
        "environ": b"PASSWORD=hunter2\0",
        "smaps_rollup": b"",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_of_a_folder_only_what_a_host_sends_is_read(folder: Path) -> None:
    process = open_process(str(folder), Evidence.SMAPS, NOTHING)
    beside = {"status", "stat", "limits", "comm", "cmdline", "cgroup"}
    assert set(process.files) == {"smaps", *beside, *OF_HOST}
    assert process.pid == 4711
    assert process.mappings == SMAPS


def test_maps_as_evidence_leaves_smaps_aside(folder: Path) -> None:
    process = open_process(str(folder), Evidence.MAPS, NOTHING)
    assert process.mappings == MAPS
    assert "smaps" not in process.files


def test_a_folder_with_maps_alone(folder: Path) -> None:
    (folder / "smaps").unlink()
    assert open_process(str(folder), Evidence.SMAPS, NOTHING).mappings == MAPS


def test_a_folder_with_smaps_alone_serves_for_both(folder: Path) -> None:
    (folder / "maps").unlink()
    assert "smaps" in open_process(str(folder), Evidence.MAPS, NOTHING).files


def test_a_folder_without_either(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"maps: no such file or directory$"):
        open_process(str(tmp_path), Evidence.SMAPS, NOTHING)


def test_a_file_is_told_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "dump.txt"
    path.write_bytes(SMAPS)
    assert set(open_process(str(path), Evidence.SMAPS, NOTHING).files) == {"smaps"}
    path.write_bytes(MAPS)
    assert set(open_process(str(path), Evidence.SMAPS, NOTHING).files) == {"maps"}


def test_standard_input() -> None:
    process = open_process("-", Evidence.SMAPS, io.BytesIO(MAPS))
    assert (process.source, process.mappings) == ("standard input", MAPS)


def test_digits_are_a_pid() -> None:
    process = open_process(str(os.getpid()), Evidence.MAPS, NOTHING)
    assert process.pid == os.getpid()
    assert b"[stack]" in process.mappings


@pytest.mark.parametrize("target", ["{pid}", "/proc/{pid}", "/proc/self"])
def test_a_live_process_comes_with_the_facts_of_this_host(target: str) -> None:
    files = open_process(target.format(pid=os.getpid()), Evidence.MAPS, NOTHING).files
    assert files["osrelease"].decode() == f"{os.uname().release}\n"
    assert files["meminfo"].startswith(b"MemTotal:")


def test_a_folder_elsewhere_has_no_facts_but_its_own(folder: Path) -> None:
    assert open_process(str(folder), Evidence.MAPS, NOTHING).files["osrelease"] == b"5.4.0-113-generic\n"
    for name in OF_HOST:
        (folder / name).unlink()
    assert not set(OF_HOST) & set(open_process(str(folder), Evidence.MAPS, NOTHING).files)


def test_a_pid_that_is_not_there() -> None:
    with pytest.raises(OperatorError, match=r"^pid 4194305: no such process$"):
        open_process("4194305", Evidence.SMAPS, NOTHING)


@pytest.mark.parametrize("name", ["missing", "miss\0ing", "a" * 5000])
def test_a_file_that_is_not_there_is_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(OperatorError) as caught:
        open_process(f"{tmp_path}/{name}", Evidence.SMAPS, NOTHING)
    assert len(caught.value.mistakes) == 1
    assert caught.value.mistakes[0].place == f"{tmp_path}/{name}"


def test_input_has_a_limit() -> None:
    assert bounded(io.BytesIO(b"x" * 100), "it", 100) == b"x" * 100
    with pytest.raises(OperatorError, match="it: more than 99 bytes"):
        bounded(io.BytesIO(b"x" * 100), "it", 99)
    assert INPUT_BYTES_MAX >= 60_000 * 900  # the kernel's default limit of mappings, as smaps


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_users_process_is_told_in_words() -> None:
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            open_process("1", Evidence.SMAPS, NOTHING)
        except OperatorError as error:
            os._exit(0 if "permission denied" in str(error) and "root" in str(error) else 2)
        os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_labels_depend_on_the_kernel_that_a_folder_names(tmp_path: Path) -> None:
    """Since Linux 6.13 the guard of a stack need not be a mapping of its own; before, each was one."""
    case = next(case for case in cases("live") if case.name == "sid-native-c-32-chunks")
    stacks = {}
    for release in (b"5.4.0\n", b"6.18.0\n"):
        for name, content in (case.sent() | {"osrelease": release}).items():
            (tmp_path / name).write_bytes(content)
        process = label(open_process(str(tmp_path), Evidence.MAPS, NOTHING), Evidence.MAPS)
        stacks[release] = process.sum_bytes(process.parts.kind == Kind.THREAD_STACK)
    assert stacks == {b"5.4.0\n": 0, b"6.18.0\n": 3096 * 1024}
