"""Executes a run on the terminal: progress, Ctrl-C, the summary, the exit code."""

import os
import shlex
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from errno import EROFS
from pathlib import Path
from threading import Event
from typing import TypeAlias

from archive.run import PAGE, Run
from archive.runs import Runs
from domain.mistakes import Mistake, OperatorError, is_of_a_place, is_the_machines
from domain.records import Manifest
from mapsweep import documents, mailing, posting
from mapsweep.mailing import Sent
from mapsweep.manner import FOR_PEOPLE, Manner
from mapsweep.most_failed import FLAG, MostFailed, Watch
from mapsweep.places import ANOTHER_PLACE
from mapsweep.run_document import exit_of, run_document
from mapsweep.terminal import debugging
from mapsweep.terminal.exits import Exit, complain
from mapsweep.terminal.interrupt import stoppable
from mapsweep.terminal.progress import display
from mapsweep.terminal.prose import command_lines
from mapsweep.terminal.summary import summary_lines, trouble_lines
from mapsweep.terminal.terminal import Terminal, terminal_of
from mapsweep.thresholds import Threshold, met
from mapsweep.what_next import flags_of, hints
from reports.report import Report, report
from reports.sentence.verdict import TOP_HOSTS
from workers.life.ending import Ended
from workers.life.progress import OnProgress

Execute: TypeAlias = Callable[[Run, OnProgress, Event], Ended | None]


def created(runs: Runs, manifest: Manifest) -> Run:
    """A new run; OperatorError, with the remedy, if this account may not keep one there."""
    try:
        return runs.create(manifest)
    except OSError as error:
        if not is_of_a_place(error) and error.errno != EROFS:
            raise
        problem = f"this account cannot keep runs there ({error.strerror})"
        raise OperatorError(Mistake(runs.store.url, problem, ANOTHER_PLACE)) from error


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
    most: MostFailed | None = None,
) -> Exit:
    """Execute a run, and print its summary, or one JSON document, or nothing unless there is trouble.

    The first Ctrl-C keeps the run and prints how to resume it; the second one raises KeyboardInterrupt.
    `config` is the settings file that the printed commands must name. With `most` the sweep is stopped as
    soon as more hosts fail.
    """
    flags = (*executor.stopped.flags, *flags_of(run, config), *_flags_of(wanted, most))
    stopped = replace(executor.stopped, flags=flags)
    asked = len(run.manifest.hosts)
    try:
        with stoppable(_tell_stopping) as stop:  # before the run is told: from then on people press Ctrl-C
            if not manner.quiet:
                hosts = f"{asked:,} {'host' if asked == 1 else 'hosts'}"
                print(f"run {run.run_id}: {hosts}", file=sys.stderr, flush=True)
            with _progress(asked, manner) as tell:
                watch = Watch(most, tell, stop) if most else None
                ended = executor.execute(run, watch or tell, stop)
    except KeyboardInterrupt:
        _tell_resume(run, stopped)
        raise
    except OSError as error:
        if is_the_machines(error):
            _tell_resume(run, stopped)
        raise
    if ended is None and watch is not None and watch.is_over:
        _tell_resume(run, replace(stopped, message=watch.message))
        return Exit.SOME_FAILED
    if ended is None:
        _tell_resume(run, stopped)
        return Exit.INTERRUPTED
    return _told(run, ended, wanted, config, manner, top=top)


def _told(
    run: Run, ended: Ended, wanted: tuple[Threshold, ...], config: Path | None, manner: Manner, *, top: int
) -> Exit:
    """Tell how a run ended, as the manner says; the exit code: mail counts most, then thresholds."""
    settled, sent = report(run), Sent(run.run_id, ended.mailed)
    undelivered = sent.code or posting.code_of(ended.posted)
    sentences = list(met(wanted, settled))
    code = undelivered or (Exit.THRESHOLD if sentences else exit_of(ended.closed))
    if manner.as_json:
        news = None if ended.posted is None else posting.as_json(posting.News(run.run_id, ended.posted))
        documents.echo(**run_document(run, settled, sent, sentences, code=code, top=top), webhook=news)
    elif not manner.quiet:
        show(settled, run, config, top)
    elif code is not Exit.OK:
        for line in trouble_lines(settled, terminal_of(sys.stderr), (run.report_path(PAGE),)):
            print(line, file=sys.stderr)
    for sentence in sentences:
        complain(sentence)
    mailing.told(sent, manner)
    if ended.posted is not None and posting.code_of(ended.posted):  # what went well is no news here
        posting.told(posting.News(run.run_id, ended.posted), manner)
    return code


def _progress(asked: int, manner: Manner) -> AbstractContextManager[OnProgress]:
    if manner.quiet:
        return nullcontext(lambda _now: None)
    return display(asked, sys.stderr, _terminal())


def show(settled: Report, run: Run, config: Path | None, top: int) -> None:
    """Print the summary of a sweep on standard output."""
    places = (run.report_path(PAGE),)
    lines = summary_lines(settled, terminal_of(sys.stdout), places, hints(settled, run, config), top)
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


def _flags_of(wanted: tuple[Threshold, ...], most: MostFailed | None) -> tuple[str, ...]:
    thresholds = tuple(word for each in wanted for word in ("--fail-on", each.typed))
    return (*thresholds, FLAG, most.typed) if most else thresholds
