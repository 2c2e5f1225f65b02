"""What a process can do to the probe by the contents of its own files in /proc."""

import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.collector.hosts_side import AWKS, NONCE, Stream, await_exec, contents, find, make_tools, run, start
from tests.collector.proc_tree import MAPS, add_facts, add_process

TOOLS = ("gzip", "head", "ls", "nice", "tr", "uname")
EVERY_AWK = (*AWKS, "original-awk")
CUT = 131_072
SYS_EXIT = {"x86_64": 60, "aarch64": 93}
LINE = b"7f0000000000-7f0000001000 rw-s 00000000 08:01 42   /"
MIB = 2**20


@pytest.fixture(params=EVERY_AWK)
def tools(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make_tools(tmp_path / "bin", TOOLS, request.param)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    add_facts(root)
    add_process(root, 7)
    return root


def names(byte: bytes) -> Callable[[int], dict[str, bytes]]:
    """Mappings with names that consist of this byte, of so many bytes."""
    line = LINE + byte * 4000 + b"\n"
    return lambda size: {"maps": line * (size // len(line)), "smaps": line * (size // len(line))}


def arguments(byte: bytes) -> Callable[[int], dict[str, bytes]]:
    """Arguments that consist of this byte."""
    return lambda size: {"cmdline": byte * size}


FILES = {
    "arguments of RS": (arguments(b"\1"), 100_000, 0),
    "arguments of NUL": (arguments(b"\0"), MIB, 0),
    "arguments of line breaks": (arguments(b"\n"), MIB, 0),
    "arguments of a byte that is no UTF-8": (arguments(b"\xff"), MIB, 0),
    "names of RS": (names(b"\1"), MIB // 4, 0),
    "names of letters": (names(b"a"), 4 * MIB, 0),
    "smaps with names of RS": (names(b"\1"), MIB, 1000),
}


@pytest.mark.parametrize("name", FILES)
def test_the_time_for_a_file_grows_with_its_bytes_alone(name: str, tools: Path, tree: Path) -> None:
    """Four times the bytes take four times the time, not sixteen."""
    make, size, smaps_kb = FILES[name]
    folder = add_process(tree, 8)
    spent_s = []
    for times in (1, 4):
        files = make(size * times)
        for file, content in files.items():
            (folder / file).write_bytes(content)
        before_s = children_cpu_s()
        memory, identity = map(contents, run(tools, tree, smaps_kb=smaps_kb).parts())
        spent_s.append(children_cpu_s() - before_s)
        kind = "smaps" if smaps_kb else "maps"
        assert memory[kind, 8] == (folder / kind).read_bytes()
        assert len(identity["cmdline", 8]) <= CUT
    assert spent_s[1] < 7 * max(spent_s[0], 0.02)


def children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("stat_shows_it", [True, False])
def test_arguments_without_an_end_are_cut_and_nothing_is_lost(
    stat_shows_it: bool, tools: Path, tree: Path
) -> None:
    """A process can make its arguments as long as its address space (prctl, PR_SET_MM_MAP)."""
    folder = add_process(tree, 8)
    os.truncate(folder / "cmdline", 2**40)
    end = b" 0" * 43 + b" 1 %d 0 0 0" % 2**40 if stat_shows_it else b""
    (folder / "stat").write_bytes(b"8 (x) y\n) S 1" + end + b"\n")
    stream = run(tools, tree)
    assert stream.exit_status == 0
    if stat_shows_it:
        assert b" again " not in stream.raw
    memory, identity = map(contents, last_attempt(stream).parts())
    assert memory["maps", 8] == MAPS
    assert identity["cmdline", 8].strip(b"\0") == b"/bin/x\0-v"
    assert CUT - 1 <= len(identity["cmdline", 8]) <= CUT
    assert identity["cmdline", 7].startswith(b"/bin/x")
    assert identity["comm", 8] == b"x\n"


def last_attempt(stream: Stream) -> Stream:
    """The stream without the attempts that are void."""
    mark = NONCE.encode()
    _, again, last = stream.raw.rpartition(mark + b" again ")
    return Stream(mark + b" begin 1\n" + last.partition(b"\n")[2], b"", 0) if again else stream


def test_grep_cuts_arguments_as_well(tree: Path, tmp_path: Path) -> None:
    os.truncate(add_process(tree, 8) / "cmdline", 2**40)
    _, identity = run(make_tools(tmp_path / "bin", ("grep", "gzip", "head")), tree).parts()
    mark = NONCE.encode()
    whole = b"/bin/x\0-v".ljust(CUT, b"\0")
    assert b"%s cmdline 8\n%s\n%s end" % (mark, whole, mark) in identity
    assert b"%s cmdline 7\n/bin/x\0-v\0\n" % mark in identity


def test_a_process_with_arguments_of_rs_does_not_hide_the_host(tools: Path) -> None:
    # the shell only reads its script from standard input, so it keeps the arguments
    with subprocess.Popen(["/bin/sh", "-s", *["\1" * 130_000] * 10], stdin=subprocess.PIPE) as child:
        try:
            await_exec(child.pid, b"sh")
            memory, identity = map(contents, run(tools).parts())
            assert ("maps", child.pid) in memory
            assert len(identity["cmdline", child.pid]) <= CUT
            assert identity["end", 0].startswith(b"sent=")
        finally:
            child.kill()


def test_of_a_process_whose_main_thread_has_ended_the_next_one_is_read(tools: Path) -> None:
    """The files of the process itself are those of a zombie, whatever the other threads hold."""
    code = (
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(100,)).start()\n"
        f"ctypes.CDLL(None).syscall({SYS_EXIT[platform.machine()]}, 0)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as child:
        try:
            await_zombie(child.pid)
            assert Path(f"/proc/{child.pid}/maps").read_bytes() == b""
            (thread,) = {task.name for task in Path(f"/proc/{child.pid}/task").iterdir()} - {str(child.pid)}
            memory, identity = map(contents, run(tools).parts())
            assert memory["maps", child.pid] == Path(f"/proc/{child.pid}/task/{thread}/maps").read_bytes()
            assert b"\nVmSize:" in memory["status", child.pid]
            assert b"\nTgid:\t%d\n" % child.pid in memory["status", child.pid]
            assert identity["cmdline", child.pid].startswith(os.fsencode(sys.executable))
        finally:
            child.kill()


def await_zombie(pid: int) -> None:
    deadline_s = time.monotonic() + 20
    while b"\nState:\tZ" not in Path(f"/proc/{pid}/status").read_bytes():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_only_the_upper_cgroups_of_a_deep_one_are_asked(tools: Path, tree: Path) -> None:
    add_process(tree, 8, cgroup=b"0::" + b"/d" * 2000 + b"\n")
    folder = tree / "sys/fs/cgroup"
    for _ in range(70):
        folder /= "d"
        folder.mkdir()
        (folder / "memory.max").write_bytes(b"max\n")
        (folder / "memory.current").write_bytes(b"1\n")
    lines = contents(run(tools, tree).parts()[0])["cgroup-memory", 0].splitlines()
    assert sorted(len(line.split(b"\t")[0]) // 2 for line in lines if line.startswith(b"/d")) == [
        *range(1, 65)
    ]


def test_nothing_goes_on_once_nobody_reads(tools: Path, tree: Path, tmp_path: Path) -> None:
    names_that_do_not_pack = tmp_path / "maps"
    names_that_do_not_pack.write_bytes(
        b"".join(LINE + os.urandom(60).hex().encode() + b"\n" for _ in range(400))
    )
    for pid in range(100, 400):
        maps = add_process(tree, pid) / "maps"
        maps.unlink()
        maps.symlink_to(names_that_do_not_pack)
    with start(tools, tree) as shell:
        assert shell.stdout is not None
        assert shell.stderr is not None
        shell.stdout.read(20)
        shell.stdout.close()
        shell.stderr.read()  # ends with the last process that has it
    assert shell.returncode != 0


@pytest.mark.parametrize("awk", EVERY_AWK)
def test_awk_may_not_fill_the_memory_of_the_host(awk: str, tree: Path, tmp_path: Path) -> None:
    tools = make_tools(tmp_path / "bin", (*TOOLS, "cat"))
    (tools / "awk").write_text(
        f'#!/bin/sh\ncat /proc/self/limits >"{tmp_path}/limits"\nexec {find(awk)} "$@"\n'.replace(
            f"{find('busybox')} ", f"{find('busybox')} awk "
        )
    )
    (tools / "awk").chmod(0o755)
    assert run(tools, tree).exit_status == 0
    (line,) = (text for text in (tmp_path / "limits").read_text().splitlines() if "address space" in text)
    assert int(line.split()[3]) < 2**28
