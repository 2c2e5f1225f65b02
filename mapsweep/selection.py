"""The hosts that a pattern selects from the inventory of the settings."""

import os
import re
from collections.abc import Iterable
from dataclasses import asdict

import click

from collector.inventory.inventory import load
from collector.inventory.patterns import select
from domain.mistakes import Mistake, OperatorError
from domain.records import Connection, Host
from mapsweep import documents
from mapsweep.settings.settings import Settings, find_inventory
from mapsweep.terminal import debugging
from mapsweep.terminal.exits import complain

ALL = "all"
_NOTHING_AFTER_TILDE = re.compile(r"(?:\A|[,:])\s*[!&]?~\s*(?:[,:]|\Z)")
LOCAL = "localhost"


def pattern_of(patterns: tuple[str, ...]) -> str:
    """Joins several --hosts into one pattern; without any it is all hosts. OperatorError if one is empty.

    An empty pattern usually is an unset shell variable, and must not mean the whole fleet.
    """
    remedy = "give a pattern; `all` selects every host"
    if not all(pattern.strip() for pattern in patterns):
        raise OperatorError(Mistake("--hosts", "is empty", remedy))
    if any(map(_NOTHING_AFTER_TILDE.search, patterns)):
        raise OperatorError(Mistake("--hosts", "has an empty regular expression (~)", remedy))
    return ",".join(patterns) or ALL


def selected(settings: Settings, patterns: tuple[str, ...]) -> tuple[Host, ...]:
    """The hosts, in the inventory's order; OperatorError if none matches. Prints the warnings."""
    path = find_inventory(settings, os.environ)
    inventory = load(path)
    for warning in inventory.warnings:
        complain(warning)
    chosen = select(inventory, pattern_of(patterns))
    debugging.tell("inventory: %s has %d hosts, %d are chosen", path, len(inventory.hosts), len(chosen))
    return chosen


def echo_hosts(hosts: Iterable[Host], *, as_json: bool) -> None:
    """Print the hosts' names, one a line; as JSON also how each is reached, and its labels."""
    if as_json:
        rows = [{**asdict(host), "groups": list(host.groups), "labels": dict(host.labels)} for host in hosts]
        documents.echo(hosts=rows)
        return
    for host in hosts:
        click.echo(host.name)


def this_machine() -> tuple[Host, ...]:
    """The machine that mapsweep runs on, without SSH and without an inventory."""
    return (Host(LOCAL, LOCAL, connection=Connection.LOCAL),)
