"""mapsweep demo: the job of `mapsweep collect` on a demo fleet."""

import os

import click

from archive.runs import Runs
from collector.inventory.inventory import load
from collector.inventory.patterns import select
from collector.session import Access, Sessions
from collector.ssh.keys import Credentials
from domain.records import Scope
from mapsweep.conduct import Executor, conduct
from mapsweep.demo.demo_fleet import DemoFleet, serving
from mapsweep.manner import Manner
from mapsweep.options import debug_option, json_option, quiet_option, runs_option
from mapsweep.options import load as load_settings
from mapsweep.settings.settings import default_runs
from mapsweep.terminal.exits import Exit
from procmaps.masking_options import Masking
from workers.here.embedded import execute
from workers.life.plan import Means, Request, check, planned

PATTERN = "all"
DEADLINE_S = 600


@click.command(short_help="Sweep a demo fleet on this machine.")
@json_option
@quiet_option
@runs_option
@debug_option
def demo(*, as_json: bool, quiet: bool, runs_url: str | None) -> Exit:
    """Sweep a demo fleet on this machine.

    Twelve SSH hosts on loopback addresses: this machine, nine that replay recorded processes, one that
    refuses the key, one that never answers. Two hosts fail by design, so this ends with exit code 3.
    """
    runs = Runs(runs_url or default_runs(os.environ))
    with serving() as fleet:
        hosts = select(load(fleet.inventory), PATTERN)
        request = Request(Scope("demo", PATTERN), hosts, fleet.limits, DEADLINE_S, command="mapsweep demo")
        manifest = planned(request)
        check(manifest, Means(runs.store))
        sessions = _sessions(fleet, load_settings(None).masking)
        ended = conduct(
            runs.create(manifest),
            Executor(lambda run, tell, stop: execute(run, sessions.of(run.manifest), tell, stop)),
            manner=Manner(as_json, quiet),
        )
    if not quiet:
        click.echo("The demo's hosts are gone; what they sent is kept in the run.", err=True)
    return ended


def _sessions(fleet: DemoFleet, masking: Masking) -> Sessions:
    """Strict host keys as in any sweep, without the agent and the keys of this account."""
    credentials = Credentials(use_agent=False, default_key_files=())
    return Sessions(Access(credentials, (fleet.known_hosts,), masking=masking))
