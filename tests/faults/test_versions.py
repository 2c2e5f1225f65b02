"""Several versions of mapsweep in one fleet."""

import shutil
import time
from pathlib import Path

import pytest

from tests.faults.laboratory import SABOTAGE, Laboratory

pytestmark = [pytest.mark.journey, pytest.mark.slow]

CLONE = Path(__file__).parents[2]
PACKAGES = ("procmaps", "domain", "archive", "collector", "reports", "workers", "mapsweep")


@pytest.mark.fault(
    "a newer worker is in the fleet, of which the run's version is unknown",
    "It says so in its log and gives the messages back; the others do everything.",
)
def test_a_newer_worker(lab: Laboratory) -> None:
    lab.furnish(40)
    newer = lab.worker("collect", "classify", env=_version(lab, 2))
    lab.worker()
    time.sleep(8)
    lab.beat()
    lab.hand_over()
    lab.over()
    lab.healed(within_s=2 * lab.pace.heals_within_s)
    assert "schema version" in newer.said()


@pytest.mark.fault(
    "an older worker is alone with a newer run, and then a newer worker joins",
    "The run goes on as soon as a worker is there that can read it.",
)
def test_an_older_worker(lab: Laboratory) -> None:
    lab.furnish()
    older = lab.worker(env=_version(lab, 0))
    client = lab.collect()
    time.sleep(15)
    assert not lab.gate.logins().total()
    assert client.is_running()
    lab.worker().ready()
    lab.over()
    lab.healed()
    assert client.ended() == 0
    assert "schema version" in older.said()


def _version(lab: Laboratory, schema: int) -> dict[str, str]:
    """A copy of the packages whose records have another version, in place of those that are installed."""
    copy = lab.folder / f"version{schema}"
    for package in PACKAGES:
        shutil.copytree(CLONE / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    records = copy / "domain" / "records.py"
    text = records.read_text()
    assert "SCHEMA_VERSION = 1\n" in text
    records.write_text(text.replace("SCHEMA_VERSION = 1\n", f"SCHEMA_VERSION = {schema}\n"))
    return {"PYTHONPATH": f"{copy}:{SABOTAGE}"}
