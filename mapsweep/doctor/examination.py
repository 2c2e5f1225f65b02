"""All checks of a doctor's visit: this machine, a sample of the hosts, and what all of them will take."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from collector.inventory.patterns import matching, obstructed, pattern_without
from domain.records import Host, Scope
from mapsweep.checkup import checked
from mapsweep.checkup_findings import Findings
from mapsweep.doctor.answers import answer_checks
from mapsweep.doctor.check import Check, Level
from mapsweep.doctor.machine import machine_checks, open_files_check
from mapsweep.doctor.remedies import Here
from mapsweep.doctor.sample import sample
from mapsweep.doctor.trial import Trial, try_out
from mapsweep.doctor.ways import few, way_checks
from mapsweep.doctor.whole import Whole, expected, whole_checks
from mapsweep.request import treatment
from mapsweep.selection import pattern_of
from mapsweep.settings.composition import accepted_keys, access, audit
from mapsweep.settings.settings import Settings
from mapsweep.settings.sources import Environment
from mapsweep.terminal.exits import Exit
from workers.life.plan import Request, planned


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be looked at."""

    patterns: tuple[str, ...]
    sample_hosts: int
    here: Here


@dataclass(slots=True)
class Examination:
    """What was found; `trial` and `whole` are None where no host could be chosen."""

    machine: tuple[Check, ...] = ()
    hosts: tuple[Check, ...] = ()
    chosen: int = 0  # hosts that the pattern names, with those that cannot be swept
    obstructed: int = 0  # of them
    sampled: tuple[Host, ...] = ()
    trial: Trial | None = field(default=None, repr=False)
    whole: Whole | None = None

    @property
    def code(self) -> Exit:
        """2 if something is wrong on this machine, 3 or 4 if some or all hosts of the sample failed."""
        if any(check.level is Level.FAIL for check in self.machine):
            return Exit.USAGE
        answered = len(self.trial.answered) if self.trial else 0
        failed = (len(self.trial.tried) if self.trial else 0) - answered + self.obstructed
        if not failed:
            return Exit.USAGE if any(check.level is Level.FAIL for check in self.hosts) else Exit.OK
        return Exit.SOME_FAILED if answered else Exit.ALL_FAILED


def examine(
    settings: Settings,
    environment: Environment,
    asked: Asked,
    stop: threading.Event,
    tell: Callable[[Sequence[Host], int], None],
) -> Examination | None:
    """Look at everything; None if `stop` was set first. `tell` gets the sample before it is asked.

    OperatorError if the pattern selects no host.
    """
    done = Examination()
    found = checked(settings, environment)
    named = _hosts(found, asked)
    hosts = tuple(each for each in named if not (found.inventory and each.name in found.inventory.obstacles))
    done.chosen, done.obstructed = len(named), len(named) - len(hosts)
    done.machine = (*machine_checks(settings, environment, found, asked.here), *_open_files(settings, hosts))
    done.hosts = tuple(_obstacle_checks(found, named, asked))
    if not hosts:
        return done
    done.sampled = sample(hosts, asked.sample_hosts)
    tell(done.sampled, done.chosen)
    pattern = pattern_of(asked.patterns)
    scope = Scope("doctor", pattern, settings.evidence, settings.become)
    limits = settings.limits.limits()
    given = found.tried(lambda: access(settings, environment))
    audited = audit(settings)
    if given is not None and audited.problem() is None:  # a problem is among what was found
        request = Request(scope, done.sampled, limits, settings.deadline_s, **treatment(settings))
        audited.tried(planned(request))
        encrypts = bool(settings.dump_recipients)
        done.trial = found.tried(lambda: try_out(request, given, stop, encrypts=encrypts))
    if stop.is_set():
        return None
    if done.trial is not None:
        done.hosts += (
            *way_checks(done.trial.tried, asked.here),
            *answer_checks(done.trial.answered, asked.here),
        )
    done.whole = expected(done.trial, len(hosts), limits)
    done.hosts += tuple(whole_checks(done.whole, settings))
    return done


def _hosts(found: Findings, asked: Asked) -> tuple[Host, ...]:
    """The hosts of the pattern; none if the inventory cannot be read, which is a mistake found already."""
    pattern = pattern_of(asked.patterns)
    return matching(found.inventory, pattern) if found.inventory is not None else ()


def _obstacle_checks(found: Findings, hosts: tuple[Host, ...], asked: Asked) -> Iterator[Check]:
    """What keeps hosts from being swept, each cause once; with the command that leaves all of them out."""
    if found.inventory is None:
        return
    without = pattern_without(found.inventory, pattern_of(asked.patterns), hosts)
    commands = (asked.here.again_with(without),) if without else ()
    for cause, names in obstructed(found.inventory, hosts).items():
        text = f"{cause.place}: {cause.problem}: {len(names)} of {len(hosts)}"
        yield Check(
            *(Level.FAIL, "inventory", f"{text} {'host' if len(hosts) == 1 else 'hosts'}"),
            details=few(names),
            remedy=cause.remedy,
            commands=commands,
        )


def _open_files(settings: Settings, hosts: tuple[Host, ...]) -> tuple[Check, ...]:
    return (open_files_check(settings, len(hosts)),) if hosts else ()


def known_hosts_file(settings: Settings) -> str:
    """The file of host keys to which a person adds one."""
    named = settings.ssh.known_hosts
    return named[0] if named else str(Path("~/.ssh/known_hosts").expanduser())


def host_key_files(settings: Settings, environment: Environment) -> tuple[Path, ...]:
    """All files in which a sweep looks for host keys."""
    named = (Path(each).expanduser() for each in settings.ssh.known_hosts)
    return (*named, accepted_keys(settings, environment))
