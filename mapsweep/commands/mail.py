"""mapsweep mail: the report of a run by e-mail."""

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mapsweep.options import (
    LATEST,
    config_option,
    debug_option,
    json_option,
    load,
    quiet_option,
    run_argument,
    runs_option,
    so_far_option,
    to_option,
)
from mapsweep.terminal.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mapsweep.mailing import Sent
    from mapsweep.manner import Manner


@click.command(short_help="Send the report of a run by e-mail.")
@run_argument
@to_option
@so_far_option
@click.option("--unsent", is_flag=True, help="Send every report that somebody on its list has not got yet.")
@click.option("--dry-run", is_flag=True, help="Write the message to standard output and send nothing.")
@json_option
@quiet_option
@runs_option
@config_option
@debug_option
def mail(
    *,
    run: str,
    to: tuple[str, ...],
    so_far: bool,
    unsent: bool,
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
    mapsweep mail --unsent     what the mail server did not take before
    """  # noqa: D301 - \b is click's mark
    from archive.runs import Runs  # noqa: PLC0415 - --help does not wait for it
    from mapsweep import mailing  # noqa: PLC0415 - likewise
    from mapsweep.manner import Manner  # noqa: PLC0415 - likewise
    from mapsweep.settings.composition import mail_settings, signing_key  # noqa: PLC0415 - likewise
    from workers.life import ending  # noqa: PLC0415 - likewise

    if as_json and dry_run:
        raise click.UsageError("--dry-run writes the message itself; omit --json.")
    settings, manner = load(config, runs=runs_url), Manner(as_json, quiet)
    if unsent:
        _check_unsent(to, so_far=so_far, dry_run=dry_run, run=run)
        runs = Runs(settings.runs, signing_key(settings, os.environ))
        return _told(mailing.send_unsent(runs, mail_settings(settings, os.environ)), manner)
    opened = Runs(settings.runs).open(run)
    addressed = mailing.recipients(to or opened.manifest.mail_to)
    server = mail_settings(settings, os.environ)
    if not (to or so_far or dry_run):
        return _told([mailing.send_to_list(opened, server)], manner)
    with ending.so_far(opened) if so_far else nullcontext(opened) as shown:
        if dry_run:
            sys.stdout.buffer.write(mailing.written(shown, addressed, server))
            return Exit.OK
        return _told([mailing.send(shown, addressed, server)], manner)


def _told(mails: "Iterable[Sent]", manner: "Manner") -> int:
    """Tell what became of each mail; exit code 5 if somebody has not got one."""
    from mapsweep import documents, mailing  # noqa: PLC0415 - --help does not wait for it

    sent, code = [], Exit.OK
    for one in mails:  # each is told when it is sent
        code = max(code, mailing.told(one, manner))
        sent.append(mailing.as_json(one))
    if manner.as_json:
        documents.echo(mails=sent)
    return code


def _check_unsent(to: tuple[str, ...], *, so_far: bool, dry_run: bool, run: str) -> None:
    if to or so_far or dry_run or run != LATEST:
        raise click.UsageError("--unsent sends reports to their own lists; omit RUN, --to and other options.")
