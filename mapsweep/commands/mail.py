"""mapsweep mail: the report of a run by e-mail."""

import os
import sys
from contextlib import nullcontext
from pathlib import Path

import click

from mapsweep.options import (
    config_option,
    debug_option,
    load,
    run_argument,
    runs_option,
    so_far_option,
    to_option,
)
from mapsweep.terminal.exits import Exit


@click.command(short_help="Send the report of a run by e-mail.")
@run_argument
@to_option
@so_far_option
@click.option("--dry-run", is_flag=True, help="Write the message to standard output and send nothing.")
@runs_option
@config_option
@debug_option
def mail(
    *, run: str, to: tuple[str, ...], so_far: bool, dry_run: bool, runs_url: str | None, config: Path | None
) -> int:
    """Send the report of a run by e-mail: text, HTML and hosts.csv.gz.

    RUN is a run's id, its path or URL, or latest. Without --to the mail goes to the list that the run was
    started with. The server is set in mapsweep.yaml; its password comes from the environment or a file.

    \b
    mapsweep mail --to you@example.org --to them@example.org
    mapsweep mail latest --dry-run --to you@example.org > report.eml
    """  # noqa: D301 - \b is click's mark
    from archive.runs import Runs  # noqa: PLC0415 - --help does not wait for it
    from mapsweep import mailing  # noqa: PLC0415 - likewise
    from mapsweep.settings.composition import mail_settings  # noqa: PLC0415 - likewise
    from workers.life import ending  # noqa: PLC0415 - likewise

    settings = load(config, runs=runs_url)
    opened = Runs(settings.runs).open(run)
    addressed = mailing.recipients(to or opened.manifest.mail_to)
    server = mail_settings(settings, os.environ)
    with ending.so_far(opened) if so_far else nullcontext(opened) as shown:
        if dry_run:
            sys.stdout.buffer.write(mailing.written(shown, addressed, server))
            return Exit.OK
        return mailing.send(shown, addressed, server)
