"""mapsweep hosts: the hosts that a pattern selects."""

from pathlib import Path

import click

from mapsweep.options import config_option, hosts_option, inventory_option, json_option, load


@click.command(short_help="List the hosts that a pattern selects.")
@hosts_option
@json_option
@inventory_option
@config_option
def hosts(patterns: tuple[str, ...], as_json: bool, inventory: Path | None, config: Path | None) -> None:
    """List the hosts that a pattern selects, one per line, in the inventory's order.

    --json adds how each host is reached, and its labels.

    \b
    mapsweep hosts                                      all of them
    mapsweep hosts --hosts 'prod:&web:!web-07'          as Ansible reads it
    """  # noqa: D301 - \b is click's mark
    from mapsweep.selection import echo_hosts, selected  # noqa: PLC0415 - --help does not wait for it

    echo_hosts(selected(load(config, inventory=inventory), patterns), as_json=as_json)
