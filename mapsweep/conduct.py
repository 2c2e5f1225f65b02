"""Executes a run on the terminal: progress, Ctrl-C, the summary, the exit code."""

import os
import shlex
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TypeAlias

from archive.run import PAGE, Run
from archive.runs import runs_beside
from domain.mistakes import is_the_machines
from mapsweep import documents, mailing
from mapsweep.mailing import Sent
from mapsweep.manner import FOR_PEOPLE, Manner
from mapsweep.places import place_flags
from mapsweep.run_document import exit_of, run_document
from mapsweep.terminal import debugging
from mapsweep.terminal.exits import Exit, complain
from mapsweep.terminal.interrupt import stoppable
from mapsweep.terminal.progress import display
from mapsweep.terminal.prose import command_lines
from mapsweep.terminal.summary import summary_lines, trouble_lines
from mapsweep.terminal.terminal import Terminal, terminal_of
from mapsweep.thresholds import Threshold, met
from reports import next_commands
from reports.report import Report, report
from reports.verdict import TOP_HOSTS
from workers.life.ending import Ended
from workers.life.progress import OnProgress

Execute: TypeAlias = Callable[[Run, OnProgress, Event], Ended | None]


@dataclass(frozen=True, slots=True)
class Stopped:
    """The message after a run was stopped, and the command that continues it."""

    message: str = "stopped; the run is kept. To continue:"
    flags: tuple[str, ...] = ()
    verb: tuple[str, ...] = ("collect", "--resume")


@dataclass(frozen=True, slots=True)
class Executor:
    """Who does what is still to be done of a run, to its end."""

    execute: Execute
    stopped: Stopped = Stopped()


def conduct(
    run: Run,
    executor: Executor,
    wanted: tuple[Threshold, ...] = (),
    *,
    top: int = TOP_HOSTS,
    config: Path | None = None,
    manner: Manner = FOR_PEOPLE,
) -> Exit:
    """Execute a run, and print its summary, or one JSON document, or nothing unless there is trouble.

    The first Ctrl-C keeps the run and prints how to resume it; the second one raises KeyboardInterrupt.
    `config` is the settings file that the printed commands must name.
    """
    flags = _flags(run, config)
    stopped = replace(executor.stopped, flags=(*executor.stopped.flags, *flags, *_flags_of(wanted)))
    asked = len(run.manifest.hosts)
    if not manner.quiet:
        hosts = f"{asked:,} {'host' if asked == 1 else 'hosts'}"
        print(f"run {run.run_id}: {hosts}", file=sys.stderr, flush=True)
    try:
        with stoppable(_tell_stopping) as stop, _progress(asked, manner) as tell:
            ended = executor.execute(run, tell, stop)
    except KeyboardInterrupt:
        _tell_resume(run, stopped)
        raise
    except OSError as error:
        if is_the_machines(error):
            _tell_resume(run, stopped)
        raise
    if ended is None:
        _tell_resume(run, stopped)
        return Exit.INTERRUPTED
    return _told(run, ended, wanted, flags, manner, top=top)


def _told(
    run: Run, ended: Ended, wanted: tuple[Threshold, ...], flags: tuple[str, ...], manner: Manner, *, top: int
) -> Exit:
    """Tell how a run ended, as the manner says; the exit code: mail counts most, then thresholds."""
    settled, sent = report(run), Sent(run.run_id, ended.mailed)
    sentences = list(met(wanted, settled))
    code = sent.code or (Exit.THRESHOLD if sentences else exit_of(ended.closed))
    if manner.as_json:
        documents.echo(**run_document(run, settled, sent, sentences, code=code, top=top))
    elif not manner.quiet:
        show(settled, run, flags, top)
    elif code is not Exit.OK:
        for line in trouble_lines(settled, terminal_of(sys.stderr), (run.report_path(PAGE),)):
            print(line, file=sys.stderr)
    for sentence in sentences:
        complain(sentence)
    mailing.told(sent, manner)
    return code


def _progress(asked: int, manner: Manner) -> AbstractContextManager[OnProgress]:
    if manner.quiet:
        return nullcontext(lambda _now: None)
    return display(asked, sys.stderr, _terminal())


def show(settled: Report, run: Run, flags: tuple[str, ...], top: int) -> None:
    """Print the summary of a sweep on standard output."""
    places = (run.report_path(PAGE),)
    lines = summary_lines(settled, terminal_of(sys.stdout), places, _hints(settled, run, flags), top)
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()


def _terminal() -> Terminal:
    """Standard error as progress is shown there: between the lines of --debug no bar can be redrawn."""
    terminal = terminal_of(sys.stderr)
    return replace(terminal, redraws=False) if debugging.is_on() else terminal


def _tell_stopping() -> None:
    # not print: this runs in a signal handler, perhaps in the middle of another write
    os.write(2, b"\nmapsweep: stopping; Ctrl-C again aborts\n")


def _tell_resume(run: Run, stopped: Stopped) -> None:
    complain(stopped.message)
    command = shlex.join(("mapsweep", *stopped.verb, run.run_id, *stopped.flags))
    for line in command_lines("", command, terminal_of(sys.stderr)):
        print(line, file=sys.stderr)


def _flags(run: Run, config: Path | None) -> tuple[str, ...]:
    """The flags with which another command finds this run."""
    return ("--runs", runs_beside(run).store.url, *(("--config", str(config)) if config else ()))


def _flags_of(wanted: tuple[Threshold, ...]) -> tuple[str, ...]:
    return tuple(word for each in wanted for word in ("--fail-on", f"{each.measure}={each.limit_bytes}"))


def _hints(settled: Report, run: Run, flags: tuple[str, ...]) -> tuple[str, ...]:
    """Commands to run next: look into the largest process, send the report; none if nobody answered."""
    first = settled.hosts[0] if settled.hosts else None
    if first is None or first.rank is None:
        return ()
    looking = next_commands.show(first.name, first.largest_pid, run.run_id, place_flags(run))
    return looking, shlex.join(("mapsweep", "mail", run.run_id, "--to", "you@example.org", *flags))
