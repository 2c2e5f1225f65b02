"""The loader: archives and folders alike, and what each kind of evidence shows."""

import io
import shutil
import tarfile
from pathlib import Path

import pytest

from domain.mistakes import OperatorError
from tests.truth import packing
from tests.truth.cases import (
    FIELD,
    FRESH,
    PLACE,
    SETS,
    Case,
    cases,
    folder_cases,
    members,
    read_case,
    read_set,
    swapped,
)
from tests.truth.scorer import predict, score

SMALL = PLACE / FIELD / "40-live-arena-head-split-0"
STATUS = b"Name:\tx\nVmRSS:\t    1000 kB\nRssAnon:\t     900 kB\nVmSwap:\t       5 kB\nThreads:\t1\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of sets with one set of two cases in folders."""
    for name in ("a", "b"):
        shutil.copytree(SMALL, tmp_path / "sets" / FIELD / name)
    return tmp_path / "sets"


def alone(folder: Path, *without: str) -> Case:
    """The small case with some of its files missing."""
    copy = folder / "copy"
    shutil.copytree(SMALL, copy)
    for name in without:
        (copy / name).unlink()
    return read_case(copy)


def test_the_four_sets_are_found_in_this_order() -> None:
    assert SETS[:4] == ("cases", "live", "fresh", "field")
    assert {path.name.partition(".")[0] for path in PLACE.iterdir()} == set(SETS)


def test_an_archive_says_the_same_as_its_folders(place: Path) -> None:
    before = read_set(FIELD, place)
    archive = packing.pack(FIELD, place)
    assert not (place / FIELD).exists()
    packed = archive.read_bytes()
    after = read_set(FIELD, place)
    assert [(case.name, case.files, case.truth) for case in after] == [
        (case.name, case.files, case.truth) for case in before
    ]
    packing.unpack(FIELD, place)
    assert not archive.exists()
    assert (place / FIELD / "b/truth.tsv").read_bytes() == (SMALL / "truth.tsv").read_bytes()
    assert packing.pack(FIELD, place).read_bytes() == packed


def test_what_is_no_case_stays_in_its_archive(place: Path) -> None:
    text = (SMALL / "truth.tsv").read_bytes()
    with tarfile.open(place / f"{FIELD}.tar.xz", "w:xz") as opened:
        for path in ("edge/odd.maps", "cases/c/maps", "cases/c/truth.tsv"):
            member = tarfile.TarInfo(path)
            member.size = len(text)
            opened.addfile(member, io.BytesIO(text))
    packing.unpack(FIELD, place)
    assert members(FIELD, place) == {"edge/odd.maps": text}
    assert {case.name for case in read_set(FIELD, place)} == {"a", "b", "c"}
    packing.pack(FIELD, place)
    assert members(FIELD, place)["edge/odd.maps"] == text
    assert {case.name for case in read_set(FIELD, place)} == {"a", "b", "c"}


def test_a_name_that_is_in_the_archive_and_in_a_folder_is_told(place: Path) -> None:
    packing.pack(FIELD, place)
    shutil.copytree(SMALL, place / FIELD / "b")
    with pytest.raises(OperatorError, match=r"field/b: is in field\.tar\.xz too"):
        read_set(FIELD, place)
    with pytest.raises(OperatorError, match="b is a folder already"):
        packing.unpack(FIELD, place)


def test_a_set_that_is_not_there_has_no_cases_to_move(tmp_path: Path) -> None:
    assert read_set("none", tmp_path) == ()
    with pytest.raises(OperatorError, match="no folder"):
        packing.pack("none", tmp_path)
    with pytest.raises(OperatorError, match="no case"):
        packing.unpack("none", tmp_path)


@pytest.mark.parametrize("parent", [".", "cases"])
def test_the_cases_of_a_folder(tmp_path: Path, parent: str) -> None:
    shutil.copytree(SMALL, tmp_path / parent / "one")
    (tmp_path / "README.md").write_text("not a case")
    (found,) = folder_cases(tmp_path)
    assert (found.name, found.truth) == ("one", read_case(SMALL).truth)


def test_a_folder_without_a_case_or_a_case_without_truth_is_told(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"no case .*NAME/maps or NAME/smaps"):
        folder_cases(tmp_path)
    shutil.copytree(SMALL, tmp_path / "one")
    (tmp_path / "one/truth.tsv").unlink()
    with pytest.raises(OperatorError, match=r"one: no truth\.tsv"):
        folder_cases(tmp_path)


def test_a_case_with_maps_alone_has_no_smaps_to_show(tmp_path: Path) -> None:
    case = alone(tmp_path, "smaps")
    assert case.shown_by("smaps") is None
    assert not score([case], "smaps").by_case
    assert score([case], "maps").accessible == score([read_case(SMALL)], "maps").accessible
    with pytest.raises(ValueError, match="has no smaps"):
        predict(case, "smaps")


def test_a_case_with_smaps_alone_shows_its_maps_too(tmp_path: Path) -> None:
    whole, case = read_case(SMALL), alone(tmp_path, "maps")
    sent = case.shown_by("maps")
    assert sent is not None
    assert "smaps" not in sent
    assert sent["maps"].splitlines() == whole.files["maps"].splitlines()
    for evidence in ("maps", "smaps"):
        assert score([case], evidence).accessible == score([whole], evidence).accessible
        assert score([case], evidence).resident == score([whole], evidence).resident


def test_the_facts_of_the_host_reach_the_rules() -> None:
    snapshot, _ = predict(next(case for case in cases(FIELD) if case.name.startswith("01-")), "maps")
    assert snapshot.facts.kernel == "5.4.0-113-generic"
    assert snapshot.facts.mem_total_bytes == 131909760 * 1024


def test_swapped_moves_nine_tenths_of_the_anonymous_memory() -> None:
    assert swapped(STATUS) == STATUS.replace(b"1000", b"190").replace(b"900", b"90").replace(b" 5", b" 815")
    added = swapped(STATUS.replace(b"VmSwap:\t       5 kB\n", b""))
    assert added.endswith(b"Threads:\t1\nVmSwap:\t       810 kB\n")
    assert swapped(b"Name:\tx\n") == b""


def test_swapped_is_shown_of_whom_the_anonymous_memory_is_known() -> None:
    by_name = {case.name: case for set_name in (FRESH, FIELD) for case in cases(set_name)}
    assert by_name["c-mlocked"].shown_by("swapped") is None
    assert by_name["11-jdk8-glibc219"].shown_by("swapped") is None
    sent = by_name["j-classes-25-zgc"].shown_by("swapped")
    assert sent is not None
    assert "smaps" not in sent
    assert sent["maps"] == by_name["j-classes-25-zgc"].files["maps"]
