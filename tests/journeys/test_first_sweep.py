"""The first sweep, by the commands of README alone: three fresh servers, one of which needs sudo."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from mapsweep.terminal.exits import Exit
from tests.collector.test_sudoers import needs_root
from tests.fresh_hosts import ACCOUNT, PATIENT, FreshHost, fresh_host, inventory
from tests.journeys.commands import COMMAND_S, environment

pytestmark = [pytest.mark.journey, needs_root]

README = Path(__file__).parents[2] / "README.md"
SUDO_AT = 2  # the host that needs sudo


@pytest.fixture
def fresh() -> Iterator[list[FreshHost]]:
    with ExitStack() as stack:
        yield [stack.enter_context(fresh_host()) for _ in range(3)]


def commands() -> list[str]:
    """What the section tells to type for a fleet, in its order."""
    section = README.read_text().split("## The first sweep\n")[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [line for line in lines if "--hosts 'prod-*'" in line]


def test_readme_leads_from_unknown_hosts_to_the_report(fresh: list[FreshHost], tmp_path: Path) -> None:
    inventory(
        tmp_path / "inventory.yaml",
        {f"prod-{at}": host.variables(at, become=at == SUDO_AT) for at, host in enumerate(fresh)},
    )

    def typed(command: str) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        own = {"HOME": str(tmp_path), "STATE_DIRECTORY": str(tmp_path / "state"), "PATH": path}
        patience = {f"MAPSWEEP_LIMITS_{name.upper()}": str(value) for name, value in PATIENT.items()}
        return subprocess.run(
            ["/bin/sh", "-c", command],
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
            cwd=tmp_path,
            env=environment(own | patience),
        )

    listing, doctor, accepting, collecting = commands()
    assert typed(listing).stdout.split() == ["prod-0", "prod-1", "prod-2"]

    met = typed(doctor)
    assert "hostkey_unknown: 3 of 3 hosts" in met.stdout
    assert met.stdout.count(" SHA256:") == 3
    assert met.returncode == Exit.USAGE  # there is no known_hosts at all

    refused = typed(accepting)
    assert refused.returncode == Exit.SOME_FAILED, refused.stdout
    assert "sudo_password: 1 of 1 host" in refused.stdout
    assert "mappings of" in refused.stdout  # of two hosts that need no sudo, but would show more with it
    lines = map(str.strip, refused.stdout.splitlines())
    allowing = next(line for line in lines if line.startswith("mapsweep sudoers "))
    rule, _, at_the_host = allowing.partition(" | ")
    assert rule == f"mapsweep sudoers {ACCOUNT}"
    assert at_the_host.startswith(f"ssh -p {fresh[SUDO_AT].server.port} -- root@")
    assert typed(f"{rule} | tee {fresh[SUDO_AT].sudoers}").returncode == 0  # as root of that host

    again = typed(doctor)  # the keys were kept
    assert again.returncode == Exit.OK, again.stdout

    swept = typed(collecting)
    assert swept.returncode == Exit.OK, swept.stderr
    table = typed("mapsweep report latest --format ndjson --table processes")
    rows = [json.loads(row) for row in table.stdout.splitlines()]
    own = {(row["host"], row["pid"]): row["comm"] for row in rows if row["runtime"] == "mapsweep probe"}
    for at in range(3):  # two of the hosts let it read little else
        assert "sh" in {comm for (host, _), comm in own.items() if host == f"prod-{at}"}, own
    for host, pid in re.findall(r"^(prod-\d) .* \((\d+)\)", swept.stdout, re.MULTILINE):
        assert (host, int(pid)) not in own, swept.stdout
    (report,) = (tmp_path / "state").rglob("report.json")
    run = json.loads(report.read_text())["run"]
    assert (run["asked"], run["ok"] + run["partial"], run["failed"]) == (3, 3, 0)
    assert str(report.parent / "index.html") in swept.stdout
    partial = {
        host: (group["status"], group["reason"], "--become" in group["remedy"])
        for group in json.loads(report.read_text())["failures"]["rows"]
        for host in group["hosts"]
    }
    as_root = partial.pop(f"prod-{SUDO_AT}", None)
    assert partial == {f"prod-{at}": ("partial", "denied", True) for at in range(3) if at != SUDO_AT}
    assert as_root in (None, ("partial", "denied_to_root", False))  # where this machine denies it to root
