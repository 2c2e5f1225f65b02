"""Options of several commands, each declared once, and the settings overridden by them."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from mapsweep import completing
from mapsweep.redacting import WAYS
from mapsweep.terminal.log_format import LogFormat

if TYPE_CHECKING:
    from mapsweep.settings.settings import Settings

_T = TypeVar("_T")
DEBUG_VARIABLE = "MAPSWEEP_DEBUG"
LOG_FORMAT_VARIABLE = "MAPSWEEP_LOG_FORMAT"

ALL_QUEUES = "collect,classify,report"  # as workers.fleet.app says, whose import takes time
LATEST = "latest"  # as archive.runs says, whose import takes time

run_argument = click.argument("run", default=LATEST, shell_complete=completing.runs)
run_option = click.option(
    "--run",
    default=LATEST,
    metavar="RUN",
    shell_complete=completing.runs,
    help="The run; the beginning of its id is enough.  [default: latest]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")


def _quiet(_ctx: click.Context, _parameter: click.Parameter, asked: bool) -> bool:
    from mapsweep.terminal import advice  # noqa: PLC0415 - --help does not wait for it

    advice.hold(asked)
    return asked


quiet_option = click.option(
    "-q",
    "--quiet",
    is_flag=True,
    callback=_quiet,
    help="Say nothing unless something is wrong; exit codes are the same.",
)
hosts_option = click.option(
    "--hosts",
    "patterns",
    multiple=True,
    metavar="PATTERN",
    shell_complete=completing.patterns,
    help="Names, globs and groups, as Ansible reads them.",
)
inventory_option = click.option(
    "-i",
    "--inventory",
    multiple=True,
    metavar="SOURCE",
    shell_complete=completing.files,
    help="The inventory, as Ansible's: a file, a folder, a program, or hosts with commas between. Of several "
    "a later one wins.",
)
runs_option = click.option(
    "--runs",
    "runs_url",
    metavar="DIR|URL",
    shell_complete=completing.folders,
    help="Where runs are kept.",
)
config_option = click.option(
    "--config", type=click.Path(path_type=Path), metavar="FILE", help="The settings file, mapsweep.yaml."
)
broker_option = click.option("--broker", metavar="URL", help="The workers' Redis, redis://HOST:PORT/DB.")
accept_new_option = click.option(
    "--accept-new-host-keys",
    "accept_new",
    is_flag=True,
    help="Keep the key that a new host shows first, as ssh's StrictHostKeyChecking=accept-new; "
    "a changed key is still refused.",
)
fail_on_option = click.option(
    "--fail-on",
    multiple=True,
    metavar="MEASURE=SIZE|NEWS",
    shell_complete=completing.fail_on,
    help="Exit with 1 if a host has that much: native-heap=20G; or if something regressed, "
    "changed, or is a new-finding.",
)
so_far_option = click.option(
    "--so-far", is_flag=True, help="Show the results so far of a run that is open; other hosts are waiting."
)
redact_option = click.option(
    "--redact",
    type=click.Choice(WAYS),
    help="For readers outside: without command lines (args), with other names for hosts (hosts), or both.",
)
to_option = click.option(
    "--to", multiple=True, metavar="ADDRESS", help="Who gets it; can be given several times."
)


def _debug(_ctx: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    from mapsweep.terminal import debugging  # noqa: PLC0415 - only commands that can be debugged

    if asked:
        debugging.start()
    else:
        debugging.stop()


def _log_format(_ctx: click.Context, _parameter: click.Parameter, form: str) -> None:
    from mapsweep.terminal import debugging  # noqa: PLC0415 - as above

    debugging.write_as(LogFormat(form))


_only_debug_option = click.option(
    "-v",
    "--debug",
    is_flag=True,
    expose_value=False,
    is_eager=True,  # what the other options say is told as well
    envvar=DEBUG_VARIABLE,
    callback=_debug,
    help="Tell each step on standard error, with its time; no secrets.",
)
_log_format_option = click.option(
    "--log-format",
    type=click.Choice([each.value for each in LogFormat]),
    default=LogFormat.AUTO.value,
    expose_value=False,
    is_eager=True,
    envvar=LOG_FORMAT_VARIABLE,
    callback=_log_format,
    help="Log lines as text or JSON.  [default: auto, JSON for worker and beat off a terminal]",
)


def debug_option(command: Callable[..., object]) -> Callable[..., object]:
    """What a command tells about its own work, and in which form."""
    return _only_debug_option(_log_format_option(command))


def taken_over(ctx: click.Context, name: str, typed: _T | None) -> _T | None:
    """What was typed behind a verb of a group, or else before it."""
    above = ctx.parent.params.get(name) if ctx.parent else None
    return above if typed is None else typed


def accepting(accept_new: bool) -> str | None:
    """What --accept-new-host-keys sets."""
    return "accept-new" if accept_new else None


def load(config: Path | None, **typed: str | int | bool | Path | tuple[str, ...] | None) -> "Settings":
    """The settings; `typed` values, by their keys, override all others."""
    from mapsweep.settings import rights, settings  # noqa: PLC0415 - starts pydantic
    from mapsweep.terminal import debugging  # noqa: PLC0415 - likewise
    from mapsweep.terminal.exits import advise  # noqa: PLC0415 - likewise

    flags = {key.replace("__", "."): _absolute(key, value) for key, value in typed.items()}
    loaded = settings.load(config, os.environ, flags)
    for warning in (*loaded.warnings, *rights.warnings(loaded)):
        advise(warning)
    debugging.mask_as(loaded.masking)
    debugging.tell("settings: %s", loaded.file or "no file, defaults")
    for path, place in sorted(loaded.origins.items()):  # no values: one may be a password in the wrong place
        debugging.tell("settings: %s is from %s", path, place)
    return loaded


def _absolute(
    key: str, value: str | int | bool | Path | tuple[str, ...] | None
) -> str | int | bool | tuple[str, ...] | None:
    """A typed value; a path is relative to the working directory."""
    if isinstance(value, tuple):
        return value or None
    if isinstance(value, Path):
        return str(value.expanduser().absolute())
    if key == "runs" and isinstance(value, str) and value and "://" not in value:
        return str(Path(value).expanduser().absolute())
    return value
