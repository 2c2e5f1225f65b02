"""mapsweep rules: the rules that label memory, and their order."""

import json
import sys

import click

from mapsweep import completing
from mapsweep.options import json_option
from mapsweep.terminal.terminal import terminal_of

PLAIN, JSON = FORMATS = ("plain", "json")


@click.command(short_help="Show the rules that label memory, and why they have their order.")
@click.argument("rule", required=False, shell_complete=completing.rules)
@click.option(
    "--format", "form", type=click.Choice(FORMATS), default=PLAIN, show_default=True, help="What to print."
)
@json_option
def rules(*, rule: str | None, form: str, as_json: bool) -> None:
    """Show the rules that label memory, and why they have their order.

    \b
    mapsweep rules                all of them
    mapsweep rules glibc.arena    one in full; classify --why names them
    """  # noqa: D301 - \b is click's mark
    from mapsweep import rule_pages  # noqa: PLC0415 - --help does not wait for it

    if as_json or form == JSON:
        document = rule_pages.rule_json(rule) if rule else rule_pages.book_json()
        click.echo(json.dumps(document, indent=1))
        return
    columns = terminal_of(sys.stdout).columns
    for line in rule_pages.rule_lines(rule, columns) if rule else rule_pages.book_lines(columns):
        click.echo(line)
