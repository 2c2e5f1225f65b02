"""The hosts that a pattern selects from the inventory of the settings."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Final

import click

from collector.inventory.inventory import Inventory, load
from collector.inventory.patterns import matching, obstacle_of, obstructed, select
from domain.mistakes import Mistake, OperatorError
from domain.records import Connection, Host
from mapsweep import documents
from mapsweep.settings.settings import Settings, find_inventory, surroundings
from mapsweep.terminal import debugging
from mapsweep.terminal.exits import advise, complain
from reports.text.plain import printable

ALL = "all"
_NOTHING_AFTER_TILDE = re.compile(r"(?:\A|[,:])\s*[!&]?~\s*(?:[,:]|\Z)")
LOCAL = "localhost"
NO_OBSTACLES: Final[Mapping[str, Sequence[Mistake]]] = MappingProxyType({})


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


def selected(
    settings: Settings, patterns: tuple[str, ...], *, runs_programs: bool = True
) -> tuple[Host, ...]:
    """The hosts, in the inventory's order; OperatorError if none matches. Prints the warnings."""
    inventory = _told(settings, runs_programs=runs_programs)
    return _counted(select(inventory, pattern_of(patterns)), inventory)


def listed(settings: Settings, patterns: tuple[str, ...]) -> tuple[tuple[Host, ...], Inventory]:
    """Also the hosts that cannot be swept, with the inventory; prints what keeps them from it."""
    inventory = _told(settings)
    hosts = _counted(matching(inventory, pattern_of(patterns)), inventory)
    for cause, names in obstructed(inventory, hosts).items():
        complain(f"cannot be swept: {obstacle_of(cause, names)}", is_warning=True)
    return hosts, inventory


def _told(settings: Settings, *, runs_programs: bool = True) -> Inventory:
    inventory = loaded(settings, runs_programs=runs_programs)
    for warning in inventory.warnings:
        advise(warning)
    return inventory


def _counted(hosts: tuple[Host, ...], inventory: Inventory) -> tuple[Host, ...]:
    debugging.tell(
        "inventory: %s has %d hosts, %d are chosen", inventory.label, len(inventory.hosts), len(hosts)
    )
    return hosts


def loaded(settings: Settings, *, runs_programs: bool = True) -> Inventory:
    """The inventory of the settings; OperatorError if there is none, or with every mistake in it."""
    found = find_inventory(settings, os.environ)
    return load(found, surroundings(settings, os.environ, runs_programs=runs_programs))


def echo_hosts(
    hosts: Iterable[Host], *, as_json: bool, obstacles: Mapping[str, Sequence[Mistake]] = NO_OBSTACLES
) -> None:
    """Print the hosts' names, one a line; as JSON also how each is reached, its labels and its obstacles."""
    if as_json:
        rows = [
            {
                **asdict(host),
                "groups": list(host.groups),
                "labels": dict(host.labels),
                "obstacles": [asdict(each) for each in obstacles.get(host.name, ())],
            }
            for host in hosts
        ]
        documents.echo(hosts=rows)
        return
    for host in hosts:
        click.echo(printable(host.name))


def echo_origins(hosts: Iterable[Host], inventory: Inventory, *, as_json: bool) -> None:
    """Print each value that concerns a host with its place: `NAME  FIELD = VALUE  PLACE`."""
    rows, obstacles = [], []
    for host in hosts:
        obstacles += [{"host": host.name, **asdict(each)} for each in inventory.obstacles.get(host.name, ())]
        given = asdict(host) | {"labels": dict(host.labels)}
        for field, place in inventory.origins(host.name).items():
            said = None if place is None else str(place)
            rows.append({"host": host.name, "field": field, "value": given[field], "origin": said})
    if as_json:
        documents.echo(origins=rows, obstacles=obstacles)
        return
    for row in rows:
        if row["origin"] is not None:
            click.echo(printable(f"{row['host']}  {row['field']} = {_shown(row['value'])}  {row['origin']}"))
        elif row["value"]:
            click.echo(printable(f"{row['host']}  {row['field']} = {_shown(row['value'])}  (default)"))


def _shown(value: object) -> str:
    """A value as the inventory has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return " ".join(f"{name}={text}" for name, text in value.items()) or "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def this_machine() -> tuple[Host, ...]:
    """The machine that mapsweep runs on, without SSH and without an inventory."""
    return (Host(LOCAL, LOCAL, connection=Connection.LOCAL),)
