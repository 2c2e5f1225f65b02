"""mapsweep mail: the report of a run by e-mail."""

import os
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from mapsweep.options import (
    config_option,
    debug_option,
    json_option,
    load,
    quiet_option,
    redact_option,
    run_argument,
    runs_option,
    so_far_option,
    to_option,
)
from mapsweep.redacting import redaction_of
from mapsweep.terminal.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from archive.run import Run
    from mapsweep.mailing import Sent, Write
    from mapsweep.manner import Manner
    from reports.mail.delivery import MailSettings

DAYS, DAYS_MAX = 7, 90  # as reports.mail.digest says, whose import takes time


@click.command(short_help="Send the report of a run by e-mail.")
@run_argument
@to_option
@click.option("--owner", metavar="NAME", default="", help="Only what concerns the hosts of this owner.")
@so_far_option
@redact_option
@click.option("--unsent", is_flag=True, help="Send every report that somebody on its list has not got yet.")
@click.option("--digest", is_flag=True, help="What stands of the run's schedule or name over the last days.")
@click.option(
    "--days",
    type=click.IntRange(1, DAYS_MAX),
    default=DAYS,
    show_default=True,
    help="The days of --digest.",
)
@click.option("--test", "is_test", is_flag=True, help="Send a small test, and print what the server answers.")
@click.option("--dry-run", is_flag=True, help="Write the message to standard output and send nothing.")
@json_option
@quiet_option
@runs_option
@config_option
@debug_option
@click.pass_context
def mail(
    ctx: click.Context,
    *,
    run: str,
    to: tuple[str, ...],
    owner: str,
    so_far: bool,
    redact: str | None,
    unsent: bool,
    digest: bool,
    days: int,
    is_test: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    runs_url: str | None,
    config: Path | None,
) -> int:
    """Send the report of a run by e-mail: text, HTML and hosts.csv.gz.

    RUN is a run's id, its path or URL, or latest. Without --to the mail goes to those of the run's list who
    have not got it; --to sends it to others, or again. The server is set in mapsweep.yaml; its password comes
    from the environment or a file.

    \b
    mapsweep mail --to you@example.org --to them@example.org
    mapsweep mail latest --dry-run --to you@example.org > report.eml
    mapsweep mail --digest --to you@example.org    what stands, over 7 days
    mapsweep mail --test --to you@example.org      does mail arrive?
    mapsweep mail --redact all --to vendor@example.org    without names
    mapsweep mail --unsent     what the mail server did not take before
    """  # noqa: D301 - \b is click's mark
    from archive.runs import Runs, runs_beside  # noqa: PLC0415 - --help does not wait for it
    from mapsweep import mailing  # noqa: PLC0415 - likewise
    from mapsweep.manner import Manner  # noqa: PLC0415 - likewise
    from mapsweep.settings.composition import audit, mail_settings, signing_key  # noqa: PLC0415 - likewise

    _check(ctx)
    settings, manner = load(config, runs=runs_url), Manner(as_json, quiet)
    server = mail_settings(settings, os.environ)
    if unsent:
        runs = Runs(settings.runs, signing_key(settings, os.environ))
        needed = mailing.required(server, settings.where)
        return _told(mailing.send_unsent(runs, needed, manner=manner), manner)
    if is_test:
        write = mailing.trial(mailing.recipients(to))
        return _sent(write, server, settings.where, manner, dry_run=dry_run)
    audited = audit(settings)
    opened = Runs(settings.runs).open(run)
    addressed = mailing.recipients(to or opened.manifest.mail_to)
    if digest:
        scope = opened.manifest.scope.name
        write = mailing.digest_of(runs_beside(opened), settings, scope, days, addressed)
        tell = partial(audited.mailed, {"digest": scope, "days": days}, addressed)
        return _sent(write, server, settings.where, manner, dry_run=dry_run, tell=tell)
    if not (to or owner or so_far or dry_run or redact):
        needed = mailing.required(server, settings.where)
        return _told([mailing.send_to_list(opened, needed, manner)], manner)
    redaction = redaction_of(opened, redact)
    with _shown(opened, so_far=so_far) as shown:
        if redaction is None:
            write = mailing.report_of(shown, addressed, owner)
        else:
            write = mailing.redacted_report_of(shown, addressed, redaction)
        what = {"run": shown.run_id, "redact": redact, "owner": owner}
        tell = partial(audited.mailed, what, addressed)
        return _sent(write, server, settings.where, manner, dry_run=dry_run, run_id=shown.run_id, tell=tell)


def _shown(run: "Run", *, so_far: bool) -> "AbstractContextManager[Run]":
    """The run as it is, or with what has come in of it."""
    from workers.life import ending  # noqa: PLC0415 - --help does not wait for it

    return ending.so_far(run) if so_far else nullcontext(run)


def _sent(
    write: "Write",
    server: "MailSettings | None",
    where: str,
    manner: "Manner",
    *,
    dry_run: bool,
    run_id: str = "",
    tell: "Callable[[], None]" = lambda: None,
) -> int:
    """Send a message, or write it to standard output; `where` says where a server that is missing belongs.

    `tell` is called before it is sent.
    """
    from mapsweep import mailing  # noqa: PLC0415 - --help does not wait for it

    if dry_run:
        sys.stdout.buffer.write(mailing.written(write, server))
        return Exit.OK
    needed = mailing.required(server, where)
    tell()
    return _told([mailing.send(write, needed, run_id, manner)], manner)


def _told(mails: "Iterable[Sent]", manner: "Manner") -> int:
    """Tell what became of each mail; exit code 5 if somebody has not got one."""
    from mapsweep import mailing  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.deliveries import told_each  # noqa: PLC0415 - likewise

    return told_each(mails, mailing.told, mailing.as_json, manner, "mails")


_MODES: Final[tuple[tuple[str, str, frozenset[str]], ...]] = (  # a mode, and what means nothing with it
    (
        "unsent",
        "--unsent sends reports to their own lists; omit RUN, --to and other options.",
        frozenset({"run", "to", "owner", "so_far", "redact", "digest", "is_test", "dry_run"}),
    ),
    (
        "is_test",
        "--test is about no run; omit RUN, --owner, --so-far, --redact and --digest.",
        frozenset({"run", "owner", "so_far", "redact", "digest"}),
    ),
    (
        "digest",
        "--digest is about several runs; omit --owner, --so-far and --redact.",
        frozenset({"owner", "so_far", "redact"}),
    ),
    (
        "redact",
        "--redact leaves out who owns what; omit --owner.",
        frozenset({"owner"}),
    ),
)


def _check(ctx: click.Context) -> None:
    """What is given together must mean something together."""
    given = {name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if {"as_json", "dry_run"} <= given:
        raise click.UsageError("--dry-run writes the message itself; omit --json.")
    for mode, problem, useless in _MODES:
        if mode in given and useless & given:
            raise click.UsageError(problem)
    if "days" in given and "digest" not in given:
        raise click.UsageError("--days says how long a time --digest is about; add --digest.")
    if "redact" in given and "to" not in given:
        raise click.UsageError("--redact needs --to: the run's own list gets the whole report.")
    if "owner" in given and "to" not in given:
        raise click.UsageError("--owner needs --to: the owners' own lists get theirs with the run.")
