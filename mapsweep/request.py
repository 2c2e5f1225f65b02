"""The request for a run, from the settings and the command line."""

import shlex

import click
from click.core import ParameterSource

from domain.records import Scope
from mapsweep.mailing import recipients
from mapsweep.selection import LOCAL, pattern_of, selected, this_machine
from mapsweep.settings.settings import Settings
from procmaps.masking import mask_argv
from workers.life.plan import Request

ADHOC = "adhoc"  # the scope of runs that no schedule started


def sweep_request(
    settings: Settings, patterns: tuple[str, ...], *, local: bool, command: str, mail_to: tuple[str, ...]
) -> Request:
    """The request of the settings and the command line. OperatorError if no host matches."""
    return Request(
        scope=Scope(ADHOC, LOCAL if local else pattern_of(patterns), settings.evidence, settings.become),
        hosts=this_machine() if local else selected(settings, patterns),
        limits=settings.limits.limits(),
        deadline_s=settings.deadline_s,
        command=command,
        keep_dumps=settings.keep_dumps,
        mail_to=recipients(mail_to) if mail_to else (),
    )


def typed_command(ctx: click.Context) -> str:
    """The command as it was typed, in long options; a secret in a URL is masked."""
    words = ["mapsweep", str(ctx.command.name)]
    for parameter in ctx.command.params:
        name = parameter.name or ""
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
