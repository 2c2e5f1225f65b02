"""Where a command finds runs by itself, and the flag that tells it otherwise."""

import os

from archive.places import store_at
from archive.run import Run
from archive.runs import runs_beside
from domain.mistakes import OperatorError
from mapsweep.settings import settings

# what to do where this account may keep no runs; of collect and of doctor
ANOTHER_PLACE = (
    "name a folder in which this account may write, as --runs ~/mapsweep-runs (or runs in mapsweep.yaml), or"
    " use the account that may write there"
)


def place_flags(run: Run) -> tuple[str, ...]:
    """`--runs URL`, unless the settings that are found without flags name the folder of this run."""
    url = runs_beside(run).store.url
    try:
        is_found = store_at(settings.load(None, os.environ).runs).url == url
    except OperatorError:
        is_found = False
    return () if is_found else ("--runs", url)
