"""`--debug` in one process: where it goes on and off, and lines that nobody can forge."""

import io
import logging
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mapsweep.terminal import debugging
from mapsweep.terminal.exits import Exit, code_of
from mapsweep.terminal.log_format import ROOMS
from mapsweep.terminal.log_lines import LINE_CHARS_MAX, LINES_MAX, LogLines
from tests.mapsweep.conftest import Here

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
DEBUGGED = ("beat", "classify", "collect", "demo", "mail", "reclassify", "report", "worker")


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


def record(name: str, text: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.DEBUG, __file__, 1, text, values, None)


def lines_of(written: io.StringIO, *records: logging.LogRecord) -> list[str]:
    lines = LogLines(written)
    for each in records:
        lines.handle(each)
    return [re.sub(rf"^{STAMP}", "TIME", line) for line in written.getvalue().splitlines()]


def test_a_record_is_a_line_with_its_time_and_its_room(written: io.StringIO) -> None:
    assert lines_of(written, record("workers", "%s: %d", "web1", 3)) == ["TIME workers: web1: 3"]


def test_control_and_direction_marks_are_written_out(written: io.StringIO) -> None:
    assert lines_of(written, record("collector", "a\x1b[2J\u202eb\x00")) == [
        "TIME collector: a\\x1b[2J\\u202eb\\x00"
    ]


@pytest.mark.parametrize("end", ["\n", "\r", "\x0b", "\x85", "\u2028"])
def test_no_text_begins_a_line_that_passes_for_a_record(written: io.StringIO, end: str) -> None:
    first, second = lines_of(written, record("collector", f"a{end}2026-11-29T00:00:00.000Z workers: b"))
    assert first == "TIME collector: a"
    assert second == "    2026-11-29T00:00:00.000Z workers: b"


def test_a_library_s_line_names_the_host_and_has_no_secret(written: io.StringIO) -> None:
    assert lines_of(
        written,
        record("paramiko.client.web1.example.org", "Auth banner: login --password=hunter2"),
        record("paramiko.client.web1.example.org", "server key: ssh-ed25519, rsa-sha2-512"),
    ) == [
        "TIME paramiko: web1.example.org: Auth banner: login --password=***",
        "TIME paramiko: web1.example.org: server key: ssh-ed25519, rsa-sha2-512",
    ]


def _refuse(text: str) -> None:
    raise ValueError(text)


def test_a_traceback_is_indented_and_masked(written: io.StringIO) -> None:
    told = record("workers", "failed")
    try:
        _refuse("--password=hunter2")
    except ValueError:
        told.exc_info = sys.exc_info()
    first, *more = lines_of(written, told)
    assert first == "TIME workers: failed"
    assert more[0] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") for line in more)
    assert more[-1] == "    ValueError: --password=***"


def test_lines_are_limited(written: io.StringIO) -> None:
    lines = lines_of(written, record("workers", "x" * 10 * LINE_CHARS_MAX + "\ny" * 2 * LINES_MAX))
    assert len(lines) == LINES_MAX
    assert lines[0] == "TIME workers: " + "x" * LINE_CHARS_MAX


def test_a_record_that_does_not_fit_its_values_ends_nothing(written: io.StringIO) -> None:
    assert lines_of(written, record("paramiko.client.a", "%d", "x")) == [
        "TIME paramiko: a: a record that cannot be printed"
    ]


def test_a_reader_that_has_gone_ends_nothing() -> None:
    stream = io.StringIO()
    stream.close()
    LogLines(stream).handle(record("workers", "a"))


def test_a_bug_prints_its_traceback_where_it_is_debugged(capsys: pytest.CaptureFixture[str]) -> None:
    def bug() -> None:
        raise RuntimeError("\x1b[2J")

    assert code_of(bug) == Exit.BUG
    assert "Traceback" not in capsys.readouterr().err
    debugging.start()
    try:
        assert code_of(bug) == Exit.BUG
    finally:
        debugging.stop()
    told = capsys.readouterr().err
    assert re.search(r"^    Traceback .*^    RuntimeError: \\x1b\[2J$", told, re.MULTILINE | re.DOTALL)
    assert "this is a bug in mapsweep" in told
    for line in told.splitlines():
        if not line.startswith(("mapsweep: ", "    ")):
            assert re.match(rf"{STAMP} mapsweep: ", line)


def test_it_is_off_again_with_the_next_command(here: Here, tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    maps.write_bytes(Path("/proc/self/maps").read_bytes())
    told = here("classify", "--debug", maps)
    assert re.search(rf"^{STAMP} mapsweep: \S+maps: read maps, \d+ bytes$", told.err, re.MULTILINE)
    assert re.search(
        rf"^{STAMP} mapsweep: \S+maps: labelled \d+ mappings in \d+ parts", told.err, re.MULTILINE
    )
    quiet = here("classify", maps)
    assert quiet.err == ""
    assert quiet.out == told.out
    assert not any(logging.getLogger(name).handlers for name in ROOMS)


@pytest.mark.parametrize("verb", DEBUGGED)
def test_the_verbs_that_can_be_debugged(verb: str, here: Here) -> None:
    assert "--debug" in here(verb, "--help").out


def test_a_variable_that_says_neither_yes_nor_no_is_a_mistake(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAPSWEEP_DEBUG", "loud")
    ended = here("report")
    assert ended.code == Exit.USAGE
    assert "loud" in ended.err


def test_what_is_not_debugged_does_not_pay_for_a_log() -> None:
    code = (
        "import sys; from mapsweep.cli import invoke, mapsweep;"
        "invoke(mapsweep, 'mapsweep', ['classify', '/proc/self/maps']);"
        "sys.exit(any('logging' == name or name.endswith('log_lines') for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
