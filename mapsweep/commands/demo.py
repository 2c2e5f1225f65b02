"""mapsweep demo: the job of `mapsweep collect` on a fleet of its own."""

from pathlib import Path

import click

from archive.records import Scope
from archive.runs import Runs
from collector.inventory import load
from collector.keys import Credentials, Keyring
from collector.known_hosts import KnownHosts
from collector.patterns import select
from collector.session import Session
from mapsweep.demo import DemoFleet, serving
from mapsweep.execution import conduct
from mapsweep.exits import Exit
from mapsweep.order import Order
from workers.embedded import execute

PATTERN = "all"
DEADLINE_S = 600


@click.command()
@click.option(
    "--runs",
    "runs_folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Where the run is kept.",
)
def demo(*, runs_folder: Path) -> Exit:
    """Sweep a demo fleet on this machine.

    Twelve SSH hosts on loopback addresses: this machine, nine that replay recorded processes, one that
    refuses the key, one that never answers. Two hosts fail by design, so this ends with exit code 3.
    """
    runs = Runs(str(runs_folder.absolute()))
    with serving() as fleet:
        hosts = select(load(fleet.inventory), PATTERN)
        order = Order(Scope("demo", PATTERN), hosts, fleet.limits, DEADLINE_S, command="mapsweep demo")
        session = _session(fleet)
        return conduct(order.place(runs), runs, lambda run, tell, stop: execute(run, session, tell, stop))


def _session(fleet: DemoFleet) -> Session:
    """Strict about host keys as any sweep, and blind to the account's own agent and keys."""
    return Session(
        limits=fleet.limits,
        keyring=Keyring(Credentials(use_agent=False, default_key_files=())),
        known_hosts=KnownHosts((fleet.known_hosts,)),
    )
