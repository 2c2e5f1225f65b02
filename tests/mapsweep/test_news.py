"""Two sweeps of a fleet that differ: what the second one says at its end."""

import json
import shlex
from pathlib import Path

from tests.mapsweep.conftest import Here
from tests.mapsweep.process_view.test_classify import MAPS, STATUS

HEAP = b"55e0c8000000-55e0f5000000 rw-p 00000000 00:00 0                          [heap]\n"  # 720 MiB


def record(folder: Path, maps: bytes, anon_kb: int) -> None:
    """The memory of a recorded process."""
    sizes = f"VmRSS:\t{anon_kb + 4000:8} kB\nRssAnon:\t{anon_kb:8} kB\nVmSwap:\t       0 kB\n".encode()
    (folder / "status").write_bytes(STATUS.replace(b"VmRSS:\t    9000 kB\nRssAnon:\t    5000 kB\n", sizes))
    (folder / "maps").write_bytes(maps)


def test_the_second_sweep_tells_what_changed_and_its_commands_work(
    fleet: Path, tmp_path: Path, here: Here
) -> None:
    runs = tmp_path / "runs"
    sweep = ("collect", "-i", fleet, "--runs", runs)
    folder = tmp_path / "web-02/proc/4711"
    record(folder, MAPS, 5000)
    first = here(*sweep, "--fail-on", "changed")
    assert first.code == 3, first.err  # gone-01 fails, and nothing is news without a run to compare with
    assert first.out.splitlines()[-1].startswith("PARTIAL: Nothing to compare with, ")

    record(folder, HEAP + MAPS, 5000 + 720 * 1024)
    ended = here(*sweep, "--fail-on", "regressed")
    assert ended.code == 1, ended.err
    assert "mapsweep: regressed: web-02 " in ended.err
    *_, looking, comparing, sentence = ended.out.splitlines()
    assert sentence.startswith("PARTIAL, CHANGED: web-02, svc --password: native heap +720 MiB in ")
    assert "(the brk heap <= 528 KiB to <= 721 MiB)" in sentence
    assert "gone-01 still fails (no_proc)" in sentence
    assert "+720 MiB  web-02, svc" in ended.out
    for line, told in ((looking, "web-02"), (comparing, "+720 MiB")):
        shown = here(*shlex.split(line.removeprefix("next:   mapsweep ")))
        assert shown.code == 0, shown.err
        assert told in shown.out

    quiet = here(*sweep, "-q", "--json")
    assert quiet.code == 3, quiet.err
    summary = json.loads(quiet.out)["summary"]
    assert (summary["changed"], summary["regressed"]) == ("QUIET", False)
