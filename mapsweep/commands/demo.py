"""mapsweep demo: the job of `mapsweep collect` on a demo fleet."""

import os
from typing import TYPE_CHECKING

import click

from mapsweep.options import debug_option, json_option, quiet_option, runs_option
from mapsweep.options import load as load_settings

if TYPE_CHECKING:
    from collector.session import Sessions
    from mapsweep.demo.demo_fleet import DemoFleet
    from mapsweep.terminal.exits import Exit
    from procmaps.masking_options import Masking

PATTERN = "all"
DEADLINE_S = 600


@click.command(short_help="Sweep a demo fleet on this machine.")
@json_option
@quiet_option
@runs_option
@debug_option
def demo(*, as_json: bool, quiet: bool, runs_url: str | None) -> "Exit":
    """Sweep a demo fleet on this machine.

    Twelve SSH hosts on loopback addresses: this machine, nine that replay recorded processes, one that
    refuses the key, one that never answers. Two hosts fail by design, so this ends with exit code 3.
    """
    from archive.runs import Runs  # noqa: PLC0415 - --help does not wait for it
    from collector.inventory.inventory import load  # noqa: PLC0415 - likewise
    from collector.inventory.patterns import select  # noqa: PLC0415 - likewise
    from collector.ssh.policy import Policy  # noqa: PLC0415 - likewise
    from domain.records import Scope  # noqa: PLC0415 - likewise
    from mapsweep.conduct import Executor, conduct, created  # noqa: PLC0415 - likewise
    from mapsweep.demo.demo_fleet import serving  # noqa: PLC0415 - likewise
    from mapsweep.manner import Manner  # noqa: PLC0415 - likewise
    from mapsweep.settings.settings import default_runs  # noqa: PLC0415 - likewise
    from workers.here.embedded import execute  # noqa: PLC0415 - likewise
    from workers.life.plan import Means, Request, check, planned  # noqa: PLC0415 - likewise

    runs = Runs(runs_url or default_runs(os.environ))
    with serving() as fleet:
        hosts = select(load(fleet.inventory), PATTERN)
        masking = load_settings(None).masking
        request = Request(
            *(Scope("demo", PATTERN), hosts, fleet.limits, DEADLINE_S),
            command="mapsweep demo",
            host_key_policy=Policy.STRICT.value,
            arguments=masking.arguments.value,
        )
        manifest = planned(request)
        check(manifest, Means(runs.store))
        sessions = _sessions(fleet, masking)
        ended = conduct(
            created(runs, manifest),
            Executor(
                lambda run, tell, stop: execute(
                    run, sessions.of(run.manifest, run.store.local_path("")), tell, stop
                )
            ),
            manner=Manner(as_json, quiet),
        )
    if not quiet:
        click.echo("The demo's hosts are gone; what they sent is kept in the run.", err=True)
    return ended


def _sessions(fleet: "DemoFleet", masking: "Masking") -> "Sessions":
    """Strict host keys as in any sweep, without the agent and the keys of this account."""
    from collector.session import Access, Sessions  # noqa: PLC0415 - --help does not wait for it
    from collector.ssh.keys import Credentials  # noqa: PLC0415 - likewise

    credentials = Credentials(use_agent=False, default_key_files=())
    return Sessions(Access(credentials, (fleet.known_hosts,), masking=masking))
