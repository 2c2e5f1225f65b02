import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mapsweep.cli import invoke, mapsweep
from mapsweep.process_view.csv_line import HEADER
from mapsweep.terminal.exits import code_of

COMMAND = str(Path(sys.executable).with_name("mapsweep"))
LINES = (
    "55d0c0000000-55d0c0002000 r--p 00000000 fc:00 393301                     /usr/bin/svc",
    "55d0c0002000-55d0c0006000 r-xp 00002000 fc:00 393301                     /usr/bin/svc",
    "55d0c0006000-55d0c0007000 rw-p 00006000 fc:00 393301                     /usr/bin/svc",
    "55d0c1a00000-55d0c1a84000 rw-p 00000000 00:00 0                          [heap]",
    "7f1a6c000000-7f1a6c400000 rw-p 00000000 00:00 0 ",
    "7f1a6c400000-7f1a70000000 ---p 00000000 00:00 0 ",
    "7f1a7affe000-7f1a7afff000 ---p 00000000 00:00 0 ",
    "7f1a7afff000-7f1a7b7ff000 rw-p 00000000 00:00 0 ",
    "7f1a7b7ff000-7f1a7b800000 ---p 00000000 00:00 0 ",
    "7f1a7b800000-7f1a7c000000 rw-p 00000000 00:00 0 ",
    "7f1a7d000000-7f1a7d028000 r--p 00000000 fc:00 393466                     /usr/lib/libc.so.6",
    "7f1a7d028000-7f1a7d1b0000 r-xp 00028000 fc:00 393466                     /usr/lib/libc.so.6",
    "7f1a7d1b0000-7f1a7d1b6000 rw-p 001b0000 fc:00 393466                     /usr/lib/libc.so.6",
    "7f1a7d400000-7f1a7d401000 -w-p 00000000 00:00 0                          [anon:\x1b[31mred]",
    "7ffd0a000000-7ffd0a021000 rw-p 00000000 00:00 0                          [stack]",
    "7ffd0a1f0000-7ffd0a1f4000 r--p 00000000 00:00 0                          [vvar]",
    "7ffd0a1f4000-7ffd0a1f6000 r-xp 00000000 00:00 0                          [vdso]",
    "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]",
)
MAPS = "".join(f"{line}\n" for line in LINES).encode()
STATUS = b"Name:\tsvc\nVmSize:\t   84396 kB\nVmRSS:\t    9000 kB\nRssAnon:\t    5000 kB\nThreads:\t3\n"
STAT = b"4711 (svc) S 1 4711 4711 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 3 0 1234 86421504 2250\n"

