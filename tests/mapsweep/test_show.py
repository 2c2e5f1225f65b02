"""mapsweep show, of runs that were made by real sweeps of recorded processes."""

import csv
import fnmatch
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from archive.results import Result
from archive.run import Run
from archive.runs import Runs
from domain.mistakes import OperatorError
from mapsweep.host_view.kept_process import kept
from mapsweep.host_view.showing import Asked, shown
from mapsweep.host_view.target import process_of
from mapsweep.terminal.terminal import Terminal, cells
from procmaps.classify import RULES_VERSION
from reports.tables.settled import Settled
from reports.views.one_host import one_host
from tests.mapsweep.conftest import Ended, Here
from tests.mapsweep.process_view.test_classify import MAPS, STAT, STATUS, smaps
from tests.reports import hostile
from tests.reports.fleet import run_of

COMMAND = str(Path(sys.executable).with_name("mapsweep"))
TTY = Terminal(columns=80, is_tty=True, colour=False, unicode=True, redraws=False)
PIPE = replace(TTY, is_tty=False)
RED = b"\x1b[31mred"
ORDERS = (
    "native-heap",
    "stacks",
    "java-heap",
    "growth",
    "bloat",
    "rss",
    "swap",
    "vsz",
    "threads",
    "pid",
    "name",
)


