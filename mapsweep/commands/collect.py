"""mapsweep collect, also `collect`: sweep, classify, report."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from domain.records import MailWhen
from mapsweep import completing
from mapsweep.options import (
    accept_new_option,
    accepting,
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
    from mapsweep.most_failed import MostFailed
    from mapsweep.retrying import Retry
    from mapsweep.settings.settings import Settings


@click.command(short_help="Sweep hosts, classify every process, and render the report.")
@hosts_option
@inventory_option
@runs_option
@click.option("--local", is_flag=True, help="This machine, without SSH and without an inventory.")
@click.option("--become", is_flag=True, help="Run the probe through sudo -n, to read every user's processes.")
@accept_new_option
@click.option(
    "--name",
    metavar="NAME",
    shell_complete=completing.names,
    help="What the runs are called, for example nightly.  [default: adhoc]",
)
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
    "--retry-failed",
    metavar="RUN",
    shell_complete=completing.runs,
    help="The hosts that failed in a closed run and answered in no retry of it, in a new run.",
)
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    metavar="REASON",
    help="With --retry-failed: those that failed by this reason, for example tcp_timeout.",
)
@click.option(
    "--max-failed",
    metavar="N|N%",
    help="Stop the sweep when more hosts failed than that; the run is kept and can be resumed.",
)
@click.option(
    "--mail-to", multiple=True, metavar="ADDRESS", help="Mail the report; can be given several times."
)
@click.option(
    "--mail-when",
    type=click.Choice([each.value for each in MailWhen]),
    default=MailWhen.ALWAYS.value,
    show_default=True,
    help="Mail it only if something changed, or got worse; if a host failed, it always is.",
)
@click.option(
    "--mail-owners", is_flag=True, help="Mail the owners of hosts, too: what concerns theirs (mail.owners)."
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
    inventory: tuple[str, ...],
    runs_url: str | None,
    local: bool,
    become: bool,
    accept_new: bool,
    name: str | None,
    concurrency: int | None,
    evidence: str | None,
    broker: str | None,
    resume: str | None,
    retry_failed: str | None,
    reasons: tuple[str, ...],
    max_failed: str | None,
    mail_to: tuple[str, ...],
    mail_when: str,
    mail_owners: bool,
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
    mapsweep collect --retry-failed latest --reason tcp_timeout
    mapsweep collect --local
    mapsweep collect -q --name nightly --hosts 'prod-*'    from cron
    """  # noqa: D301 - \b is click's mark
    _check(
        ctx,
        local=local,
        resume=resume,
        retry_failed=retry_failed,
        reasons=reasons,
        chosen=bool(patterns or inventory),
        broker=broker,
    )
    settings = load(
        config,
        runs=runs_url,
        inventory=inventory,
        broker=broker,
        evidence=evidence,
        become=become or None,
        ssh__host_key_policy=accepting(accept_new),
        limits__concurrency=concurrency,
    )
    if accept_new and settings.broker:
        remedy = "omit the option, and set ssh.host_key_policy in the settings of the workers"
        raise click.UsageError(f"--accept-new-host-keys: workers go by their own settings; {remedy}.")
    retry = _retry(settings, retry_failed, reasons) if retry_failed else None
    if retry is not None:  # what was not typed is as it was in that run
        settings = retry.as_asked(settings, become=become, evidence=evidence)
        name = retry.scope.name if name is None else name
    if list_hosts:
        _list(settings, patterns, fail_on, name, local=local, as_json=as_json, retry=retry)
        return Exit.OK
    # imported here, so that a mistake in the options does not wait for Polars
    from archive.runs import Runs  # noqa: PLC0415 - see above
    from mapsweep.conduct import conduct, created  # noqa: PLC0415 - see above
    from mapsweep.executors import check, executor, tell_audit  # noqa: PLC0415 - see above
    from mapsweep.manner import Manner  # noqa: PLC0415 - see above
    from mapsweep.request import ADHOC, MailRequest, sweep_request, typed_command  # noqa: PLC0415 - see above
    from mapsweep.settings.composition import dump_keys, signing_key  # noqa: PLC0415 - see above
    from mapsweep.thresholds import thresholds  # noqa: PLC0415 - see above
    from workers.life.plan import planned  # noqa: PLC0415 - see above

    wanted, manner = thresholds(fail_on), Manner(as_json, quiet)
    most = _most(max_failed, settings, local=local)
    runs = Runs(settings.runs, signing_key(settings, os.environ), dump_keys(settings))
    if resume:
        run = runs.open(resume)
        if run.closed() is None:
            check(run.manifest, settings, is_new=False)
    else:
        command, called = typed_command(ctx), ADHOC if name is None else name
        mailed = MailRequest(mail_to, MailWhen(mail_when), owners=mail_owners)
        request = sweep_request(
            settings, patterns, local=local, command=command, mail=mailed, name=called, retry=retry
        )
        manifest = planned(request)
        check(manifest, settings)
        run = created(runs, manifest)
    who = executor(run.manifest, settings, manner)
    tell_audit(run, settings, is_new=not resume)
    return conduct(run, who, wanted, top=settings.report.top, config=settings.file, manner=manner, most=most)


