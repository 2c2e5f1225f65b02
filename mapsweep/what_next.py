"""The commands that the summary of a sweep tells its reader to run next."""

import os
import shlex
from pathlib import Path
from typing import Final

from archive.run import Run
from archive.runs import runs_beside
from domain.mistakes import OperatorError
from domain.troubles.table import PASSING
from mapsweep.places import place_flags
from mapsweep.retrying import FLAG
from mapsweep.settings import settings
from reports.report import Report
from reports.sentence import next_commands
from reports.sentence.headline import headline
from reports.tables.status import FAILED

# options of `collect` that `doctor` has too
DOCTORS_VALUES: Final = frozenset({"--hosts", "--inventory", "--config", "--runs", "--broker"})
DOCTORS_FLAGS: Final = frozenset({"--become", "--accept-new-host-keys"})
# options that say how hosts are asked, which no run keeps
ASKED_VALUES: Final = frozenset({"--broker"})
ASKED_FLAGS: Final = frozenset({"--accept-new-host-keys"})


def flags_of(run: Run, config: Path | None) -> tuple[str, ...]:
    """The flags with which another command finds this run, and the settings file."""
    return ("--runs", runs_beside(run).store.url, *(("--config", str(config)) if config else ()))


def hints(settled: Report, run: Run, config: Path | None) -> tuple[str, ...]:
    """Commands to run next. If nobody answered: what says why, check by check.

    With news: look at what changed most, then compare the two runs. Otherwise: look into the largest
    process, and send the report if a mail server is set. If hosts failed by what may pass: try them again.
    """
    again = _again(settled, run, config)
    first = settled.hosts[0] if settled.hosts else None
    if first is None or first.rank is None:
        return (*_to_the_doctor(run.manifest.command), *again)
    lead = headline(settled).lead
    host, pid = (lead.host, lead.pid) if lead is not None and lead.host else (first.name, first.largest_pid)
    looking = next_commands.show(host, pid, run.run_id, place_flags(run))
    if lead is not None:
        words = ("mapsweep", "diff", settled.run.compared_with, run.run_id, *place_flags(run))
        return looking, *again, shlex.join(words)
    if not _can_mail(config):
        return looking, *again
    words = ("mapsweep", "mail", run.run_id, "--to", "you@example.org", *flags_of(run, config))
    return looking, *again, shlex.join(words)


def _can_mail(config: Path | None) -> bool:
    """Whether the settings have a mail server."""
    try:
        return settings.load(config, os.environ).mail is not None
    except OperatorError:
        return False


def _again(settled: Report, run: Run, config: Path | None) -> tuple[str, ...]:
    """The command that asks the failed hosts again, if some failed by what may pass without a change."""
    command = shlex.split(run.manifest.command)
    if command[:2] != ["mapsweep", "collect"]:  # of a demo, whose hosts are gone, or of a schedule
        return ()
    if not any(group.status == FAILED and group.reason in PASSING for group in settled.failures):
        return ()
    typed = _kept(command, ASKED_VALUES, ASKED_FLAGS)
    return (shlex.join(("mapsweep", "collect", FLAG, run.run_id, *typed, *flags_of(run, config))),)


def _to_the_doctor(command: str) -> tuple[str, ...]:
    """The command that tries the hosts which a sweep asked, with those of its options that both have."""
    words = _kept(shlex.split(command), DOCTORS_VALUES, DOCTORS_FLAGS)
    return (shlex.join(("mapsweep", "doctor", *words)),) if "--hosts" in words else ()


def _kept(command: list[str], values: frozenset[str], flags: frozenset[str]) -> list[str]:
    """Of the words of a recorded command these options, with their values."""
    given = iter(command)
    words: list[str] = []
    for word in given:
        if word in values:
            words += (word, next(given, ""))
        elif word in flags:
            words.append(word)
    return words
