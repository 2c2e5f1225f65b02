"""`mapsweep demo` as a stranger types it."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from tests.reports.page.decoder import of_page
from tests.tables import rows_of

pytestmark = pytest.mark.journey

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Demo:
    """One demo that has ended."""

    ended: subprocess.CompletedProcess[str]
    folder: Path  # of its run
    report: Mapping[str, object]
    page: str

    @property
    def hosts(self) -> dict[str, Mapping[str, object]]:
        rows = rows_of(self.folder, "hosts")
        return {str(row["name"]): row for row in rows}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    runs = tmp_path_factory.mktemp("runs")
    ended = subprocess.run(
        [sys.executable, "-m", "mapsweep", "demo", "--runs", str(runs)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=tmp_path_factory.mktemp("elsewhere"),
    )
    (folder,) = (path for path in runs.iterdir() if (path / "manifest.json").exists())
    report = cast("Mapping[str, object]", json.loads((folder / "report/report.json").read_text()))
    return Demo(ended, folder, report, (folder / "report/index.html").read_text())


def test_two_hosts_fail_by_design_each_for_its_reason(demo: Demo) -> None:
    assert demo.ended.returncode == 3, demo.ended.stderr
    failed = {name: row["reason"] for name, row in demo.hosts.items() if row["status"] == "failed"}
    assert failed == {"vault-01": "auth_rejected", "lost-01": "banner_timeout"}
    assert len(demo.hosts) == 12


def test_the_ending_says_where_the_report_lies_and_it_lies_there(demo: Demo) -> None:
    said = re.search(r"^report: (.*)$", demo.ended.stdout, re.MULTILINE)
    assert said is not None
    assert Path(said[1]) == demo.folder / "report/index.html"
    assert Path(said[1]).is_file()


def test_the_bloated_member_of_the_service_stands_out(demo: Demo) -> None:
    excess = {
        name: number(row["peer_excess_bytes"]) for name, row in demo.hosts.items() if name.startswith("app-")
    }
    assert len(excess) == 5
    assert max(excess, key=lambda name: excess[name]) == "app-04"
    assert excess["app-04"] > 400 * MIB
    assert all(value < 40 * MIB for name, value in excess.items() if name != "app-04")
    ranked = [name for name in demo.ended.stdout.split() if name in demo.hosts]
    assert "app-04" in ranked


def test_the_page_agrees_with_the_json(demo: Demo) -> None:
    told = of_page(demo.page.encode()).tables["hosts"]
    shown = dict(zip(told["name"], told["native_heap_resident_max_bytes"], strict=True))
    assert shown == {name: row["native_heap_resident_max_bytes"] for name, row in demo.hosts.items()}
    assert list(shown) == list(demo.hosts)  # in the same order too
    for row in demo.hosts.values():
        if row["status"] == "failed":
            assert f"<code>{row['reason']}</code>" in demo.page


def test_the_totals_are_the_sums_and_stand_on_the_page(demo: Demo) -> None:
    totals = cast("Mapping[str, object]", demo.report["totals"])
    answered = [row for row in demo.hosts.values() if row["status"] != "failed"]
    for measure in (
        "native_heap_resident_max_bytes",
        "stacks_resident_max_bytes",
        "stacks",
        "threads",
        "sent",
    ):
        assert number(totals[measure]) == sum(number(row[measure]) for row in answered), measure
    assert f'id="total-native" data-v="{totals["native_heap_resident_max_bytes"]}"' in demo.page
    assert f'id="total-stacks" data-v="{totals["stacks_resident_max_bytes"]}"' in demo.page
    run = cast("Mapping[str, object]", demo.report["run"])
    assert (run["asked"], run["failed"], number(run["ok"]) + number(run["partial"])) == (12, 2, 10)
    assert "10 of 12" in demo.page


def test_this_machine_is_read_live(demo: Demo) -> None:
    row = demo.hosts["localhost"]
    assert row["status"] in {"ok", "partial"}  # partial where another account's processes are not readable


def test_nothing_of_the_fleet_is_left(demo: Demo) -> None:
    manifest = (demo.folder / "manifest.json").read_text()
    roots = set(re.findall(r'"root": ?"(/[^"]+)"', manifest))
    assert len(roots) == 9
    assert not [root for root in roots if Path(root).exists()]


def number(value: object) -> int:
    assert isinstance(value, int)
    return value
