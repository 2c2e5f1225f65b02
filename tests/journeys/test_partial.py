"""Hosts that answer in part are told with their reason and remedy, in every output; the remedy cures them."""

import json
import platform
import re
from pathlib import Path

import pytest

from collector import sudoers
from tests.collector.test_sudoers import needs_root
from tests.fresh_hosts import ACCOUNT, PATIENT, fresh_host, inventory
from tests.journeys.commands import mapsweep
from tests.tables import rows_of

OWN_PROC_SINCE = (5, 8)  # each mount of /proc has options of its own
KERNEL = tuple(int(number) for number in platform.release().split(".")[:2])

pytestmark = [
    pytest.mark.journey,
    needs_root,
    pytest.mark.skipif(KERNEL < OWN_PROC_SINCE, reason="all mounts of /proc share their options here"),
]


@pytest.mark.parametrize("hidepid", ["1", "2"])
def test_hidden_processes_are_told_until_the_probe_runs_as_root(tmp_path: Path, hidepid: str) -> None:
    settings = tmp_path / "mapsweep.yaml"
    settings.write_text(json.dumps({"runs": str(tmp_path / "runs"), "limits": PATIENT}))
    try:
        with fresh_host(proc_options=f"hidepid={hidepid}") as host:
            path = inventory(tmp_path / "inventory.yaml", {"web": host.variables(0)})
            options = ("--config", settings, "-i", path, "--accept-new-host-keys")
            first = mapsweep("collect", *options)
            host.sudoers.write_text(sudoers.rule(ACCOUNT))
            second = mapsweep("collect", *options, "--become")
    except pytest.fail.Exception:
        pytest.skip("/proc cannot be mounted with hidepid here")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    hidden, shown = sorted((tmp_path / "runs").glob("2*"))

    said = " ".join(first.stdout.split())
    assert "1 partial: read hidden (web): sweep with --become to read every process" in said
    report = json.loads((hidden / "report" / "report.json").read_text())
    (group,) = report["failures"]["rows"]
    assert (group["status"], group["stage"], group["reason"], group["hosts"]) == (
        *("partial", "read", "hidden"),
        ["web"],
    )
    (row,) = rows_of(hidden, "hosts")
    assert (row["status"], row["reason"]) == ("partial", "hidden")
    page = (hidden / "report" / "index.html").read_text()
    assert re.search(r"only \d+ processes are seen, /proc hides those of other accounts \(hidepid\)", page)
    assert group["remedy"] in page

    assert "read hidden" not in second.stdout
    (row,) = rows_of(shown, "hosts")
    assert row["reason"] in (None, "", "denied_to_root")  # where this machine hides a process even from root
