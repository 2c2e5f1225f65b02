"""A captured folder becomes a known case, or is refused with the line that is wrong."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.mistakes import OperatorError
from procmaps.classify import RULES_VERSION
from tests.truth import digests, new_case
from tests.truth.cases import FIELD, PLACE, read_case, read_set
from tests.truth.new_case import CASE_LIMIT_BYTES, add

SMALL = PLACE / FIELD / "40-live-arena-head-split-0"
TRUTH = "truth.tsv"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of sets with nothing in it, and digests of one case beside it."""
    (tmp_path / "digests.txt").write_text(f"rules {RULES_VERSION}\nfield z maps 0123456789abcdef\n")
    (tmp_path / "sets").mkdir()
    return tmp_path / "sets"


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """A folder as somebody hands it in."""
    folder = tmp_path / "label-4711"
    shutil.copytree(SMALL, folder)
    return folder


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a secret among its arguments that has started and changes no more."""
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", "--password=hunter2"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        yield process
        process.stdin.close()


def refused(capture: Path, place: Path, name: str = "") -> str:
    """What is told, after it was seen that nothing was written."""
    before = (place.with_name("digests.txt").read_bytes(), sorted(place.rglob("*")))
    with pytest.raises(OperatorError) as caught:
        add(capture, FIELD, name, place)
    assert (place.with_name("digests.txt").read_bytes(), sorted(place.rglob("*"))) == before
    return str(caught.value)


def test_a_captured_process_becomes_a_case(
    sleeper: subprocess.Popen[bytes],
    tmp_path: Path,
    place: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "label"
    command = [sys.executable, "-m", "mapsweep", "capture", str(sleeper.pid), "-o", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    heap = next(line for line in (folder / "maps").read_text().splitlines() if line.endswith("[heap]"))
    low, high = heap.split()[0].split("-")
    (folder / TRUTH).write_text(f"{low} {high} heap_main password=hunter3\n")
    (folder / "environ").write_bytes(b"PASSWORD=hunter4\0")
    assert new_case.main([str(folder), "--set", "field", "--name", "py-asleep"], place) == 0
    out = capsys.readouterr().out
    assert f"{place}/field/py-asleep: 1 ranges" in out
    assert out.count("100.00%") >= 8
    (case,) = read_set(FIELD, place)
    assert [tuple(known) for known in case.truth] == [(int(low, 16), int(high, 16), "heap_main")]
    assert case.files["osrelease"].decode() == f"{os.uname().release}\n"
    assert set(case.files) == {path.name for path in folder.iterdir()} - {TRUTH, "versions", "environ"}
    for path in (place / "field/py-asleep").iterdir():
        assert b"hunter" not in path.read_bytes(), path.name
    assert b"--password=***" in case.files["cmdline"]
    assert (place / "field/py-asleep" / TRUTH).read_text() == f"{low}\t{high}\theap_main\tpassword=***\n"


def test_secrets_of_a_folder_that_no_capture_wrote_are_masked(capture: Path, place: Path) -> None:
    (capture / "cmdline").write_bytes(b"/bin/x\0--token=hunter2\0")
    (capture / "maps.decorated").write_bytes(
        (capture / "maps").read_bytes()
        + b"7fffffffe000-7ffffffff000 rw-p 00000000 00:00 0 [anon:token=hunter2]\n"
    )
    (capture / TRUTH).write_bytes(b"# secret=hunter2\n" + (capture / TRUTH).read_bytes())
    case = add(capture, FIELD, "a", place)
    assert case.files["cmdline"] == b"/bin/x\0--token=***\0"
    for path in (place / FIELD / "a").iterdir():
        assert b"hunter" not in path.read_bytes(), path.name
    assert read_case(place / FIELD / "a").truth == read_case(SMALL).truth


def test_its_digests_are_listed_in_order(capture: Path, place: Path) -> None:
    add(capture, FIELD, "", place)
    add(capture, "live", "first", place)
    version, listed = digests.kept(place.with_name("digests.txt"))
    assert version == RULES_VERSION
    assert list(listed) == [
        *("live first maps", "live first smaps"),
        *("field label-4711 maps", "field label-4711 smaps", "field z maps"),
    ]
    known = digests.kept()[1]
    assert listed["live first smaps"] == known["field 40-live-arena-head-split-0 smaps"]


def test_digests_of_other_rules_are_refused(capture: Path, place: Path) -> None:
    place.with_name("digests.txt").write_text("rules 0\n")
    assert f"is of rules 0, not {RULES_VERSION} (run `make digests` before)" in refused(capture, place)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("1000 2000 file", "1000-2000 is not inside the mappings, which hold nothing of it (cut it"),
        ("7fd107000000 7fd107000000 file", "is empty"),
        ("7fd107000000 zz file", "'zz' is no address (write it in hex, as in maps)"),
        ("7fd107000000 7fd107001000 heap", "'heap' is no kind (one of anonymous, beam_heap"),
    ],
)
def test_a_wrong_line_is_named(capture: Path, place: Path, line: str, told: str) -> None:
    with (capture / TRUTH).open("a") as file:
        file.write(f"{line}\n")
    number = len((capture / TRUTH).read_text().splitlines())
    found = refused(capture, place)
    assert f"{capture}/{TRUTH}:{number}: " in found
    assert told in found


def test_an_overlap_is_named(capture: Path, place: Path) -> None:
    line = (capture / TRUTH).read_text().splitlines()[0]
    with (capture / TRUTH).open("a") as file:
        file.write(f"{line}\n")
    assert "of line 1 (each byte has one kind: cut one of the two, or leave it out)" in refused(
        capture, place
    )


def test_what_is_missing_is_told_at_once(tmp_path: Path, place: Path) -> None:
    (tmp_path / "empty").mkdir()
    told = refused(tmp_path / "empty", place)
    assert "no maps or smaps (`mapsweep capture PID -o DIR` writes both)" in told
    assert "no truth.tsv (write what is known" in told
    assert "no such folder (`mapsweep capture PID -o DIR` makes one)" in refused(tmp_path / "none", place)


def test_a_name_is_checked_and_taken_once(capture: Path, place: Path) -> None:
    for name in ("../a", "a b", ".a", "a" * 65):
        assert "is no name of a case (NAME=... gives another" in refused(capture, place, name)
    add(capture, FIELD, "a" * 64, place)
    assert f"field has a case {'a' * 64} (NAME=... gives another)" in refused(capture, place, "a" * 64)
    with pytest.raises(OperatorError, match=r"'\.\./x' is no name of a set"):
        add(capture, "../x", "b", place)


def test_a_case_has_a_size_limit(capture: Path, place: Path) -> None:
    size_bytes = sum(path.stat().st_size for path in capture.iterdir())
    (capture / "limits").write_bytes(
        b"\n" * (CASE_LIMIT_BYTES - size_bytes + (capture / "limits").stat().st_size)
    )
    add(capture, FIELD, "a", place)
    with (capture / "limits").open("ab") as file:
        file.write(b"\n")
    assert f"{CASE_LIMIT_BYTES + 1} bytes, more than {CASE_LIMIT_BYTES} (remove smaps" in refused(
        capture, place
    )


def test_a_folder_that_cannot_be_made_is_told(capture: Path, place: Path) -> None:
    (place / FIELD).write_bytes(b"")
    assert f"{place}/field/label-4711: not a directory (the case was not added)" in refused(capture, place)


def test_the_command_ends_with_2_and_says_why(
    tmp_path: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new_case.main([str(tmp_path / "none")], place) == 2
    assert "no such folder" in capsys.readouterr().err
    assert new_case.main([""], place) == 2
    assert "CAPTURE: is not given (make case CAPTURE=DIR)" in capsys.readouterr().err


def test_a_case_of_the_first_set_is_whole(capture: Path, place: Path) -> None:
    (capture / "stat").unlink()
    with pytest.raises(OperatorError, match=r"no stat, which other tests read \(SET=field needs less\)"):
        add(capture, "cases", "a", place)
    add(capture, FIELD, "a", place)


@pytest.mark.parametrize("kept", ["maps", "smaps"])
def test_a_case_with_one_of_maps_and_smaps(capture: Path, place: Path, kept: str) -> None:
    (capture / {"maps": "smaps", "smaps": "maps"}[kept]).unlink()
    add(capture, FIELD, "one", place)
    listed = digests.kept(place.with_name("digests.txt"))[1]
    expected = {"field one maps"} | ({"field one smaps"} if kept == "smaps" else set())
    assert {name for name in listed if " one " in name} == expected
