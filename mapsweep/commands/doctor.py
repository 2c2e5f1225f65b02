"""mapsweep doctor: what a sweep would meet, on this machine and on a sample of the hosts."""

import getpass
import os
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mapsweep import documents
from mapsweep.options import (
    accept_new_option,
    accepting,
    broker_option,
    config_option,
    debug_option,
    hosts_option,
    inventory_option,
    json_option,
    load,
    quiet_option,
    runs_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from domain.records import Host
    from mapsweep.doctor.check import Check
    from mapsweep.doctor.examination import Examination
    from mapsweep.doctor.remedies import Here
    from mapsweep.settings.settings import Settings

SAMPLE_HOSTS = 8  # as mapsweep.doctor.sample says, whose import takes time
SAMPLE_HOSTS_MAX = 64  # likewise


@click.command(short_help="Try a few hosts, and say check by check what a sweep will meet.")
@hosts_option
@inventory_option
@click.option(
    "--sample",
    "sample_hosts",
    type=click.IntRange(1, SAMPLE_HOSTS_MAX),
    default=SAMPLE_HOSTS,
    show_default=True,
    metavar="N",
    help="Ask at most so many hosts, spread over the groups.",
)
@click.option("--become", is_flag=True, help="Run the probe through sudo -n, as collect --become does.")
@accept_new_option
@runs_option
@broker_option
@json_option
@quiet_option
@config_option
@debug_option
@click.pass_context
def doctor(
    ctx: click.Context,
    *,
    patterns: tuple[str, ...],
    inventory: Path | None,
    sample_hosts: int,
    become: bool,
    accept_new: bool,
    runs_url: str | None,
    broker: str | None,
    as_json: bool,
    quiet: bool,
    config: Path | None,
) -> int:
    """Try a few hosts, and say check by check what a sweep will meet: OK, WARN or FAIL,
    with the remedy as a command.

    Nothing is kept but the host keys that --accept-new-host-keys accepts. No mail is sent. The exit code is 0
    also with warnings, 2 if something is wrong on this machine, 3 if some hosts failed, 4 if all did.

    \b
    mapsweep doctor --hosts 'prod-*'
    mapsweep doctor --hosts 'prod-*' --become
    """  # noqa: D205, D301 - click's help text, \b is its mark
    from mapsweep.doctor.examination import Asked, examine  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.terminal import advice  # noqa: PLC0415 - likewise
    from mapsweep.terminal.exits import Exit  # noqa: PLC0415 - likewise
    from mapsweep.terminal.interrupt import stoppable  # noqa: PLC0415 - likewise

    advice.hold(False)  # it is what this command is for
    settings = load(
        config,
        runs=runs_url,
        inventory=inventory,
        broker=broker,
        become=become or None,
        ssh__host_key_policy=accepting(accept_new),
    )
    asked = Asked(patterns, sample_hosts, _here(ctx, settings))

    def tell(sampled: "Sequence[Host]", chosen: int) -> None:
        if not (as_json or quiet):
            click.echo(
                f"asking {len(sampled):,} of {chosen:,} {'host' if chosen == 1 else 'hosts'}", err=True
            )

    with stoppable(lambda: None) as stop:
        done = examine(settings, os.environ, asked, stop, tell)
    if done is None:
        return Exit.INTERRUPTED
    _show(done, as_json=as_json, quiet=quiet)
    return done.code


def _here(ctx: click.Context, settings: "Settings") -> "Here":
    """What the printed commands name: this command as it was typed, and the account that types it."""
    from mapsweep.doctor.examination import host_key_files, known_hosts_file  # noqa: PLC0415 - see above
    from mapsweep.doctor.remedies import Here  # noqa: PLC0415 - likewise
    from mapsweep.request import typed_command  # noqa: PLC0415 - likewise

    again = tuple(shlex.split(typed_command(ctx)))
    of_inventory = shlex.split(typed_command(ctx, frozenset({"inventory", "config"})))
    return Here(
        known_hosts_file(settings),
        own_account(),
        again,
        accepts_keys=not settings.broker,
        has_agent=bool(os.environ.get("SSH_AUTH_SOCK")),
        asks_agent=settings.ssh.use_agent,
        host_key_files=host_key_files(settings, os.environ),
        inventory=tuple(of_inventory[len(("mapsweep", "doctor")) :]),
    )


def own_account() -> str:
    """The account that runs this; "" if it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _show(done: "Examination", *, as_json: bool, quiet: bool) -> None:
    if as_json:
        documents.echo(**_document(done))
        return
    from mapsweep.doctor.check import Level  # noqa: PLC0415 - see above
    from mapsweep.doctor.lines import check_lines, last_line  # noqa: PLC0415 - likewise
    from mapsweep.terminal.terminal import terminal_of  # noqa: PLC0415 - likewise

    terminal = terminal_of(sys.stdout)
    checks = (*done.machine, *done.hosts)
    if quiet:
        told = [check for check in checks if check.level in {Level.WARN, Level.FAIL}]
        for line in check_lines(told, terminal):
            click.echo(line)
        return
    click.echo("this machine")
    for line in check_lines(done.machine, terminal):
        click.echo(line)
    if done.hosts:
        click.echo(f"\n{len(done.sampled):,} of {done.chosen:,} {'host' if done.chosen == 1 else 'hosts'}")
        for line in check_lines(done.hosts, terminal):
            click.echo(line)
    click.echo(f"\n{last_line(checks)}")


def _document(done: "Examination") -> dict[str, object]:
    """The checks, and what was expected of all hosts; what cannot be told is null."""
    return {
        "exit_code": int(done.code),
        "machine": [_row(check) for check in done.machine],
        "hosts": [_row(check) for check in done.hosts],
        "chosen": done.chosen,
        "sample": [host.name for host in done.sampled],
        "answered": None if done.trial is None else [each.host.name for each in done.trial.answered],
        "expected": None if done.whole is None else asdict(done.whole),
    }


def _row(check: "Check") -> dict[str, object]:
    return asdict(check) | {"level": check.level.name}
