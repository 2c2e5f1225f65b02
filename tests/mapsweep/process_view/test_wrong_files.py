"""Files that are not maps, given as such: each is refused by its name, with what to give instead."""

from pathlib import Path

import pytest

from archive.runs import Runs
from mapsweep.terminal.exits import Exit
from procmaps.other_texts import READ_MAPS, UNPACK
from tests.mapsweep.conftest import Here
from tests.procmaps.test_other_texts import PMAP_X, ROLLUP, TEXTS
from tests.tables import rows_of
from workers.life.host_steps import OTHERS_TOLD_MAX


@pytest.mark.parametrize("which", TEXTS)
def test_a_file_is_refused_by_name_with_the_remedy(which: str, tmp_path: Path, here: Here) -> None:
    text, name = TEXTS[which]
    path = tmp_path / "given"
    path.write_bytes(text)
    ended = here("classify", path)
    assert (ended.code, ended.out) == (Exit.USAGE, "")
    remedy = UNPACK if "packed" in name else READ_MAPS
    assert ended.err == f"mapsweep: {path}: this is {name}, not maps or smaps ({remedy})\n"


@pytest.mark.parametrize("file", ["maps", "smaps"])
def test_in_a_folder_the_file_is_named_too(file: str, tmp_path: Path, here: Here) -> None:
    (tmp_path / file).write_bytes(ROLLUP)
    (tmp_path / "stat").write_bytes(b"4711 (x) S 1\n")
    ended = here("classify", tmp_path, "--evidence", file)
    assert ended.code == Exit.USAGE
    assert f"{tmp_path}: {file}: this is smaps_rollup, not maps or smaps" in ended.err


def test_a_sweep_says_which_process_of_a_host_sent_what(fleet: Path, tmp_path: Path, here: Here) -> None:
    """The host's other processes are labelled, and what was refused is no memory."""
    others = dict(enumerate([ROLLUP, PMAP_X, ROLLUP, ROLLUP][: OTHERS_TOLD_MAX + 1], 4712))
    for number, text in others.items():
        whole = tmp_path / "web-01/proc/4711"
        folder = tmp_path / f"web-01/proc/{number}"
        folder.mkdir()
        for name in ("status", "stat", "cmdline", "comm"):
            (folder / name).write_bytes((whole / name).read_bytes())
        (folder / "maps").write_bytes(text)
    ended = here("collect", "-i", fleet, "--hosts", "web-*", "--runs", tmp_path / "runs")
    assert ended.code == Exit.OK
    (run_id,) = Runs(str(tmp_path / "runs")).ids()
    hosts = {host["name"]: host for host in rows_of(tmp_path / "runs" / run_id, "hosts")}
    assert hosts["web-01"]["detail"] == (
        "process 4712: in place of its mappings came smaps_rollup; "
        "process 4713: in place of its mappings came the output of pmap; "
        "process 4714: in place of its mappings came smaps_rollup"
    )
    assert hosts["web-02"]["detail"] == ""
    sizes = [hosts[name]["native_heap_committed_bytes"] for name in ("web-01", "web-02")]
    assert sizes[0] == sizes[1] > 0