def process(root: Path, pid: int, name: bytes, files: dict[str, bytes]) -> None:
    folder = root / f"proc/{pid}"
    folder.mkdir(parents=True)
    stat = STAT.replace(b"4711 (svc)", f"{pid} (svc)".encode())
    for file, content in ({"comm": name + b"\n", "status": STATUS, "stat": stat} | files).items():
        (folder / file).write_bytes(content)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the roots of the hosts, and a runs folder with one closed run of them."""
    folder = tmp_path_factory.mktemp("show")
    for pid, name in ((4711, b"svc"), (4712, b"svc"), (4713, RED)):
        process(folder / "web-01", pid, name, {"maps": MAPS, "cmdline": b"/usr/bin/svc\0--name=x\0"})
    process(folder / "web-02", 4711, b"svc", {"smaps": smaps(rss_kb=4), "maps": MAPS})
    hosts = "".join(
        f"    {name}: {{mapsweep_root: {folder / name}}}\n" for name in ("web-01", "web-02", "gone-01")
    )
    inventory = folder / "fleet.yaml"
    inventory.write_text(f"all:\n  vars: {{ansible_connection: local}}\n  hosts:\n{hosts}")
    command = [
        COMMAND,
        "collect",
        "-i",
        str(inventory),
        "--evidence",
        "smaps",
        "--runs",
        str(folder / "runs"),
    ]
    ended = subprocess.run(
        command, capture_output=True, check=False, env=os.environ | {"XDG_CONFIG_HOME": str(folder)}
    )
    assert ended.returncode == 3, ended.stderr
    return folder


@pytest.fixture
def copy(swept: Path, tmp_path: Path) -> Run:
    """The same run, to be changed."""
    shutil.copytree(swept / "runs", tmp_path / "copy")
    runs = Runs(str(tmp_path / "copy"))
    return runs.by_id(runs.latest())


def show(here: Here, swept: Path, *arguments: str) -> Ended:
    return here("show", *arguments, "--runs", swept / "runs")


def document(here: Here, swept: Path, *arguments: str) -> dict[str, Any]:
    ended = show(here, swept, *arguments, "--json")
    assert ended.code == 0, ended.err
    found: dict[str, Any] = json.loads(ended.out)
    return found


def lines_of(run: Run, target: str, terminal: Terminal = TTY, **options: Any) -> list[str]:
    asked = Asked(**({"form": "plain", "order": "native-heap", "limit": None} | options))
    return list(shown(run, target, asked, terminal))


def test_a_host_has_its_status_its_sums_processes_and_kinds(swept: Path, here: Here) -> None:
    ended = show(here, swept, "web-01")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0].startswith("web-01: ok, run ")
    assert next(line for line in lines if line.startswith("native heap <= "))
    heading = next(number for number, line in enumerate(lines) if line.split()[:2] == ["pid", "name"])
    assert [line.split()[:2] for line in lines[heading + 1 : heading + 4]] == [
        ["4711", "svc"],
        ["4712", "svc"],
        ["4713", "\\x1b[31mred"],
    ]
    (last,) = (line for line in lines if line.startswith("next:"))
    assert "mapsweep show web-01/4711 --run " in last


def test_the_sums_are_those_of_the_report(swept: Path, here: Here) -> None:
    (row,) = (
        row
        for row in csv.DictReader(
            io.StringIO(here("report", "--format", "csv", "--runs", swept / "runs").out)
        )
        if row["name"] == "web-01"
    )
    found = document(here, swept, "web-01")
    host = found["host"]
    told = {name: "" if value is None else str(value) for name, value in host.items()}
    assert {name: told[name] for name in told if name.endswith("_bytes")} == {
        name: row[name] for name in told if name.endswith("_bytes")
    }
    processes = found["processes"]
    for name in ("native_heap_resident_max_bytes", "stacks", "stacks_reserved_bytes", "threads", "rss_bytes"):
        assert sum(one[name] for one in processes) == host[name], name
    kinds = {one["kind"]: one for one in found["kinds"]}
    assert kinds["thread_stack"]["reserved_bytes"] == host["stacks_reserved_bytes"]
    assert kinds["thread_stack"]["count"] == host["stacks"]
    text = show(here, swept, "web-01").out
    assert f"{host['stacks']} thread stacks" in text


def test_a_process_adds_up_to_what_the_kernel_says(swept: Path, here: Here) -> None:
    found = document(here, swept, "web-01/4711", "--mappings")
    sums, row = found["sums"], found["process"]
    assert sums["reserved_bytes"] == row["vm_size_bytes"] + 4096 == 86_425_600
    for name in ("count", "reserved_bytes", "committed_bytes", "resident_max_bytes"):
        assert sum(kind[name] for kind in found["kinds"]) == sums[name]
    parts = found["mappings"]["parts"]
    spans = Counter[str]()
    for part in parts:
        spans[part["kind"]] += int(part["end"], 16) - int(part["start"], 16)
    reserved = Counter[str]()
    for kind in found["kinds"]:
        reserved[kind["kind"]] += kind["reserved_bytes"]
    assert spans == reserved
    text = show(here, swept, "web-01/4711").out
    assert "VSZ 82.4 MiB by the kernel: equals the sum of reserved without [vsyscall]" in text
    assert "together they have at most " in text


def test_with_smaps_the_sum_of_resident_is_told(swept: Path, here: Here) -> None:
    found = document(here, swept, "web-02/4711")
    assert found["sums"]["resident_bytes"] == sum(kind["resident_bytes"] for kind in found["kinds"])
    lines = show(here, swept, "web-02/4711").out.splitlines()
    assert "<=" not in next(line for line in lines if line.startswith("sum "))


def test_mappings_are_labelled_as_classify_does(swept: Path, here: Here) -> None:
    folder = swept / "web-01/proc/4712"
    for options in ((), ("--why",)):
        ranges = show(here, swept, "web-01/4712", "--format", "ranges", *options)
        assert ranges.code == 0, ranges.err
        assert ranges.out == here("classify", folder, "--format", "ranges", *options).out
    assert show(here, swept, "web-01/4712", "--format", "csv").out == here("classify", "-c", folder).out
    header = show(here, swept, "web-01/4712", "--format", "csv", "-H").out
    assert header == here("classify", "-c", "-H", folder).out


def test_the_table_of_mappings_and_their_reasons(swept: Path, here: Here) -> None:
    text = show(here, swept, "web-01/4711", "--why").out
    plain = show(here, swept, "web-01/4711", "--mappings").out
    assert text.startswith(plain)
    assert re.search(r"(?m)^7f1a6c000000-7f1a70000000 +rw-p ---p +heap_arena +64.0 MiB +4.0 MiB$", plain)
    classified = here("classify", swept / "web-01/proc/4711", "--why").out
    assert text.removeprefix(plain).strip()
    assert classified.endswith(text.removeprefix(plain))


@pytest.mark.parametrize("target", ["web-02", "*-02", "web-02/svc", "web-02//usr/bin/svc", "g*"])
def test_a_name_may_be_a_beginning_or_a_glob_if_it_fits_one(target: str, swept: Path, here: Here) -> None:
    assert show(here, swept, target).code == 0


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("web", "fits 2 hosts of the run: web-01; web-02 (give more of the name)"),
        ("web-?1*/x", "none of its 3 processes is called so"),
        ("wob-01", "no host of the run is called so; it has 3 (did you mean web-01"),
        ("nowhere", "--run names another run"),
        ("web-01/", "ends after the slash"),
        ("web-01/99", "it sent no process of this pid; it sent 3 (mapsweep show web-01 --run "),
        ("web-01/svc", "2 processes are called so: svc (4711), <= "),
        ("web-01/scv", "did you mean svc?"),
        ("gone-01/1", "gone-01: failed: "),
        ("", "no host of the run is called so"),
    ],
)
def test_a_wrong_name_is_told_with_what_to_do(target: str, said: str, swept: Path, here: Here) -> None:
    ended = show(here, swept, target)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err


@pytest.mark.parametrize(
    "options", [("--mappings",), ("--why",), ("--format", "csv"), ("--format", "ranges")]
)
def test_what_only_a_process_has_is_not_for_a_host(options: tuple[str, ...], swept: Path, here: Here) -> None:
    ended = show(here, swept, "web-01", *options)
    assert ended.code == 2
    assert f"{' '.join(options)} is for a process (name one as web-01/PID)" in ended.err


@pytest.mark.parametrize(
    "options",
    [("--json", "--format", "csv"), ("-H",), ("--why", "--format", "csv"), ("--sort", "x"), ("--limit", "0")],
)
def test_options_that_exclude_each_other(options: tuple[str, ...], swept: Path, here: Here) -> None:
    assert show(here, swept, "web-01/4711", *options).code == 2


def test_a_failed_host_says_why_and_what_to_do(swept: Path, here: Here) -> None:
    ended = show(here, swept, "gone-01")
    assert ended.code == 0
    assert ended.out.startswith("gone-01: failed, run ")
    assert "  remedy: " in ended.out
    assert document(here, swept, "gone-01")["host"]["status"] == "failed"


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_shows_all_processes_and_the_limit_says_how_many_follow(
    order: str, swept: Path, here: Here
) -> None:
    found = document(here, swept, "web-01", "--sort", order)
    assert sorted(one["pid"] for one in found["processes"]) == [4711, 4712, 4713]
    assert [one["pid"] for one in document(here, swept, "web-01", "--limit", "1")["processes"]] == [4711]
    limited = show(here, swept, "web-01", "--sort", order, "--limit", "2").out
    assert "and 1 more with <= " in limited
    assert "more with" not in show(here, swept, "web-01", "--sort", order, "--limit", "3").out
    assert "more with" not in show(here, swept, "web-01", "--sort", order, "--all", "--limit", "1").out


def test_a_run_without_dumps_says_so_and_what_is_known(copy: Run) -> None:
    whole = lines_of(copy, "web-01/4711")
    copy.remove_dump("web-01")
    one = lines_of(copy, "web-01/4711", PIPE, mappings=True)
    assert "no mappings: the dump of the host is not kept (sweep the host again)" in one[-1]
    copy.remove_dump("web-02")
    text = lines_of(copy, "web-01/4711", PIPE, mappings=True)
    assert "the dumps of the run were removed" in text[-1]
    assert "keep.dumps_days" in text[-1]
    assert any(line.startswith("next: ") for line in whole)
    assert not any(line.startswith("next: ") for line in lines_of(copy, "web-01/4711"))
    (json_text,) = lines_of(copy, "web-01/4711", form="json", mappings=True)
    assert json.loads(json_text)["mappings"]["missing"].startswith("the dumps of the run were removed")
    with pytest.raises(OperatorError, match=r"web-01/4711: the dumps of the run were removed"):
        lines_of(copy, "web-01/4711", form="ranges")
    never = Run(copy.store, replace(copy.manifest, keep_dumps=False))
    assert "kept no dumps" in lines_of(never, "web-01/4711", PIPE, why=True)[-1]


def test_a_result_that_is_gone_is_named(copy: Run) -> None:
    copy.store.remove(f"results/{copy.generation}/web-01.result")
    with pytest.raises(OperatorError, match=r"result of web-01: is gone \(mapsweep reclassify "):
        lines_of(copy, "web-01")


def test_a_result_of_other_rules_is_told_from_the_labels_of_today(copy: Run) -> None:
    assert not any(
        "are labelled by the rules" in line for line in lines_of(copy, "web-01/4711", mappings=True)
    )
    result = copy.read_result("web-01")
    copy.store.remove(f"results/{copy.generation}/web-01.result")
    copy.write_result(Result(replace(result.record, rules_version="0"), result.sections))
    text = "\n".join(lines_of(copy, "web-01/4711", PIPE, mappings=True))
    assert f"labelled by the rules {RULES_VERSION} of this mapsweep, the sums above by the rules 0" in text
    assert f"mapsweep reclassify {copy.run_id}" in text


def test_an_open_run_shows_what_has_come_in(copy: Run) -> None:
    copy.store.remove("closed.json")
    run = Runs(str(Path(copy.url).parent)).by_id(copy.run_id)
    lines = lines_of(run, "web-01")
    assert "open: so far" in " ".join(lines[:2])
    assert any(line.split()[:2] == ["4711", "svc"] for line in lines)
    assert "heap_arena" in "\n".join(lines_of(run, "web-01/4711", mappings=True))
    run.store.remove(f"results/{run.generation}/web-01.result")
    waiting = lines_of(run, "web-01")
    assert waiting[0].startswith("web-01: waiting, ")
    assert any("its dump has come in" in line for line in waiting)
    with pytest.raises(OperatorError, match="waiting: no_outcome_yet"):
        lines_of(run, "web-01/4711")


def test_a_process_that_may_not_be_read_has_no_memory_and_says_why(tmp_path: Path) -> None:
    (answered,) = hostile.fleet()[1:2]
    hidden = replace(answered.processes[0], evidence="denied", blocks=())
    run = run_of(Runs(str(tmp_path)), replace(answered, name="web", processes=(hidden,)))
    text = "\n".join(lines_of(run, "web/1", PIPE, mappings=True))
    assert "native heap and stacks unknown: its mappings may not be read" in text
    assert "no mappings: its mappings may not be read" in text


def hostile_outputs(run: Run, terminal: Terminal) -> Iterator[str]:
    for host in run.manifest.hosts:
        yield from lines_of(run, host.name, terminal, whole=True)
        for pid in (1, 5, 11, 17, 19):
            yield from lines_of(run, f"{host.name}/{pid}", terminal, whole=True, mappings=True)


def test_hostile_names_are_written_out_and_fit_the_terminal(tmp_path: Path) -> None:
    run = run_of(Runs(str(tmp_path)), *hostile.fleet())
    lines = list(hostile_outputs(run, TTY))
    assert all(line.isprintable() for line in lines)
    # a command is broken between its words only, or it could not be copied
    told = [line for line in lines if not line.startswith(("next: ", " " * 8))]
    assert not [line for line in told if cells(line) > TTY.columns]
    whole = list(hostile_outputs(run, PIPE))
    assert all(line.isprintable() for line in whole)
    assert any("long-" + "x" * 295 in line for line in whole)  # in a pipe nothing is cut
    name = hostile.NAMES[0]
    (text,) = lines_of(run, name, form="json")
    assert json.loads(text)["host"]["name"] == name
    assert text.isascii()


def test_a_real_process_fits_80_columns(swept: Path) -> None:
    runs = Runs(str(swept / "runs"))
    run = runs.by_id(runs.latest())
    for target, why in (("web-01", False), ("web-02/4711", True), ("web-01/4713", True)):
        lines = lines_of(run, target, whole=True, why=why)
        assert max(map(cells, lines)) <= 80
        assert all(line.isprintable() for line in lines)


def test_kept_finds_the_process_by_its_start_as_well(copy: Run) -> None:
    view = one_host(Settled(copy), copy, "web-01")
    row = process_of(view, "4711", "")
    found = kept(copy, view, row)
    assert found.process is not None
    assert found.process.pid == 4711
    with pytest.raises(OperatorError, match="has no process 4711"):
        kept(copy, view, row | {"start_ticks": 1})
    assert fnmatch.fnmatch(found.process.heading, f"svc (4711), web-01 in {copy.run_id}, maps")
