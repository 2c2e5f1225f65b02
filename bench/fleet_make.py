"""`python -m bench.fleet_make`: a folder of runs with the dumps of a made fleet, and its earlier runs.

    python -m bench.fleet_make runs --hosts 500 --processes 12 --seed 1

`mapsweep collect --resume RUN` closes the run whose id it prints.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from random import Random
from typing import Final

import click

from archive.run import Run
from archive.runs import Runs
from bench.fleet_dumps import dump
from bench.fleet_history import write_earlier
from bench.fleet_manifest import manifest
from bench.fleet_plan import Fleet, Home
from domain.records import Failure, Host, Stage

HOSTS, PROCESSES, SEED = 2_000, 117, 1
TEAMS: Final = ("shop", "data", "core", "pay")
# (stage, reason, detail, remedy) of hosts that gave no dump
_FAILURES: Final = (
    (Stage.TCP, "tcp_timeout", "no answer within 10 s", "check that the host is up, and the firewall"),
    (Stage.AUTH, "auth_rejected", "the host refused the key", "add the public key to authorized_keys"),
    (Stage.DNS, "dns_failed", "the name is not known", "correct ansible_host in the inventory"),
    (Stage.SUDO, "sudo_denied", "sudo: a password is required", "install the sudoers rule"),
)


def make(url: str, hosts: int, processes: int, seed: int, *, now: datetime | None = None) -> Run:
    """The run with the dumps, in a new folder of runs; its hosts have all answered or failed."""
    moment = (now or datetime.now(UTC)).replace(microsecond=0)
    fleet = Fleet(hosts, processes, seed, moment.timestamp())
    runs, asked = Runs(url), [_host(home) for home in fleet.homes]
    with _unsynced():
        write_earlier(fleet, runs, asked)
        run = runs.create(manifest(moment, asked, f"{seed & 0xFFFF:04x}"))
        draw = Random(f"failures {seed}")
        at = run.manifest.started_at
        for number, home in enumerate(fleet.homes):
            if home.is_failed:
                run.write_failure(Failure(home.name, *draw.choice(_FAILURES), attempt=1, at=at))
            else:
                run.write_dump(dump(fleet, fleet.plan(number)))
    return run


def _host(home: Home) -> Host:
    team = TEAMS[len(home.product) % len(TEAMS)]
    return Host(
        home.name,
        home.address,
        groups=(home.role.name, home.product),
        labels=(("role", home.role.name), ("team", team)),
    )


@contextmanager
def _unsynced() -> Iterator[None]:
    """What is made can be made again, so it does not have to outlive a power cut."""
    plain = os.fsync
    os.fsync = lambda fd: None  # noqa: ARG005 # as in os
    try:
        yield
    finally:
        os.fsync = plain


@click.command()
@click.argument("url")
@click.option("--hosts", default=HOSTS, show_default=True)
@click.option("--processes", default=PROCESSES, show_default=True, help="Of a host, more or less.")
@click.option("--seed", default=SEED, show_default=True)
def main(url: str, hosts: int, processes: int, seed: int) -> None:
    """Make a fleet's dumps and earlier runs in a folder of runs, and print the run to be closed."""
    click.echo(make(url, hosts, processes, seed).url)


if __name__ == "__main__":
    main()
