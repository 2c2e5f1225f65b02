"""A fleet behind a real sshd: inventory, sweep, report, exit codes, as one command."""

import csv
import io
import json
import socket
from pathlib import Path

import pytest

from mapsweep.demo.demo_fleet import unpack
from tests.journeys.commands import mapsweep
from tests.sshd import Sshd, keygen, serve
from tests.tables import rows_of

pytestmark = pytest.mark.journey

WEB = 22
HERE = 1  # the one of them that is this machine as it is; the others replay recorded hosts


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> "Fleet":
    """The outcome of one sweep over 24 hosts, of which two fail."""
    folder = tmp_path_factory.mktemp("sweep")
    with serve(folder) as sshd:
        return Fleet(folder, sshd)


class Fleet:
    """A sweep that has ended, and what it left."""

    def __init__(self, folder: Path, sshd: Sshd) -> None:
        keygen(folder / "stranger")
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.closed_port = server.getsockname()[1]
        self.trees = [folder / "trees" / name for name in unpack(folder / "trees")]
        self.inventory = folder / "inventory.yaml"
        self.inventory.write_text(self._inventory(sshd, folder))
        (folder / "mapsweep.yaml").write_text(f"ssh: {{known_hosts: [{sshd.known_hosts}]}}\n")
        self.options = ("--config", folder / "mapsweep.yaml", "-i", self.inventory, "--runs", folder / "runs")
        self.done = mapsweep("collect", *self.options, "--hosts", "fleet:!spare")
        runs = sorted((folder / "runs").glob("2*"))
        assert len(runs) == 1, self.done.stderr
        self.run = runs[0]
        self.report = json.loads((self.run / "report" / "report.json").read_text())

    def _inventory(self, sshd: Sshd, folder: Path) -> str:
        lines = ["fleet:", "  vars:", f"    ansible_port: {sshd.port}"]
        lines += [
            f"    ansible_ssh_private_key_file: {sshd.key_file}",
            "  children:",
            "    web:",
            "      hosts:",
        ]
        lines += [
            f"        web{n:02}: {{ansible_host: {sshd.host(n).address}, mapsweep_root: {self._root(n)}}}"
            for n in range(1, WEB + 1)
        ]
        lines += ["    odd:", "      hosts:"]
        lines += [f"        refused: {{ansible_host: 127.9.0.1, ansible_port: {self.closed_port}}}"]
        lines += [f"        stranger: {{ansible_host: {sshd.host(30).address},"]
        lines += [f"          ansible_ssh_private_key_file: {folder / 'stranger'}}}"]
        lines += ["    spare:", "      hosts:", f"        spare01: {{ansible_host: {sshd.host(40).address}}}"]
        return "\n".join(lines) + "\n"

    def _root(self, number: int) -> str:
        return "" if number == HERE else str(self.trees[number % len(self.trees)])

    def csv(self, name: str) -> list[dict[str, str]]:
        """The rows of one of the report's files."""
        return list(csv.DictReader(io.StringIO((self.run / "report" / name).read_text())))


def test_some_hosts_failed_is_exit_3_with_the_verdict_and_the_place_on_stdout(fleet: Fleet) -> None:
    assert fleet.done.returncode == 3, fleet.done.stderr
    assert str(fleet.run / "report" / "index.html") in fleet.done.stdout
    assert "22 of 24" in fleet.done.stdout
    assert "Traceback" not in fleet.done.stderr


def test_every_host_asked_is_in_the_report_with_its_status(fleet: Fleet) -> None:
    status = {host["name"]: host["status"] for host in rows_of(fleet.run, "hosts")}
    assert len(status) == WEB + 2
    assert {name for name, state in status.items() if state == "failed"} == {"refused", "stranger"}
    reasons = {host["name"]: host["reason"] for host in rows_of(fleet.run, "hosts")}
    assert "refused" in reasons["refused"]
    assert "auth_rejected" in reasons["stranger"]
    assert reasons["web01"] in ("", "denied")  # where this machine hides a process even from this account


def test_csv_and_json_say_the_same(fleet: Fleet) -> None:
    rows = {row["name"]: row for row in fleet.csv("hosts.csv")}
    for host in rows_of(fleet.run, "hosts"):
        kept = host["native_heap_resident_max_bytes"]
        assert rows[host["name"]]["native_heap_resident_max_bytes"] == ("" if kept is None else str(kept))
    total = sum(int(row["native_heap_resident_max_bytes"] or 0) for row in rows.values())
    assert total == fleet.report["totals"]["native_heap_resident_max_bytes"] > 0


def test_footprints_sum_to_what_the_processes_have(fleet: Fleet) -> None:
    """Bytes are conserved from the mappings to the last file: VmSize less [vsyscall], for each process."""
    reserved: dict[tuple[str, int], int] = {}
    for row in rows_of(fleet.run, "footprints"):
        key = row["host"], row["pid"]
        reserved[key] = reserved.get(key, 0) + row["reserved_bytes"]
    sizes = {(row["host"], row["pid"]): row["vm_size_bytes"] for row in rows_of(fleet.run, "processes")}
    assert len(sizes) > WEB
    # status is read a moment before maps, and a process may grow between the two
    readable = {key: size for key, size in sizes.items() if key in reserved}
    same = [key for key, size in readable.items() if reserved[key] - size in (0, 4096)]
    assert len(same) > 0.9 * len(readable) > WEB


def test_the_native_heap_of_every_process_and_host_lies_in_its_range(fleet: Fleet) -> None:
    names = ("native_heap_least_bytes", "native_heap_resident_max_bytes", "native_heap_most_bytes")
    rows = [
        row
        for table in ("processes", "hosts")
        for row in rows_of(fleet.run, table)
        if row[names[1]] is not None
    ]
    assert len(rows) > WEB
    for row in rows:
        least, native, most = (row[name] for name in names)
        assert least <= native <= most, row
    doubtful = [row["doubtful"] == "yes" for row in rows_of(fleet.run, "processes") if row["doubtful"]]
    assert sum(doubtful) == fleet.report["totals"]["doubtful"]


def test_a_run_can_be_rendered_and_reclassified_again_with_the_same_figures(fleet: Fleet) -> None:
    before = {path.name: path.read_bytes() for path in (fleet.run / "results").rglob("*.result")}
    assert len(before) >= WEB
    done = mapsweep("reclassify", fleet.run.name, "--runs", fleet.run.parent)
    assert done.returncode in (0, 3), done.stderr
    assert {path.name: path.read_bytes() for path in (fleet.run / "results").rglob("*.result")} == before
    assert json.loads((fleet.run / "report" / "report.json").read_text())["totals"] == fleet.report["totals"]


@pytest.mark.parametrize(("pattern", "what"), [("nothing-*", "nothing-*"), ("web:!web", "web:!web")])
def test_a_pattern_that_matches_nothing_is_exit_2(fleet: Fleet, pattern: str, what: str) -> None:
    done = mapsweep(*("collect", *fleet.options, "--hosts", pattern))
    assert done.returncode == 2
    assert what in done.stderr
    assert not done.stdout


def test_collect_is_a_command_of_its_own(fleet: Fleet) -> None:
    done = mapsweep(*fleet.options, "--hosts", "web[1:2]", "--list-hosts", command="collect")
    assert (done.returncode, done.stdout.split()) == (0, ["web02", "web03"]), done.stderr
