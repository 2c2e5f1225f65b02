"""mapsweep collect, also `collect`: sweep, classify, report."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from mapsweep import completing
from mapsweep.options import (
    broker_option,
    config_option,
    debug_option,
    fail_on_option,
    hosts_option,
    inventory_option,
    json_option,
    load,
    quiet_option,
    runs_option,
)
from mapsweep.terminal.exits import Exit

if TYPE_CHECKING:
    from mapsweep.settings.settings import Settings


@click.command(short_help="Sweep hosts, classify every process, and render the report.")
@hosts_option
@inventory_option
@runs_option
@click.option("--local", is_flag=True, help="This machine, without SSH and without an inventory.")
@click.option("--become", is_flag=True, help="Run the probe through sudo -n, to read every user's processes.")
@click.option("--concurrency", type=click.IntRange(1, 1000), metavar="N", help="Hosts at a time.")
@click.option(
    "--evidence",
    type=click.Choice(["maps", "smaps"]),
    help="smaps: also read the resident size of the largest processes; costs the hosts a page-table walk.",
)
@broker_option
@click.option(
    "--resume",
    metavar="RUN",
    shell_complete=completing.runs,
    help="Continue a stopped run, with the hosts and limits that it was started with.",
)
@click.option(
    "--mail-to", multiple=True, metavar="ADDRESS", help="Mail the report; can be given several times."
)
@fail_on_option
@click.option(
    "--list-hosts", "--dry-run", "list_hosts", is_flag=True, help="Print the hosts, and do nothing."
)
@json_option
@quiet_option
@config_option
@debug_option
@click.pass_context
def collect(
    ctx: click.Context,
    *,
    patterns: tuple[str, ...],
    inventory: Path | None,
    runs_url: str | None,
    local: bool,
    become: bool,
    concurrency: int | None,
    evidence: str | None,
    broker: str | None,
    resume: str | None,
    mail_to: tuple[str, ...],
    fail_on: tuple[str, ...],
    list_hosts: bool,
    as_json: bool,
    quiet: bool,
    config: Path | None,
) -> int:
    """Sweep hosts, classify every process, and render the report.

    \b
    mapsweep collect --hosts 'prod-*' --become
    mapsweep collect --hosts 'prod:&web:!web-07' -i hosts.yaml
    mapsweep collect --local
    """  # noqa: D301 - \b is click's mark
    _check(ctx, local=local, resume=resume, chosen=bool(patterns or inventory), broker=broker)
    settings = load(
        config,
        runs=runs_url,
        inventory=inventory,
        broker=broker,
        evidence=evidence,
        become=become or None,
        limits__concurrency=concurrency,
    )
    if list_hosts:
        _list(settings, patterns, fail_on, local=local, as_json=as_json)
        return Exit.OK
    # imported here, so that a mistake in the options does not wait for Polars
    from archive.runs import Runs  # noqa: PLC0415 - see above
    from mapsweep.conduct import conduct  # noqa: PLC0415 - see above
    from mapsweep.executors import check, executor  # noqa: PLC0415 - see above
    from mapsweep.manner import Manner  # noqa: PLC0415 - see above
    from mapsweep.request import sweep_request, typed_command  # noqa: PLC0415 - see above
    from mapsweep.settings.composition import signing_key  # noqa: PLC0415 - see above
    from mapsweep.thresholds import thresholds  # noqa: PLC0415 - see above
    from workers.life.plan import planned  # noqa: PLC0415 - see above

    wanted, manner = thresholds(fail_on), Manner(as_json, quiet)
    runs = Runs(settings.runs, signing_key(settings, os.environ))
    if resume:
        run = runs.open(resume)
        if run.closed() is None:
            check(run.manifest, settings, is_new=False)
    else:
        command = typed_command(ctx)
        request = sweep_request(settings, patterns, local=local, command=command, mail_to=mail_to)
        manifest = planned(request)
        check(manifest, settings)
        run = runs.create(manifest)
    who = executor(run.manifest, settings, manner)
    return conduct(run, who, wanted, top=settings.report.top, config=settings.file, manner=manner)


def _check(ctx: click.Context, *, local: bool, resume: str | None, chosen: bool, broker: str | None) -> None:
    if resume and (local or chosen):
        raise click.UsageError("--resume continues with the hosts of its run; omit --hosts, -i and --local.")
    if local and chosen:
        raise click.UsageError("--local selects only this machine; omit --hosts and -i.")
    if local and broker:
        raise click.UsageError("--local reads this machine; a worker would read its own.")
    if resume:
        _check_resume(ctx)


def _check_resume(ctx: click.Context) -> None:
    """What a run was asked for cannot be changed: to ignore it in silence would be worse."""
    for name in ("become", "evidence", "concurrency", "mail_to", "list_hosts"):
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = next(each.opts[0] for each in ctx.command.params if each.name == name)
            raise click.UsageError(f"--resume continues a run as it was planned; omit {option}.")


def _list(
    settings: "Settings", patterns: tuple[str, ...], fail_on: tuple[str, ...], *, local: bool, as_json: bool
) -> None:
    """Print the hosts; the thresholds of the run that is not made are checked."""
    if fail_on:
        from mapsweep.thresholds import thresholds  # noqa: PLC0415 - see above

        thresholds(fail_on)
    from mapsweep.selection import echo_hosts, selected, this_machine  # noqa: PLC0415 - see above

    echo_hosts(this_machine() if local else selected(settings, patterns), as_json=as_json)
