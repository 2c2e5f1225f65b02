"""Checks of this machine: settings, inventory, open files, Redis and the mail server. Nothing is sent."""

import resource
from collections.abc import Iterator

from collector.ssh.policy import Policy
from collector.sweep import FILES_A_HOST, FILES_KEPT_FREE, threads_for
from domain.mistakes import Mistake, OperatorError
from mapsweep.checkup_findings import Findings
from mapsweep.doctor.check import Check, Level
from mapsweep.doctor.remedies import Here, accepting
from mapsweep.executors import ACCEPT_NEW
from mapsweep.settings import composition
from mapsweep.settings.for_workers import only_broker
from mapsweep.settings.settings import Settings
from mapsweep.settings.sources import Environment
from reports.mail.delivery import DeliveryError, try_login
from workers.fleet.broker import require_broker


def machine_checks(
    settings: Settings, environment: Environment, found: Findings, here: Here
) -> Iterator[Check]:
    """What `config check` has found, and what can be asked from here."""
    for fact in found.facts:
        yield Check(Level.OK, fact.what, fact.text)
    for warning in found.warnings:
        yield Check(Level.WARN, "settings", warning)
    for mistake in dict.fromkeys(found.mistakes):
        cures = accepting(here) if ACCEPT_NEW in mistake.remedy else ()
        yield _failed("settings", mistake, cures)
    if settings.ssh.host_key_policy is Policy.OFF:
        remedy = "set ssh.host_key_policy to strict or accept-new"
        yield Check(Level.WARN, "host keys", "are not checked: anybody can pose as a host", remedy=remedy)
    if settings.broker:
        yield from _redis(settings, environment)
    if settings.mail is not None:
        yield _mail(settings, environment)


def open_files_check(settings: Settings, hosts: int) -> Check:
    """Whether as many hosts can be read at once as the settings want."""
    wanted = min(settings.limits.concurrency, hosts)
    at_once = threads_for(wanted)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if at_once >= wanted:
        return Check(Level.OK, "open files", f"{_limit(soft)} allowed, enough for {wanted} at once")
    needed = FILES_KEPT_FREE + FILES_A_HOST * wanted
    raisable = hard == resource.RLIM_INFINITY or hard >= needed
    text = f"{_limit(soft)} allowed: only {at_once} of {wanted} hosts are read at once"
    return Check(
        Level.WARN,
        "open files",
        text,
        remedy="raise the limit in this shell"
        if raisable
        else "raise the hard limit (LimitNOFILE= of systemd)",
        commands=(f"ulimit -n {needed}",) if raisable else (),
    )


def _limit(files: int) -> str:
    return "any number" if files == resource.RLIM_INFINITY else f"{files:,}"


def _redis(settings: Settings, environment: Environment) -> Iterator[Check]:
    try:
        password = composition.broker_password(settings, environment)
        require_broker(only_broker(settings, password))
    except OperatorError as error:
        for mistake in error.mistakes:
            yield _failed("redis", mistake)
        return
    yield Check(Level.OK, "redis", f"{settings.broker} answers")


def _mail(settings: Settings, environment: Environment) -> Check:
    try:
        server = composition.mail_settings(settings, environment)
        if server is None:
            return Check(Level.UNKNOWN, "mail", "no mail server is set")
        try_login(server)
    except OperatorError as error:
        return _failed("mail", error.mistakes[0])
    except DeliveryError as error:
        remedy = "correct mail.server, mail.port, mail.security or the account's password; then look again"
        return Check(Level.FAIL, "mail", error.reason, remedy=remedy)
    login = f" as {server.username}" if server.username else ""
    return Check(Level.OK, "mail", f"{server.server}:{server.port} answers{login}; nothing was sent")


def _failed(name: str, mistake: Mistake, commands: tuple[str, ...] = ()) -> Check:
    text = f"{mistake.place}: {mistake.problem}"
    return Check(Level.FAIL, name, text, remedy=mistake.remedy, commands=commands)
