"""The request for a run, from the settings and the command line."""

import shlex
from dataclasses import dataclass
from typing import TypedDict

import click
from click.core import ParameterSource

from archive.retries import pattern_of_retry
from domain.mistakes import Mistake, OperatorError
from domain.records import Connection, Host, MailWhen, OwnerList, Scope
from mapsweep.mailing import recipients
from mapsweep.retrying import Retry
from mapsweep.selection import LOCAL, pattern_of, selected, this_machine
from mapsweep.settings.composition import owner_lists
from mapsweep.settings.settings import Settings
from mapsweep.settings.values import schedule_name
from procmaps.masking import mask_argv
from workers.life.plan import Request

ADHOC = "adhoc"  # the scope of runs that no schedule started


@dataclass(frozen=True, slots=True)
class MailRequest:
    """Who is to be mailed, and when; with `owners` also those whom the settings name for the hosts."""

    to: tuple[str, ...] = ()
    when: MailWhen = MailWhen.ALWAYS
    owners: bool = False


def sweep_request(
    settings: Settings,
    patterns: tuple[str, ...],
    *,
    local: bool,
    command: str,
    mail: MailRequest,
    name: str = ADHOC,
    retry: Retry | None = None,
) -> Request:
    """The request of the settings and the command line; `name` is that of the scope.

    With `retry` only its hosts are asked, in a scope of its own.

    OperatorError if no host matches, or if a run must not be called so.
    """
    check_name(name)
    if retry is not None:
        hosts = retry.selected(settings, patterns)
        pattern = pattern_of_retry(pattern_of(patterns or (retry.pattern,)), retry.run_id)
    else:
        hosts = this_machine() if local else selected(settings, patterns)
        pattern = LOCAL if local else pattern_of(patterns)
    return Request(
        scope=Scope(name, pattern, settings.evidence, settings.become),
        hosts=hosts,
        limits=settings.limits.limits(),
        deadline_s=settings.deadline_s,
        command=command,
        keep_dumps=settings.keep_dumps,
        mail_to=recipients(mail.to) if mail.to else (),
        mail_when=mail.when,
        mail_owners=_owners(settings) if mail.owners else (),
        mutes=tuple(mute.mute() for mute in settings.mutes),
        **treatment(settings, by_workers=are_for_workers(hosts, settings)),
    )


def are_for_workers(hosts: tuple[Host, ...], settings: Settings) -> bool:
    """Whether workers ask these hosts. Not if all are this machine: a worker would read its own."""
    return bool(settings.broker) and any(host.connection is not Connection.LOCAL for host in hosts)


class Treatment(TypedDict):
    """Fields of a request: how this machine treats hosts, or "" where workers do."""

    host_key_policy: str
    arguments: str


def treatment(settings: Settings, *, by_workers: bool = False) -> Treatment:
    """What the settings say of it."""
    if by_workers:
        return Treatment(host_key_policy="", arguments="")
    return Treatment(host_key_policy=settings.ssh.host_key_policy.value, arguments=settings.arguments.value)


def _owners(settings: Settings) -> tuple[OwnerList, ...]:
    """The lists of the owners; OperatorError if the settings have none."""
    lists = owner_lists(settings)
    if not lists:
        problem = "the settings name no owner"
        raise OperatorError(Mistake("--mail-owners", problem, f"set mail.owners {settings.where}"))
    return lists


def check_name(name: str) -> None:
    """OperatorError unless runs can be called so, by the rules for schedules."""
    try:
        schedule_name(name)
    except ValueError as error:
        raise OperatorError(Mistake("--name", str(error), "for example --name nightly")) from error


def typed_command(ctx: click.Context, only: frozenset[str] | None = None) -> str:
    """The command as it was typed, in long options; a secret in a URL is masked.

    With `only`, of these parameters alone.
    """
    words = ["mapsweep", str(ctx.command.name)]
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if only is not None and name not in only:
            continue
        if name not in ctx.params or ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE:
            continue
        words += _typed(parameter, ctx.params[name])
    return shlex.join(word.decode("utf-8", "replace") for word in mask_argv(tuple(map(_encoded, words))))


def _encoded(word: str) -> bytes:
    return word.encode("utf-8", "replace")


def _typed(parameter: click.Parameter, value: object) -> list[str]:
    if not isinstance(parameter, click.Option):
        return [str(value)]
    flag = parameter.opts[-1]
    if parameter.is_flag:
        return [flag if value else (parameter.secondary_opts or [flag])[-1]]
    values = value if isinstance(value, tuple) else (value,)
    return [word for each in values for word in (flag, str(each))]
