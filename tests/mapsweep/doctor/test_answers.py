"""What a host shows and says, wrong for real: WARN with the remedy; the remedy applied, OK."""

import json
import platform
import re
import shutil
from pathlib import Path

import pytest

from collector import sudoers
from mapsweep.terminal.exits import Exit
from tests.collector.test_sudoers import needs_root
from tests.fresh_hosts import ACCOUNT, PATIENT, fresh_host, inventory
from tests.mapsweep.conftest import Here
from tests.mapsweep.doctor.visits import Visit, applied, visit

pytestmark = needs_root

AHEAD_S = 3600
OWN_PROC_SINCE = (5, 8)  # each mount of /proc has options of its own
KERNEL = tuple(int(number) for number in platform.release().split(".")[:2])


def _seen(here: Here, folder: Path, hosts: dict[str, dict[str, object]], *more: str) -> Visit:
    settings = folder / "mapsweep.yaml"
    settings.write_text(json.dumps({"runs": str(folder / "runs"), "limits": PATIENT}))
    path = inventory(folder / "inventory.yaml", hosts)
    return visit(here, "-i", path, "--config", settings, "--accept-new-host-keys", *more)


def _ssh_of_root(folder: Path, key: Path) -> Path:
    """A folder with the ssh of a person who has a way to the hosts as root."""
    tools = folder / "tools"
    tools.mkdir()
    options = f"-F none -i {key} -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    (tools / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} {options} "$@"\n')
    (tools / "ssh").chmod(0o700)
    return tools


def test_denied_mappings_are_told_and_sudo_shows_them(tmp_path: Path, here: Here) -> None:
    with fresh_host() as host:
        hosts = {"web": host.variables(0)}
        first = _seen(here, tmp_path, hosts)
        check = first.one("processes")
        assert (first.code, check["level"]) == (Exit.OK, "WARN")
        assert re.search(r"web: mappings of [1-9][\d,]* of", check["details"][0])
        reached = f"ssh -p {host.server.port} -- root@{host.server.host(0).address}"
        assert check["commands"] == [f"mapsweep sudoers {ACCOUNT} | {reached} 'tee /etc/sudoers.d/mapsweep'"]
        refused = _seen(here, tmp_path, hosts, "--become")
        assert (refused.code, refused.level("sudo")) == (Exit.ALL_FAILED, "FAIL")
        assert refused.one("sudo")["commands"] == check["commands"]
        applied(check["commands"][0], _ssh_of_root(tmp_path, host.server.key_file))
        second = _seen(here, tmp_path, hosts, "--become")
        assert (second.code, second.level("sudo"), second.level("processes")) == (Exit.OK, "OK", "OK")


@pytest.mark.skipif(KERNEL < OWN_PROC_SINCE, reason="all mounts of /proc share their options here")
def test_processes_that_hidepid_hides_are_told(tmp_path: Path, here: Here) -> None:
    try:
        with fresh_host(proc_options="hidepid=2") as host:
            host.sudoers.write_text(sudoers.rule(ACCOUNT))
            hosts = {"web": host.variables(0)}
            first = _seen(here, tmp_path, hosts).one("processes")
            assert first["level"] == "WARN"
            assert "hidepid" in first["details"][0]
            assert _seen(here, tmp_path, hosts, "--become").level("processes") == "OK"
    except pytest.fail.Exception:
        pytest.skip("/proc cannot be mounted with hidepid here")


def test_a_clock_that_is_wrong_is_told(tmp_path: Path, here: Here) -> None:
    own = Path("/proc/stat").read_text()
    wrong = re.sub(
        r"^btime (\d+)$", lambda found: f"btime {int(found[1]) + AHEAD_S}", own, flags=re.MULTILINE
    )
    with fresh_host(proc_stat=wrong) as host:
        hosts = {"web": host.variables(0)}
        check = _seen(here, tmp_path, hosts).one("clock")
        assert check["level"] == "WARN"
        assert re.fullmatch(r"web: 3,[56]\d\d s ahead", check["details"][0])
        assert "timedatectl" in check["remedy"]
        host.proc_stat.write_text(own)
        assert _seen(here, tmp_path, hosts).level("clock") == "OK"
