"""The command that goes on with a run."""

import shlex

from archive.run import Run

CONFIG = "--config"


def resume_command(run: Run) -> str:
    """The command to print; it names the settings file that the run's own command named.

    Without it, hosts may fail by what only those settings say (known_hosts, keys), and a closed run stays so.
    """
    typed = shlex.split(run.manifest.command)
    config = typed[typed.index(CONFIG) : typed.index(CONFIG) + 2] if CONFIG in typed else []
    return shlex.join(("mapsweep", "collect", "--resume", run.url, *config))
