"""mapsweep hosts: the hosts that a pattern selects."""

from pathlib import Path

import click

from mapsweep import completing
from mapsweep.options import config_option, hosts_option, inventory_option, json_option, load


@click.command(short_help="List the hosts that a pattern selects.")
@click.argument("more", metavar="[PATTERN]...", nargs=-1, shell_complete=completing.patterns)
@hosts_option
@click.option("--origin", is_flag=True, help="Say of each host where the values that concern it are from.")
@json_option
@inventory_option
@config_option
def hosts(
    *,
    more: tuple[str, ...],
    patterns: tuple[str, ...],
    origin: bool,
    as_json: bool,
    inventory: tuple[str, ...],
    config: Path | None,
) -> None:
    """List the hosts that a pattern selects, one per line, in the inventory's order.

    --json adds how each host is reached, and its labels; --origin the file and the line that say so.
    Hosts that cannot be swept are listed, too; standard error says why.

    \b
    mapsweep hosts                                      all of them
    mapsweep hosts 'prod:&web:!web-07'                  as Ansible reads it
    mapsweep hosts web-07 --origin                      why it is reached so
    """  # noqa: D301 - \b is click's mark
    from mapsweep.selection import echo_hosts, echo_origins, listed  # noqa: PLC0415 - --help does not wait for it

    found, read = listed(load(config, inventory=inventory), (*more, *patterns))
    if origin:
        echo_origins(found, read, as_json=as_json)
    else:
        echo_hosts(found, as_json=as_json, obstacles=read.obstacles)
