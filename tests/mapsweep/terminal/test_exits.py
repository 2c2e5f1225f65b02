import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from domain.mistakes import Mistake, OperatorError
from mapsweep.cli import invoke
from mapsweep.terminal.exits import SIGPIPE_EXIT, Exit, code_of


def raising(error: BaseException) -> int:
    def command() -> None:
        raise error

    return code_of(command)


def test_a_command_ends_with_what_it_returns() -> None:
    assert code_of(lambda: Exit.SOME_FAILED) == 3
    assert code_of(lambda: None) == 0


def test_the_codes_are_an_interface() -> None:
    assert {code.name: code.value for code in Exit} == {
        "OK": 0,
        "THRESHOLD": 1,
        "USAGE": 2,
        "SOME_FAILED": 3,
        "ALL_FAILED": 4,
        "UNDELIVERED": 5,
        "STALE": 6,
        "BUG": 70,
        "TIMED_OUT": 124,
        "INTERRUPTED": 130,
    }
    assert all(code.meaning for code in Exit)


def test_every_mistake_of_the_operator_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    error = OperatorError(Mistake("a.yaml: x", "is wrong", "do y"), Mistake("--hosts", "matches nothing"))
    assert raising(error) == Exit.USAGE
    assert (
        capsys.readouterr().err
        == "mapsweep: a.yaml: x: is wrong (do y)\nmapsweep: --hosts: matches nothing\n"
    )


def test_what_a_mistake_quotes_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    raising(OperatorError(Mistake("host \x1b[31m", "\u202e")))
    assert capsys.readouterr().err == "mapsweep: host \\x1b[31m: \\u202e\n"


def test_misuse_is_told_by_click(capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(click.UsageError("no such option")) == Exit.USAGE
    assert "no such option" in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_interrupted(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    assert raising(error) == Exit.INTERRUPTED
    assert capsys.readouterr().err == "mapsweep: interrupted\n"


def test_a_bug_says_what_to_report(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert raising(KeyError("no\x1bsuch")) == Exit.BUG
    (kept,) = tmp_path.iterdir()
    told = capsys.readouterr().err
    assert str(kept) in told
    assert "\x1b" not in told
    assert "this is a bug in mapsweep: KeyError" in told
    text = kept.read_text()
    assert text.startswith("mapsweep 0.")
    assert "Traceback" in text
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_process_of_our_own_that_is_lost_is_not_taken_for_ctrl_c(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def lost() -> None:
        raise EOFError

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert code_of(lambda: invoke(lost, "lost", [])) == Exit.BUG
    assert "EOFError" in capsys.readouterr().err


def test_a_bug_without_a_place_to_write_goes_to_standard_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    assert raising(ZeroDivisionError("x")) == Exit.BUG
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert "report it with the lines above" in told


def run(code: str, stdout: int) -> subprocess.CompletedProcess[bytes]:
    program = (
        f"from mapsweep.terminal.exits import run_and_exit\ndef command():\n    {code}\nrun_and_exit(command)"
    )
    return subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, stdout=stdout, check=False)


def test_a_reader_that_has_gone_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = run("print('x' * 100000, flush=True)", stdout=writer)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (SIGPIPE_EXIT, b"")


def test_a_reader_that_goes_before_the_last_flush() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = run("print('short')", stdout=writer)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (SIGPIPE_EXIT, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_one_line() -> (
    None
):  # told at the print or at the flush, by how the stream is buffered
    full = os.open("/dev/full", os.O_WRONLY)
    ended = run("print('short')", stdout=full)
    os.close(full)
    assert ended.returncode == Exit.USAGE
    assert ended.stderr.startswith(b"mapsweep: ")
    assert ended.stderr.endswith(b"output: No space left on device\n")
    assert ended.stderr.count(b"\n") == 1
