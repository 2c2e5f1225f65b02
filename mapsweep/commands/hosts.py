"""mapsweep hosts: the hosts that a pattern selects."""

import json
from dataclasses import asdict
from pathlib import Path

import click

from mapsweep.options import config_option, hosts_option, inventory_option, load


@click.command(short_help="List the hosts that a pattern selects.")
@hosts_option
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON document, with how each host is reached and its labels."
)
@inventory_option
@config_option
def hosts(patterns: tuple[str, ...], as_json: bool, inventory: Path | None, config: Path | None) -> None:
    """List the hosts that a pattern selects, one per line, in the inventory's order.

    \b
    mapsweep hosts                                      all of them
    mapsweep hosts --hosts 'prod:&web:!web-07'          as Ansible reads it
    """  # noqa: D301 - \b is click's mark
    from mapsweep.selection import selected  # noqa: PLC0415 - --help does not wait for it

    chosen = selected(load(config, inventory=inventory), patterns)
    if as_json:
        rows = [{**asdict(host), "groups": list(host.groups), "labels": dict(host.labels)} for host in chosen]
        click.echo(json.dumps({"schema_version": 1, "hosts": rows}, indent=1))
    else:
        for host in chosen:
            click.echo(host.name)
