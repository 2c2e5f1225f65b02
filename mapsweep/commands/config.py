"""mapsweep config: the settings, checked or shown."""

import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mapsweep import documents
from mapsweep.options import (
    ALL_QUEUES,
    broker_option,
    config_option,
    inventory_option,
    json_option,
    load,
    quiet_option,
    runs_option,
)
from mapsweep.terminal.prose import prose, under_its_indent
from mapsweep.terminal.terminal import Terminal, cells, terminal_of, visible

if TYPE_CHECKING:
    from mapsweep.settings.effective import Effective
    from mapsweep.settings.settings import Settings


@click.group(short_help="Check or show the effective settings.")
def config() -> None:
    """Check or show the effective settings: those of the file, the environment and the options together."""


@config.command(short_help="Check the settings and all that they name.")
@click.option(
    "--queues",
    default=ALL_QUEUES,
    show_default=True,
    help="Check what a worker of these queues needs: secrets, host keys and key files are not everywhere.",
)
@json_option
@quiet_option
@inventory_option
@broker_option
@runs_option
@config_option
def check(
    *,
    queues: str,
    as_json: bool,
    quiet: bool,
    inventory: tuple[str, ...],
    broker: str | None,
    runs_url: str | None,
    config: Path | None,
) -> None:
    """Read the settings, the inventory, the schedules, the files of secrets, the host keys and the folder of
    the runs, and name each mistake with its place and its remedy.

    Nothing is written, and no host, broker or mail server is asked. The exit code is 2 if there is a mistake.
    """  # noqa: D205 - click's help text
    from domain.mistakes import OperatorError  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.checkup import checked  # noqa: PLC0415 - likewise
    from mapsweep.terminal import advice  # noqa: PLC0415 - likewise
    from mapsweep.terminal.exits import complain  # noqa: PLC0415 - likewise
    from workers.fleet.app import queues_of  # noqa: PLC0415 - likewise

    advice.hold(False)  # it is what this command is for
    wanted = queues_of(queues)
    settings = load(config, runs=runs_url, inventory=inventory, broker=broker)
    found = checked(settings, os.environ, wanted)
    if as_json:
        documents.echo(
            facts=[asdict(each) for each in found.facts],
            warnings=found.warnings,
            mistakes=[asdict(mistake) for mistake in dict.fromkeys(found.mistakes)],
        )
    elif not quiet:
        terminal = terminal_of(sys.stdout)
        for line in found.lines():
            for shown in under_its_indent(line, terminal):
                click.echo(shown)
    for warning in found.warnings:
        complain(f"warning: {warning}")
    if found.mistakes:
        raise OperatorError(*dict.fromkeys(found.mistakes))


@config.command(short_help="Show every setting as it is in force.")
@click.option("--origin", is_flag=True, help="Say of each where it is from.")
@json_option
@inventory_option
@broker_option
@runs_option
@config_option
def show(
    *,
    origin: bool,
    as_json: bool,
    inventory: tuple[str, ...],
    broker: str | None,
    runs_url: str | None,
    config: Path | None,
) -> None:
    """Show every setting as it is in force. Of secrets it only says where they come from."""
    from mapsweep.settings.effective import effective, secret_origins  # noqa: PLC0415 - starts pydantic

    settings = load(config, runs=runs_url, inventory=inventory, broker=broker)
    given, secrets = effective(settings), secret_origins(settings, os.environ)
    if as_json:
        documents.echo(
            file=str(settings.file) if settings.file else None,
            settings=[{"key": each.key, "value": each.value, "origin": each.origin} for each in given],
            secrets=[asdict(each) for each in secrets],
        )
        return
    terminal = terminal_of(sys.stdout)
    for line in prose(f"# {_file(settings)}", terminal):
        click.echo(line)
    for each in given:
        for line in _lines(each, terminal, with_origin=origin):
            click.echo(line)
    click.echo("# secrets, which are never shown")
    for secret in secrets:
        where = f"from {secret.origin}" if secret.origin else "not set"
        for line in prose(f"# {secret.name}: {where}", terminal, further="#   "):
            click.echo(line)


def _file(settings: "Settings") -> str:
    return str(settings.file) if settings.file else "no settings file"


def _lines(given: "Effective", terminal: Terminal, *, with_origin: bool) -> Iterator[str]:
    """The setting with its remarks behind it; on a terminal that is too narrow, before it."""
    setting = f"{given.key}: {json.dumps(given.value, ensure_ascii=False)}"
    remarks = "; ".join(filter(None, (given.note, given.origin if with_origin else "")))
    whole = visible(f"{setting}  # {remarks}" if remarks else setting)
    if not terminal.is_tty or cells(whole) <= terminal.columns:
        yield whole
        return
    if remarks:
        yield from prose(f"# {remarks}", terminal, further="#   ")
    yield from prose(setting, terminal)
