"""mapsweep webhook: the news of a run, posted to the webhook of the settings."""

import os
import sys
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
)
from mapsweep.terminal.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mapsweep.manner import Manner
    from mapsweep.posting import News


@click.command(short_help="Post the news of a run to the webhook of the settings.")
@run_argument
@click.option("--unsent", is_flag=True, help="Post the news of every run that the webhook has not got yet.")
@click.option("--test", "is_test", is_flag=True, help="Post a document without news, and tell the answer.")
@click.option("--dry-run", is_flag=True, help="Write the document to standard output and post nothing.")
@click.option("--schema", is_flag=True, help="Write the JSON Schema of the document to standard output.")
@json_option
@quiet_option
@runs_option
@config_option
@debug_option
def webhook(
    *,
    run: str,
    unsent: bool,
    is_test: bool,
    dry_run: bool,
    schema: bool,
    as_json: bool,
    quiet: bool,
    runs_url: str | None,
    config: Path | None,
) -> int:
    """Post the news of a run to the webhook of the settings: its new findings and newly failed hosts.

    RUN is a run's id, its path or URL, or latest. `collect` and the workers post them by themselves, once;
    this posts what the webhook has not got.

    \b
    mapsweep webhook --test         does the webhook take it?
    mapsweep webhook --dry-run      what would be posted of the latest run
    mapsweep webhook --unsent       what the webhook did not take before
    """  # noqa: D301 - \b is click's mark
    if sum((unsent, is_test, dry_run, schema)) > 1:
        raise click.UsageError("Give one of --unsent, --test, --dry-run and --schema.")
    if run != LATEST and (unsent or is_test or schema):
        raise click.UsageError("--unsent, --test and --schema are about no single run; omit RUN.")
    if as_json and (dry_run or schema):
        raise click.UsageError("--dry-run and --schema write JSON themselves; omit --json.")
    if schema:
        from reports.webhook import webhook_schema  # noqa: PLC0415 - --help does not wait for it

        sys.stdout.write(webhook_schema.page())
        return Exit.OK
    from archive.runs import Runs  # noqa: PLC0415 - likewise
    from mapsweep import posting  # noqa: PLC0415 - likewise
    from mapsweep.manner import Manner  # noqa: PLC0415 - likewise
    from mapsweep.settings.composition import signing_key, webhook_settings  # noqa: PLC0415 - likewise

    settings, manner = load(config, runs=runs_url), Manner(as_json, quiet)
    hook = webhook_settings(settings, os.environ)
    if is_test:
        return _told([posting.post_test(posting.required(hook, settings.where))], manner)
    if unsent:
        runs = Runs(settings.runs, signing_key(settings, os.environ))
        return _told(posting.post_unsent(runs, posting.required(hook, settings.where), manner=manner), manner)
    opened = Runs(settings.runs).open(run)
    if not dry_run:
        return _told([posting.post(opened, posting.required(hook, settings.where), manner)], manner)
    body = posting.written(opened, hook)
    if body is not None:
        sys.stdout.buffer.write(body)
    elif not quiet:
        click.echo(posting.no_news(opened), err=True)
    return Exit.OK


def _told(news: "Iterable[News]", manner: "Manner") -> int:
    """Tell what became of each; exit code 5 if the webhook has not got one."""
    from mapsweep import posting  # noqa: PLC0415 - --help does not wait for it
    from mapsweep.deliveries import told_each  # noqa: PLC0415 - likewise

    return told_each(news, posting.told, posting.as_json, manner, "news")