def _check(
    ctx: click.Context,
    *,
    local: bool,
    resume: str | None,
    retry_failed: str | None,
    reasons: tuple[str, ...],
    chosen: bool,
    broker: str | None,
) -> None:
    if resume and (local or chosen):
        raise click.UsageError("--resume continues with the hosts of its run; omit --hosts, -i and --local.")
    if local and chosen:
        raise click.UsageError("--local selects only this machine; omit --hosts and -i.")
    if retry_failed and local:
        raise click.UsageError("--retry-failed asks hosts of the inventory; omit --local.")
    if reasons and not retry_failed:
        raise click.UsageError("--reason chooses among the hosts of --retry-failed; give a run.")
    if local and broker:
        raise click.UsageError("--local reads this machine; a worker would read its own.")
    if resume:
        _check_resume(ctx)


def _most(typed: str | None, settings: "Settings", *, local: bool) -> "MostFailed | None":
    """How many hosts may fail. Workers go on whoever watches them, so with them there is no such limit."""
    if typed is None:
        return None
    from mapsweep.most_failed import most_failed  # noqa: PLC0415 - see above

    most = most_failed(typed)
    if settings.broker and not local:
        raise click.UsageError("--max-failed stops a sweep of this machine alone; omit it, or the broker.")
    return most


def _retry(settings: "Settings", name: str, reasons: tuple[str, ...]) -> "Retry":
    """The hosts that failed in a run, and what the run knows of how they were asked."""
    from archive.runs import Runs  # noqa: PLC0415 - see above
    from mapsweep.retrying import retry  # noqa: PLC0415 - see above
    from mapsweep.settings.composition import signing_key  # noqa: PLC0415 - see above

    runs = Runs(settings.runs, signing_key(settings, os.environ))
    return retry(runs, runs.open(name), reasons)


def _check_resume(ctx: click.Context) -> None:
    """What a run was asked for cannot be changed: to ignore it in silence would be worse."""
    planned = (
        "become",
        "name",
        "evidence",
        "concurrency",
        "retry_failed",
        "reasons",
        "mail_to",
        "mail_when",
        "mail_owners",
        "list_hosts",
    )
    for name in planned:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            option = next(each.opts[0] for each in ctx.command.params if each.name == name)
            raise click.UsageError(f"--resume continues a run as it was planned; omit {option}.")


def _list(
    settings: "Settings",
    patterns: tuple[str, ...],
    fail_on: tuple[str, ...],
    name: str | None,
    *,
    local: bool,
    as_json: bool,
    retry: "Retry | None",
) -> None:
    """Print the hosts; the thresholds and the name of the run that is not made are checked."""
    if name is not None:
        from mapsweep.request import check_name  # noqa: PLC0415 - see above

        check_name(name)
    if fail_on:
        from mapsweep.thresholds import thresholds  # noqa: PLC0415 - see above

        thresholds(fail_on)
    from mapsweep.selection import echo_hosts, selected, this_machine  # noqa: PLC0415 - see above

    if retry is not None:
        hosts = retry.selected(settings, patterns)
    else:
        hosts = this_machine() if local else selected(settings, patterns)
    echo_hosts(hosts, as_json=as_json)
