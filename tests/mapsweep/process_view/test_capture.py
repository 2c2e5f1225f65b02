"""Real processes of our own, captured; and folders like /proc/PID that they could not make."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.mistakes import OperatorError
from mapsweep.process_view.capture_folder import VERSIONS, Capture, capture, write
from mapsweep.process_view.process_files import masked
from mapsweep.terminal.exits import Exit
from tests.mapsweep.conftest import Here

SENT = {
    "maps",
    "smaps",
    "status",
    "stat",
    "limits",
    "comm",
    "cmdline",
    "cgroup",
    "osrelease",
    "meminfo",
    "thp",
    "overcommit",
    "max_map_count",
    "page",
    "procstat",
    "cgroup-memory",
}
MAPS = b"00400000-00401000 r-xp 00000000 fc:00 7                                  /bin/x\n"


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that maps a file, has a secret among its arguments, and then changes no more."""
    mapped = tmp_path / "token=hunter2" / "table.db"
    mapped.parent.mkdir()
    mapped.write_bytes(b"x" * 8192)
    code = (
        "import mmap, sys; file = open(sys.argv[1]); "
        "table = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ); print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(mapped), "--password=hunter2"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        yield process
        process.stdin.close()


def test_the_folder_is_labelled_as_the_process_is(
    sleeper: subprocess.Popen[bytes], tmp_path: Path, here: Here
) -> None:
    folder = tmp_path / "label"
    live = here("classify", sleeper.pid, "--format", "ranges")
    captured = here("capture", sleeper.pid, "-o", folder)
    assert (captured.code, captured.out) == (Exit.OK, f"{folder}\n")
    assert "read it before you pass it on" in captured.err
    assert here("classify", folder, "--format", "ranges").out == live.out
    assert live.out.count("\n") > 20


def test_only_what_a_host_sends_is_kept_masked_and_for_its_owner(
    sleeper: subprocess.Popen[bytes], tmp_path: Path, here: Here
) -> None:
    folder = tmp_path / "label"
    here("capture", sleeper.pid, "-o", folder)
    assert {path.name for path in folder.iterdir()} == SENT | {VERSIONS}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"hunter2" not in path.read_bytes(), path.name
    assert b"--password=***" in (folder / "cmdline").read_bytes()
    for name in ("maps", "smaps"):
        assert b"/token=***/table.db" in (folder / name).read_bytes()
    versions = dict(line.split(": ", 1) for line in (folder / VERSIONS).read_text().splitlines())
    assert versions["kernel"] == os.uname().release
    assert int(versions["page_bytes"]) == os.sysconf("SC_PAGE_SIZE")
    assert {"mapsweep", "rules", "os", "architecture", "memory_bytes", "captured_at"} <= set(versions)


def test_nothing_is_overwritten(tmp_path: Path, here: Here) -> None:
    kept = tmp_path / "label" / "maps"
    kept.parent.mkdir()
    kept.write_bytes(b"mine")
    refused = here("capture", os.getpid(), "-o", kept.parent)
    assert (refused.code, refused.out) == (Exit.USAGE, "")
    assert "is not empty" in refused.err
    assert kept.read_bytes() == b"mine"
    assert [path.name for path in kept.parent.iterdir()] == ["maps"]
    assert "is not a folder" in here("capture", os.getpid(), "-o", kept).err


def test_an_empty_folder_will_do_and_no_link_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    write(Capture({"maps": MAPS}, ()), folder)
    assert (folder / "maps").read_bytes() == MAPS
    with pytest.raises(OperatorError, match="no such file or directory"):
        write(Capture({"maps": MAPS}, ()), tmp_path / "not" / "there")


@pytest.mark.parametrize(("pid", "told"), [("4194305", "no such process"), ("0", "0"), ("x", "'x'")])
def test_what_is_no_process(pid: str, told: str, tmp_path: Path, here: Here) -> None:
    refused = here("capture", pid, "-o", tmp_path / "label")
    assert refused.code == Exit.USAGE
    assert told in refused.err
    assert not (tmp_path / "label").exists()


def test_what_could_not_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "maps").write_bytes(MAPS)
    (tmp_path / "comm").write_bytes(b"x\n")
    captured = capture(tmp_path, "pid 7")
    assert set(captured.files) == {"maps", "comm", VERSIONS}
    assert {mistake.place for mistake in captured.missing} == {
        f"pid 7: {name}" for name in SENT - {"maps", "comm"}
    }


def test_a_process_without_mappings_has_nothing_to_capture(tmp_path: Path) -> None:
    for name in ("maps", "smaps", "status"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(OperatorError, match="nothing to capture"):
        capture(tmp_path, "pid 2")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_users_process_is_told_in_words() -> None:
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            capture(Path("/proc/1"), "pid 1")
        except OperatorError as error:
            os._exit(
                0 if "maps: permission denied (a process of another user needs root)" in str(error) else 2
            )
        os._exit(3)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("name", "line", "kept"),
    [
        ("maps", MAPS, MAPS),
        ("maps", MAPS[:73] + b"/a/api_key=x/jdk/libjvm.so\n", MAPS[:73] + b"/a/api_key=***/jdk/libjvm.so\n"),
        ("maps", MAPS[:73] + b"[anon:token=x]\n", MAPS[:73] + b"[anon:token=***]\n"),
        ("maps", MAPS[:73] + b"[anon:scudo:primary]\n", MAPS[:73] + b"[anon:scudo:primary]\n"),
        ("status", b"Name:\ttoken=x\nUmask:\t0022\n", b"Name:\ttoken=***\nUmask:\t0022\n"),
        ("stat", b"5 (token=a\nb) S 1 5\n", b"5 (token=***) S 1 5\n"),
        ("smaps", MAPS + b"Rss:   4 kB\nVmFlags: rd\n", MAPS + b"Rss:   4 kB\nVmFlags: rd\n"),
        ("cgroup", b"0::/a.slice/secret=x/b\n", b"0::/a.slice/secret=***/b\n"),
        ("cgroup", b"4:cpu,cpuacct:/docker/0123\n", b"4:cpu,cpuacct:/docker/0123\n"),
        ("cgroup-memory", b"/a/secret=x/b\t1\t2\n/a\tmax\t3\n", b"/a/secret=***/b\t1\t2\n/a\tmax\t3\n"),
        ("osrelease", b"6.1.0-token=x\n", b"6.1.0-token=***\n"),
        ("meminfo", b"MemTotal:  1000 kB\nMemFree:   900 kB\n", b"MemTotal:  1000 kB\nMemFree:   900 kB\n"),
        ("cmdline", b"a\0--token\0x\0", b"a\0--token\0***\0"),
        ("status", b"Name:\tx\n", b"Name:\tx\n"),
    ],
)
def test_secrets_are_masked_where_a_file_can_hold_one(name: str, line: bytes, kept: bytes) -> None:
    assert masked(name, line) == kept