PLAIN = """\
7f1a7d400000   4.0 KiB (4,096 bytes), -w-p, [anon:\\x1b[31mred]

kind            count       each    reserved   committed

heap_main           1                528 KiB     528 KiB
heap_arena          1   64.0 MiB    64.0 MiB     4.0 MiB

main_stack          1                132 KiB     132 KiB
thread_stack        2    8.0 MiB    16.0 MiB    16.0 MiB

file_code           2                1.5 MiB     1.5 MiB
file_rodata         2                168 KiB     168 KiB
file_data           2               28.0 KiB    28.0 KiB

system              3               28.0 KiB    28.0 KiB

anonymous           1    4.0 KiB     4.0 KiB     4.0 KiB

unidentified        1                4.0 KiB     4.0 KiB
sum                15               82.4 MiB    22.4 MiB

sum reserved = 86,425,600 bytes, committed = 23,502,848 bytes
status: VmSize = 82.4 MiB, VmRSS = 8.8 MiB, RssAnon = 4.9 MiB, Threads = 3
"""
CSV = "0;0;1822720;540672;16777216;16785408;4194304;67108864;139264;139264;21651456;86425600"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small service with an arena and two thread stacks, shaped like /proc/PID."""
    (tmp_path / "maps").write_bytes(MAPS)
    (tmp_path / "status").write_bytes(STATUS)
    (tmp_path / "stat").write_bytes(STAT)
    return tmp_path


def smaps(rss_kb: int) -> bytes:
    """The same mappings as smaps, so much of each resident."""
    detail = f"Size: 0 kB\nRss: {rss_kb} kB\nPss: {rss_kb} kB\nSwap: 0 kB\nVmFlags: rd wr mr mw me ac\n"
    return "".join(f"{line}\n{detail}" for line in LINES).encode()


def classify(*arguments: str, stdin: bytes | None = None) -> Result:
    """What the command prints, within this process."""
    return CliRunner().invoke(mapsweep, ["classify", *arguments], input=stdin, catch_exceptions=True)


def plain_of(folder: Path) -> str:
    """What is printed of the process: which it is, and then the rest."""
    return f"pid 4711, {folder}, maps\n\n{PLAIN}"


def test_plain(folder: Path) -> None:
    result = classify(str(folder))
    assert result.stdout == plain_of(folder)
    assert result.stderr == ""


def test_the_first_line_says_which_process_it_is(folder: Path) -> None:
    (folder / "comm").write_bytes(b"red\x1b[31m\n")
    assert classify(str(folder)).stdout.startswith(f"red\\x1b[31m (4711), {folder}, maps\n\n")
    assert classify("-", stdin=MAPS).stdout.startswith("standard input, maps\n\n")
    own = classify(str(os.getpid())).stdout.partition("\n")[0]
    assert own == f"{Path('/proc/self/comm').read_text().strip()} ({os.getpid()}), smaps"
    document = json.loads(classify(str(folder), "--format", "json").stdout)
    assert (document["comm"], document["pid"], document["source"]) == ("red\x1b[31m", 4711, str(folder))


def test_the_twelve_columns(folder: Path) -> None:
    assert classify("-c", "-h", str(folder)).stdout == f"{HEADER}\n{CSV}\n"
    assert classify("-c", str(folder)).stdout == f"{CSV}\n"
    assert classify("-ch", str(folder)).stdout == f"{HEADER}\n{CSV}\n"
    assert classify("--format", "csv", str(folder)).stdout == f"{CSV}\n"
    assert HEADER.split(";")[:3] == ["JAVA-RSS", "JAVA-VSZ", "FILES-VSZ"]


def test_rss_of_the_twelve_columns_is_committed_with_smaps_too(folder: Path) -> None:
    (folder / "smaps").write_bytes(smaps(rss_kb=4))
    assert classify("-c", str(folder)).stdout == f"{CSV}\n"


def test_resident_bytes_where_they_are_known(folder: Path) -> None:
    (folder / "smaps").write_bytes(smaps(rss_kb=4))
    shown = classify(str(folder)).stdout
    assert re.search(r"^sum +15 +82\.4 MiB +22\.4 MiB +72\.0 KiB$", shown, re.MULTILINE)
    assert classify(str(folder), "--evidence", "maps").stdout == plain_of(folder)


def test_ranges_are_five_fields_a_part_and_conserve_every_byte(folder: Path) -> None:
    rows = [line.split("\t") for line in classify(str(folder), "--format", "ranges").stdout.splitlines()]
    assert {len(row) for row in rows} == {5}
    assert rows[3][:3] == ["55d0c1a00000", "55d0c1a84000", "heap_main"]
    assert sum(int(end, 16) - int(start, 16) for start, end, *_ in rows) == 86425600
    assert {row[4] for row in rows} <= {"certain", "likely", "guess"}


def test_why_gives_a_reason_for_every_part(folder: Path) -> None:
    rows = [
        line.split("\t") for line in classify(str(folder), "--format", "ranges", "--why").stdout.splitlines()
    ]
    assert {len(row) for row in rows} == {6}
    assert all(" " in row[5] for row in rows)
    plain = classify(str(folder), "--why").stdout
    assert plain.startswith(plain_of(folder))
    assert len(re.findall(r"(?m)^[0-9a-f]{8,}-[0-9a-f]{8,} ", plain)) == len(rows)
    assert "\x1b" not in plain


def test_why_tells_the_source_of_a_rule_and_what_lost_to_it_in_80_columns(folder: Path) -> None:
    lines = classify(str(folder), "--why").stdout.removeprefix(plain_of(folder)).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("    source: ") for line in lines) == len(
        {part["rule"] for part in _why_parts(folder)}
    )
    assert any(re.match(r"    or else \w+(, \S+ of it)? \[[\w.]+\]: ", line) for line in lines)


def test_json_with_why_lists_the_losers_of_each_part(folder: Path) -> None:
    parts = _why_parts(folder)
    for part in parts:
        assert part["source"]
        for loser in part["losers"]:
            assert set(loser) == {"kind", "rule", "confidence", "size_bytes", "reason"}
            assert loser["rule"] != part["rule"]
            assert loser["size_bytes"] > 0
    lost = [part for part in parts if part["losers"]]
    assert lost
    assert all(part["losers"][-1]["kind"] in {"anonymous", "reserved"} for part in lost)
    heap = next(part for part in parts if part["name"] == "[heap]")
    assert heap["losers"] == []  # its name decides


def _why_parts(folder: Path) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = json.loads(classify(str(folder), "--format", "json", "--why").stdout)[
        "parts"
    ]
    return parts


def test_json_is_one_document_of_numbers(folder: Path) -> None:
    document = json.loads(classify(str(folder), "--format", "json").stdout)
    assert document["schema_version"] == 1
    assert (document["pid"], document["threads"], document["evidence"]) == (4711, 3, "maps")
    assert document["reserved_bytes"] == sum(row["reserved_bytes"] for row in document["footprints"])
    assert all(part["resident_bytes"] is None for part in document["parts"])
    assert [part["name"] for part in document["parts"]][3] == "[heap]"


@pytest.mark.parametrize("arguments", [["-h"], ["--help"], ["-h", "4711"], ["-h", "--format", "plain", "x"]])
def test_h_without_c_is_help(arguments: list[str]) -> None:
    result = classify(*arguments)
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: mapsweep classify")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "name a PID"),
        (["-c", "--format", "json", "1"], "exclude each other"),
        (["-c", "--why", "1"], "--why does not work with CSV"),
        (["--format", "xml", "1"], "'xml' is not one of"),
        (["1", "2"], "unexpected extra argument"),
    ],
)
def test_misuse(arguments: list[str], told: str) -> None:
    result = classify(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr


def test_standard_input_and_a_file_give_what_a_folder_gives(folder: Path) -> None:
    of_file = classify("-c", str(folder / "maps"))
    of_stream = classify("-c", "-", stdin=MAPS)
    assert of_file.stdout == of_stream.stdout != ""


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code and both streams, with the shell that a console script has around a command."""
    code = code_of(lambda: invoke(mapsweep, "mapsweep", ["classify", *arguments]))
    streams = capsys.readouterr()
    return code, streams.out, streams.err


