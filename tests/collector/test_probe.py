import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from collector import probe
from domain.records import Host, Limits
from procmaps import own_probe
from procmaps.identity import identify
from procmaps.read import read
from procmaps.tables import Evidence
from tests.collector.hosts_side import AWKS, NONCE, Stream, await_exec, contents, find, make_tools, run
from tests.collector.proc_tree import MAPS, add_facts, add_kernel_thread, add_process

TOOLS = ("gzip", "head", "ls", "nice", "tr", "uname")
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="another account, or a namespace of processes, takes root"
)


@pytest.fixture(params=AWKS)
def awk_tools(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make_tools(tmp_path / "bin", TOOLS, request.param)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "a root"
    add_facts(root)
    add_process(root, 7)
    return root


def test_a_process_is_sent_as_it_is(awk_tools: Path, tree: Path) -> None:
    stream = run(awk_tools, tree)
    assert stream.exit_status == 0
    memory, identity = map(contents, stream.parts())
    folder = tree / "proc/7"
    for name in ("status", "stat", "limits", "maps"):
        assert memory[name, 7] == (folder / name).read_bytes()
    assert identity["comm", 7] == b"x\n"
    assert identity["cmdline", 7].rstrip(b"\0").split(b"\0") == [b"/bin/x", b"-v"]
    assert identity["cgroup", 7] == b"0::/system.slice/x.service\n"
    assert memory["end", 0].strip() == b"listed=1 sent=1 kernel=0 denied=0 vanished=0"
    assert identity["end", 0].strip() == b"sent=1"


def test_the_facts_of_the_host(awk_tools: Path, tree: Path) -> None:
    memory = contents(run(awk_tools, tree).parts()[0])
    assert memory["meminfo", 0] == b"MemTotal:        1000 kB\n"
    assert memory["thp", 0] == b"always [madvise] never\n"
    assert memory["overcommit", 0] == b"0\n"
    assert memory["max_map_count", 0] == b"65530\n"
    assert memory["osrelease", 0] == b"6.1.0\n"
    assert memory["boot_id", 0] == b"c0ffee\n"
    assert memory["uptime", 0] == b"100.00 200.00\n"
    assert memory["procstat", 0] == b"cpu0\ncpu1\nbtime 1700000000\n"
    assert memory["arch", 0] == b"riscv64\n"
    assert memory["os-release", 0] == b"ID=debian\n"
    assert re.fullmatch(rb"KernelPageSize: +\d+ kB", memory["page", 0])
    assert sorted(memory["cgroup-memory", 0].splitlines()) == [
        b"/system.slice\tmax\t7000",
        b"/system.slice/x.service\t4096\t2048",
    ]


def test_cgroup_version_1(awk_tools: Path, tree: Path) -> None:
    add_process(tree, 8, cgroup=b"9:cpu,cpuacct:/a\n4:memory:/docker/abc\n0::/\n")
    group = tree / "sys/fs/cgroup/memory/docker/abc"
    group.mkdir(parents=True)
    (group / "memory.limit_in_bytes").write_bytes(b"512\n")
    (group / "memory.usage_in_bytes").write_bytes(b"256\n")
    memory = contents(run(awk_tools, tree).parts()[0])
    assert b"/docker/abc\t512\t256" in memory["cgroup-memory", 0].splitlines()


def test_what_cannot_be_sent_is_counted(awk_tools: Path, tree: Path) -> None:
    add_kernel_thread(tree, 2)
    (add_process(tree, 8) / "maps").unlink()  # as it looks where it may not be opened
    (add_process(tree, 9) / "status").unlink()  # as it looks when it has just ended
    memory, identity = map(contents, run(awk_tools, tree).parts())
    assert memory["end", 0].strip() == b"listed=4 sent=2 kernel=1 denied=1 vanished=1"
    assert memory["denied", 8] == b""
    assert ("maps", 8) not in memory
    assert ("status", 2) not in memory
    assert ("comm", 8) in identity


def test_smaps_of_the_largest_within_the_budget(awk_tools: Path, tree: Path) -> None:
    add_process(tree, 8, rss_kb=900, anon_kb=800)
    add_process(tree, 9, rss_kb=5000, anon_kb=4000)  # does not fit by itself
    add_process(tree, 10, rss_kb=60, anon_kb=50)
    memory = contents(run(awk_tools, tree, smaps_kb=960).parts()[0])
    assert {pid for kind, pid in memory if kind == "smaps"} == {8, 10}
    assert {pid for kind, pid in memory if kind == "maps"} == {7, 9}
    assert memory["smaps", 8] == (tree / "proc/8/smaps").read_bytes()


@pytest.mark.parametrize("lines", [1, 255, 256, 257, 1024])
def test_smaps_of_any_length_is_sent_as_it_is(awk_tools: Path, tree: Path, lines: int) -> None:
    """It is read by lines and sent in pieces: as a whole, mawk takes time with the square of its length."""
    add_process(tree, 8, rss_kb=900, anon_kb=800)
    text = b"".join(b"Rss: %d kB\1\n" % number for number in range(lines))
    (tree / "proc/8/smaps").write_bytes(text)
    memory = contents(run(awk_tools, tree, smaps_kb=900).parts()[0])
    assert memory["smaps", 8] == text
    assert memory["maps", 7] == (tree / "proc/7/maps").read_bytes()


def test_bytes_of_any_value(awk_tools: Path, tree: Path) -> None:
    every = bytes(range(2, 256))
    add_process(
        tree, 8, name=b"\xff%s%n\\ \n", cmdline=b"a\0" + every + b"\0\n\nb\0", maps=MAPS + b"x \x01 \xff y\n"
    )
    memory, identity = map(contents, run(awk_tools, tree).parts())
    assert memory["maps", 8] == MAPS + b"x \x01 \xff y\n"
    assert identity["cmdline", 8].rstrip(b"\0").split(b"\0") == [b"a", every, b"\n\nb"]


def test_arguments_are_cut_at_their_limit(awk_tools: Path, tree: Path) -> None:
    add_process(tree, 8, cmdline=b"y" * 131072)
    add_process(tree, 9, cmdline=b"z" * 131073)
    identity = contents(run(awk_tools, tree).parts()[1])
    assert identity["cmdline", 8] == b"y" * 131072
    assert identity["cmdline", 9] == b"z" * 131072


def test_the_probe_does_not_send_itself(awk_tools: Path) -> None:
    identity = contents(run(awk_tools).parts()[1])
    sent = [text for (kind, _), text in identity.items() if kind == "cmdline"]
    assert b"/bin/sh\0-c\0: mapsweep probe; unset nonce" in sent
    assert not any(probe.SCRIPT.encode() in text for text in sent)


@pytest.mark.parametrize(
    "before", [b"/bin/sh\0-c\0", b"sudo\0-n\0/bin/sh\0-c\0", b"-bash\0-c\0sudo -n /bin/sh -c '"]
)
def test_what_started_the_probe_is_sent_without_its_text(before: bytes, awk_tools: Path, tree: Path) -> None:
    quoted = before.endswith(b"'")
    text = shlex.quote(probe.SCRIPT)[1:] if quoted else probe.SCRIPT
    add_process(tree, 8, cmdline=before + text.encode() + b"\0")
    identity = contents(run(awk_tools, tree).parts()[1])
    assert identity["cmdline", 8] == before + b": mapsweep probe; unset nonce"


@pytest.mark.parametrize(
    "cmdline",
    [
        b"/bin/x\0mapsweep probe\0--pool\0miner.example:3333\0",
        b"/bin/sh\0-c\0: mapsweep probe; unset nonce options; exec miner --pool miner.example:3333\0",
        b"/bin/sh\0-c\0" + probe.SCRIPT.encode() + b"\0--pool\0miner.example:3333\0",
        b"--pool\0miner.example:3333\0-c\0" + probe.SCRIPT.encode() + b"\0",
    ],
)
def test_no_process_hides_its_arguments_behind_the_name(cmdline: bytes, awk_tools: Path, tree: Path) -> None:
    add_process(tree, 8, cmdline=cmdline)
    identity = contents(run(awk_tools, tree).parts()[1])
    assert b"--pool" in identity["cmdline", 8]
    assert b"miner.example:3333" in identity["cmdline", 8]


def test_the_probe_is_told_from_other_processes_in_what_it_sends(awk_tools: Path) -> None:
    snapshot = read(*run(awk_tools).parts(), NONCE.encode())
    runtimes = identify(snapshot).runtime
    own = [
        argv
        for argv, runtime in zip(snapshot.processes.argv, runtimes, strict=True)
        if runtime == own_probe.RUNTIME
    ]
    assert (b"/bin/sh", b"-c") in [argv[:2] for argv in own]
    pytest_row = snapshot.processes.pid.tolist().index(os.getpid())
    assert runtimes[pytest_row] != own_probe.RUNTIME


def test_text_that_looks_like_marks_stays_text(awk_tools: Path, tree: Path) -> None:
    forged = b"x\n%s end 0\nlisted=0\n\n%s maps 7\nffff\n" % ((NONCE[::-1].encode(),) * 2)
    add_process(tree, 8, name=b"\nmaps 7\n", cmdline=forged)
    memory, identity = map(contents, run(awk_tools, tree).parts())
    assert memory["maps", 7] == MAPS
    assert identity["cmdline", 8].rstrip(b"\0") == forged
    assert memory["end", 0].strip() == b"listed=2 sent=2 kernel=0 denied=0 vanished=0"


@pytest.mark.parametrize("awk", AWKS)
def test_without_gzip_it_is_plain_text(awk: str, tree: Path, tmp_path: Path) -> None:
    stream = run(make_tools(tmp_path / "bin", ("tr", "uname"), awk), tree)
    ends = [match.end() for match in re.finditer(rb"\n%s end 0\n[^\n]*\n" % NONCE.encode(), stream.body)]
    assert len(ends) == 2
    memory, identity = contents(stream.body[: ends[0]]), contents(stream.body[ends[0] :])
    assert memory["maps", 7] == MAPS
    assert identity["cmdline", 7].rstrip(b"\0") == b"/bin/x\0-v"


def test_without_awk_grep_reads(tree: Path, tmp_path: Path) -> None:
    add_process(tree, 8, cmdline=b"x\n/proc/7/maps:ffff\0")
    stream = run(make_tools(tmp_path / "bin", ("grep", "gzip", "head")), tree)
    assert stream.exit_status == 0
    memory, identity = stream.parts()
    lines = memory.splitlines()
    assert b"%s/proc/7/maps:%s" % (bytes(tree), MAPS.rstrip()) in lines
    assert b"%s/proc/8/comm:x" % bytes(tree) in identity.splitlines()
    assert b"%s cmdline 8\nx\n/proc/7/maps:ffff\0\n" % NONCE.encode() in identity
    assert memory.endswith(b"listed=2\n")


def test_without_any_tool_it_says_so(tree: Path, tmp_path: Path) -> None:
    assert run(make_tools(tmp_path / "bin", ("gzip",)), tree).exit_status == probe.EXIT_NO_TOOL


def test_mawk_that_gives_up_starts_over(tree: Path, tmp_path: Path) -> None:
    """A read error, as of a process that ends while it is read, ends mawk; the next time it is gone."""
    maps = add_process(tree, 8) / "maps"
    maps.unlink()
    maps.mkdir()  # reading a folder is an error after the opening, too
    tools = make_tools(tmp_path / "bin", (*TOOLS, "rmdir"))
    shim = tools / "awk"
    shim.write_text(f'#!/bin/sh\n{find("mawk")} "$@"\nended=$?\nrmdir "{maps}" 2>/dev/null\nexit $ended\n')
    shim.chmod(0o755)
    stream = run(tools, tree)
    before, again, after = stream.body.partition(f"{NONCE} again 2\n".encode())
    assert again
    assert before
    assert f"{NONCE} again".encode() not in after
    memory, _ = Stream(f"{NONCE} begin 1\n".encode() + after, b"", 0).parts()
    assert contents(memory)["end", 0].strip() == b"listed=2 sent=2 kernel=0 denied=1 vanished=0"


def test_mawk_that_always_gives_up_leaves_it_to_grep(tree: Path, tmp_path: Path) -> None:
    maps = add_process(tree, 8) / "maps"
    maps.unlink()
    maps.mkdir()
    stream = run(make_tools(tmp_path / "bin", (*TOOLS, "grep"), "mawk"), tree)
    assert stream.exit_status == 0
    last = stream.body.rpartition(f"{NONCE} again 4\n".encode())[2]
    memory, identity = Stream(f"{NONCE} begin 1\n".encode() + last, b"", 0).parts()
    assert MAPS.rstrip() in memory
    assert b"/proc/8/comm:x" in identity


def test_a_tree_is_refused_through_sudo(tree: Path) -> None:
    for variable in ("SUDO_UID", "DOAS_USER"):
        stream = run(None, tree, environment={variable: "1000"})
        assert stream.exit_status == probe.EXIT_REFUSED
        assert stream.raw == b""


def test_through_sudo_the_tools_are_the_systems(tmp_path: Path) -> None:
    tools = make_tools(tmp_path / "bin", TOOLS)
    (tools / "awk").write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    (tools / "awk").chmod(0o755)
    assert run(tools, environment={"SUDO_UID": "1000"}).exit_status == 0
    assert not (tmp_path / "ran").exists()


def test_no_proc_is_an_exit_status(tmp_path: Path) -> None:
    assert run(None, tmp_path / "nothing").exit_status == probe.EXIT_NO_PROC


def test_the_nonce_is_on_no_command_line_and_in_no_environment() -> None:
    """The probe reads its own processes too, and what each awk, shell and gzip could be seen with."""
    stream = run(environment={"nonce": "exported", "options": "exported"})
    _, identity = stream.parts()
    for (kind, pid), content in contents(identity).items():
        if kind in {"cmdline", "comm"}:
            assert NONCE.encode() not in content, (kind, pid)


def test_the_environment_of_what_it_starts_has_no_nonce(tree: Path, tmp_path: Path) -> None:
    tools = make_tools(tmp_path / "bin", (*TOOLS, "env"), "gawk")
    (tools / "gzip").unlink()
    (tools / "gzip").write_text(f'#!/bin/sh\nenv > "{tmp_path}/environment"\nexec {find("gzip")} "$@"\n')
    (tools / "gzip").chmod(0o755)
    run(tools, tree, environment={"nonce": "exported"})
    environment = (tmp_path / "environment").read_text()
    assert "PATH=" in environment
    assert NONCE not in environment


@pytest.mark.slow
@needs_root
@pytest.mark.parametrize("awk", AWKS)
def test_the_number_of_processes_does_not_depend_on_the_number_of_pids(awk: str, tmp_path: Path) -> None:
    tools = make_tools(tmp_path / "bin", TOOLS, awk)
    started = []
    for pids in (50, 500):
        root = tmp_path / str(pids)
        add_facts(root)
        for pid in range(1, pids + 1):
            add_process(root, pid)
        # in a namespace of its own, pids are handed out one by one
        count = subprocess.run(
            ["unshare", "--pid", "--fork", "--mount-proc", "/bin/sh", "-c",
             '/bin/sh -c "$1" >/dev/null; /bin/sh -c "echo \\$\\$"; exit 0', "sh", probe.SCRIPT],
            input=f"{NONCE}\nsmaps_kb=0 root={root}\n".encode(),
            env={"PATH": f"{tools}:{os.environ['PATH']}"},
            capture_output=True,
            check=True,
        )  # fmt: skip
        started.append(int(count.stdout))
    assert started[0] == started[1]
    assert started[0] < 12


@needs_root
def test_an_account_without_rights_reads_its_own_and_counts_the_rest() -> None:
    done = subprocess.run(
        probe.argv(become=False),
        input=f"{NONCE}\nsmaps_kb=0 root=\n".encode(),
        capture_output=True,
        check=True,
        user=65534,
        group=65534,
        extra_groups=[],
    )
    memory = contents(Stream(done.stdout, done.stderr, 0).parts()[0])
    counts = dict(pair.split(b"=") for pair in memory["end", 0].split())
    assert int(counts[b"denied"]) >= 1
    assert ("denied", os.getpid()) in memory
    assert ("status", os.getpid()) in memory
    assert any(kind == "maps" for kind, _ in memory)  # the probe's own processes


def test_every_awk_agrees_on_this_machine(awk_tools: Path) -> None:
    child = subprocess.Popen([find("sleep"), "100"])
    try:
        await_exec(child.pid, b"sleep")
        stream = run(awk_tools)
        memory, identity = map(contents, stream.parts())
        assert memory["maps", child.pid] == Path(f"/proc/{child.pid}/maps").read_bytes()
        assert identity["cmdline", child.pid].rstrip(b"\0").endswith(b"sleep\x00100")
        counts = dict(pair.split(b"=") for pair in memory["end", 0].split())
        assert int(counts[b"sent"]) == sum(kind == "status" for kind, _ in memory)
        assert int(counts[b"listed"]) == sum(int(counts[name]) for name in (b"sent", b"kernel", b"vanished"))
    finally:
        child.kill()
        child.wait()


def test_the_script_survives_any_login_shell_and_sudoers() -> None:
    assert "\n" not in probe.SCRIPT
    assert "!" not in probe.SCRIPT
    assert "\\\\" not in probe.SCRIPT
    assert "  " not in probe.SCRIPT
    assert len(probe.SCRIPT) < 16 * 2**10
    assert probe.SCRIPT.isascii()


def test_each_connection_has_a_nonce_of_its_own() -> None:
    host = Host("a", "a", root="/r")
    first, second = (probe.draw(host, Limits(smaps_resident_bytes=2048), Evidence.SMAPS) for _ in range(2))
    assert first.nonce != second.nonce
    assert first.argv == second.argv
    assert first.standard_input == f"{first.nonce}\nsmaps_kb=2 root=/r\n".encode()
    assert probe.draw(host, Limits(), Evidence.MAPS).standard_input.endswith(b"smaps_kb=0 root=/r\n")
    with pytest.raises(ValueError, match="line break"):
        probe.draw(Host("a", "a", root="/r\nx"), Limits(), Evidence.MAPS)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_nothing_to_say() -> None:
    script = Path(probe.__file__).with_name("probe.sh")
    subprocess.run(["shellcheck", "-s", "sh", script], check=True)
