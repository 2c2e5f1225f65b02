"""The exit codes, and how an exception becomes one."""

import os
import sys
from collections.abc import Callable
from enum import IntEnum
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

import click

from domain.mistakes import OperatorError, is_the_machines
from mapsweep.terminal import advice, debugging
from mapsweep.terminal.terminal import terminal_of, visible

SIGPIPE_EXIT = 128 + 13  # what a shell reports for a filter whose reader is gone


class Exit(IntEnum):
    """The exit codes, for scripts."""

    OK = 0
    THRESHOLD = 1
    USAGE = 2
    SOME_FAILED = 3
    ALL_FAILED = 4
    UNDELIVERED = 5
    STALE = 6
    BUG = 70
    TIMED_OUT = 124
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """One line for --help and the docs."""
        return _MEANINGS[self]


_MEANINGS = {
    Exit.OK: "all hosts answered",
    Exit.THRESHOLD: "a --fail-on threshold was met, or the last run of a schedule did not start",
    Exit.USAGE: "usage, configuration or input; or no host matched",
    Exit.SOME_FAILED: "some hosts failed",
    Exit.ALL_FAILED: "all hosts failed",
    Exit.UNDELIVERED: "the report, or what is new in it, could not be delivered",
    Exit.TIMED_OUT: "`mapsweep wait` waited as long as it may; the run goes on",
    Exit.STALE: "no good run is as young as runs --max-age asks",
    Exit.BUG: "a bug in mapsweep; it says what to report",
    Exit.INTERRUPTED: "interrupted; the run is kept and can be resumed",
}


def run_and_exit(command: Callable[[], object]) -> NoReturn:
    """Run a command and exit with its code; a mistake of the operator is never a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a name from a host must not break an ASCII terminal
            stream.reconfigure(errors="backslashreplace")
    code = code_of(command)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
        code = code or SIGPIPE_EXIT
    except OSError as trouble:
        _drop_stdout()
        complain(f"standard output: {trouble.strerror}")
        code = code or Exit.USAGE
    sys.exit(int(code))


def code_of(command: Callable[[], object]) -> int:
    """The exit code of a command; errors are reported on standard error, with advice that was held back."""
    advice.hold(False)
    code = _code_of(command)
    if code:
        for text in advice.held():
            complain(text, is_warning=True)
    return code


def _code_of(command: Callable[[], object]) -> int:
    try:
        result = command()
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except KeyboardInterrupt:
        return _tell(click.Abort())
    except Exception as trouble:  # noqa: BLE001 - the last line of defence: each is told as what it is
        return _tell(trouble)
    return result if isinstance(result, int) else Exit.OK


def _tell(trouble: Exception) -> int:
    code: int = Exit.USAGE
    match trouble:
        case click.exceptions.NoArgsIsHelpError():  # its message is the help, which has lines of its own
            trouble.show()
            code = trouble.exit_code
        case click.ClickException():
            if not debugging.takes_complaint(trouble.format_message(), is_warning=False):
                _show(trouble)
            code = trouble.exit_code
        case OperatorError():
            for mistake in trouble.mistakes:
                complain(str(mistake))
        case click.Abort():
            complain("interrupted")
            code = Exit.INTERRUPTED
        case BrokenPipeError():
            _drop_stdout()
            code = SIGPIPE_EXIT
        case OSError() if is_the_machines(trouble):
            complain(f"{trouble.filename or 'output'}: {trouble.strerror}")
        case _:
            _tell_bug(trouble)
            code = Exit.BUG
    return code


def _show(trouble: click.ClickException) -> None:
    """A mistake in the options, with the usage of the command; click would not break its sentence."""
    from mapsweep.terminal.prose import prose  # noqa: PLC0415 - only what goes wrong pays for it

    ctx = trouble.ctx if isinstance(trouble, click.UsageError) else None
    if ctx is not None:
        click.echo(ctx.get_usage(), err=True)
        option = next(iter(ctx.help_option_names), "--help")
        click.echo(f"Try '{ctx.command_path} {option}' for help.\n", err=True)
    for line in prose(f"Error: {trouble.format_message()}", terminal_of(sys.stderr)):
        click.echo(line, err=True)


def complain(text: str, *, is_warning: bool = False) -> None:
    """Print one message on standard error, with control bytes escaped; a service logs it instead."""
    lines = [line for line in text.splitlines() if not debugging.takes_complaint(line, is_warning=is_warning)]
    if lines:
        from mapsweep.terminal.prose import prose  # noqa: PLC0415 - only what goes wrong pays for it

        terminal = terminal_of(sys.stderr)
        wrapped = (shown for line in lines for shown in prose(f"mapsweep: {line}", terminal))
        click.echo("\n".join(wrapped), err=True)


def advise(text: str) -> None:
    """Print a warning that is as true every night: with --quiet only if the command ends with trouble."""
    if debugging.is_on() or not advice.is_held(text):
        complain(text, is_warning=True)


def _tell_bug(bug: Exception) -> None:
    from archive import bugs  # noqa: PLC0415 - no start of the command pays for it

    trace = bugs.trace(bug)
    summary = visible(f"{type(bug).__name__}: {bug}")[:300]
    complain(f"this is a bug in mapsweep: {summary}")
    debugging.tell("%s", trace)
    try:
        path = _keep(trace)
    except OSError:
        print(trace, file=sys.stderr)
        complain("please report it with the lines above")
    else:
        complain(f"please report it with this file: {path}")


def _keep(trace: str) -> Path:
    import tempfile  # noqa: PLC0415 - no start of the command pays for it

    descriptor, name = tempfile.mkstemp(prefix="mapsweep-bug-", suffix=".txt")  # 0600
    with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(trace)
    return Path(name)


def _drop_stdout() -> None:
    """Redirect standard output to /dev/null, so that the flush at exit does not fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