def test_a_file_cut_in_mid_line_shows_the_whole_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = tmp_path / "cut.maps"
    cut.write_bytes(MAPS[:300])
    code, out, err = told(capsys, str(cut), "--format", "ranges")
    assert code == 2
    assert [line.split("\t")[0] for line in out.splitlines()] == [
        "55d0c0000000",
        "55d0c0002000",
        "55d0c0006000",
    ]
    assert err.count("\n") == 1
    assert err.startswith(f"mapsweep: {cut}: ")
    assert "byte 300" in err


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty: a kernel thread"),
        (b"hello\nworld\n", "no line is a mapping"),
        (MAPS[:20], "no line is a mapping"),
    ],
)
def test_what_holds_no_mapping_is_one_line(
    content: bytes, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "maps"
    path.write_bytes(content)
    code, out, err = told(capsys, str(path))
    assert (code, out) == (2, "")
    assert why in err
    assert err.count("\n") == 1


def test_lines_that_are_no_mappings_are_told_and_the_rest_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "maps"
    whole = MAPS.index(b"\n") + 1
    path.write_bytes(MAPS[:whole] + b"hello\n" + MAPS[whole:])
    code, out, err = told(capsys, "-c", str(path))
    assert code == 0
    assert out.count(";") == 11
    assert f"byte {whole}" in err
    assert err.count("\n") == 1


def live(*arguments: str, **options: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [COMMAND, "classify", *arguments], capture_output=True, check=False, env=os.environ | options
    )


def test_the_console_script_on_a_live_process() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        ended = live("--evidence", "maps", str(child.pid))
        status = Path(f"/proc/{child.pid}/status").read_text()
    finally:
        child.kill()
        child.wait()
    assert (ended.returncode, ended.stderr) == (0, b"")
    reserved = re.search(rb"sum reserved = ([\d,]+) bytes", ended.stdout)
    vm_size = re.search(r"VmSize:\s+(\d+) kB", status)
    assert reserved
    assert vm_size
    vsyscall = 4096 if Path("/proc/self/maps").read_text().endswith("[vsyscall]\n") else 0
    assert int(reserved[1].replace(b",", b"")) - vsyscall == int(vm_size[1]) * 1024


def test_only_what_it_needs_is_imported(folder: Path) -> None:
    """The start of the command is what it imports: NumPy, click and the core."""
    code = (
        "import sys; from mapsweep.cli import mapsweep\n"
        f"mapsweep.main(['classify', {str(folder)!r}], standalone_mode=False)\n"
        "print(*sorted(sys.modules), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    modules = ended.stderr.split()
    imported = {name.partition(".")[0] for name in modules}
    assert {"numpy", "click", "procmaps"} <= imported
    heavy = {"rich", "polars", "pydantic", "yaml", "jinja2", "paramiko", "celery", "redis", "fsspec"}
    assert not imported & heavy
    assert not imported & {"workers", "collector"}
    assert {name for name in modules if name.startswith("reports")} <= {
        *("reports", "reports.text", "reports.text.sizes")
    }


def test_blas_starts_no_threads(folder: Path) -> None:
    code = (
        "from pathlib import Path; from mapsweep.cli import mapsweep\n"
        f"mapsweep.main(['classify', '-c', {str(folder)!r}], standalone_mode=False)\n"
        "print(len(list(Path('/proc/self/task').iterdir())))"
    )
    environ = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=environ)
    assert ended.stdout.splitlines()[-1] == b"1"


def test_an_ascii_terminal_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "maps"
    path.write_bytes(LINES[13].replace("red", "röd").encode() + b"\n")
    ended = live(str(path), PYTHONIOENCODING="ascii", LC_ALL="C")
    assert ended.returncode == 0
    assert b"r\\xf6d" in ended.stdout
