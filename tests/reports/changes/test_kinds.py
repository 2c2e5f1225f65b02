"""What kind of memory a change is made of; never across two grades of evidence."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.reports.changes.nights import app, folder, host, night, story, told
from tests.reports.fleet import MIB, Block, Process

ARENAS, JAVA = "heap_arena", "java_heap"


def jvm(anon_mib: int, arenas_mib: int, java_mib: int, **changes: Any) -> Process:
    """A JVM of which arenas and Java heap are committed to this size."""
    blocks = (Block(ARENAS, arenas_mib * MIB), Block(JAVA, java_mib * MIB))
    return app(anon_mib=anon_mib, blocks=blocks, **changes)


def exact(anon_mib: int, arenas_mib: int, java_mib: int) -> Process:
    """The same read by smaps: what is committed says nothing of what is resident."""
    blocks = (
        Block(ARENAS, 4096 * MIB, resident_bytes=arenas_mib * MIB),
        Block(JAVA, 4096 * MIB, resident_bytes=java_mib * MIB),
    )
    return app(anon_mib=anon_mib, blocks=blocks, evidence="smaps")


def kinds(tmp_path: Path, then: Process, now: Process) -> list[tuple[object, ...]]:
    """kind, its sizes and whether they are exact, of the process, the service and the host."""
    runs = folder(tmp_path)
    night(runs, 20, host("web1", then))
    rows = told(
        night(runs, 21, host("web1", now)), "kind", "kind_before_bytes", "kind_now_bytes", "kind_exact"
    )
    assert [row[1] for row in rows] == ["process", "service", "host"]
    assert len({row[2:] for row in rows}) == 1
    return [row[2:] for row in rows]


def test_by_maps_the_kind_is_the_one_of_which_more_is_committed(tmp_path: Path) -> None:
    found = kinds(tmp_path, jvm(600, 76, 512), jvm(1320, 796, 512))
    assert found[0] == (ARENAS, 76 * MIB, 796 * MIB, "no")


def test_another_kind_of_the_same_size_is_told_as_that(tmp_path: Path) -> None:
    found = kinds(tmp_path, jvm(600, 76, 512), jvm(1320, 76, 1232))
    assert found[0] == (JAVA, 512 * MIB, 1232 * MIB, "no")


def test_by_maps_a_kind_that_was_committed_before_is_told_if_no_other_has_room(tmp_path: Path) -> None:
    found = kinds(tmp_path, jvm(600, 76, 4096), jvm(1320, 76, 4096))
    assert found[0] == (JAVA, 600 * MIB, 1320 * MIB, "no")


def test_by_maps_no_kind_is_told_if_two_have_room(tmp_path: Path) -> None:
    assert kinds(tmp_path, jvm(600, 4096, 4096), jvm(1320, 4096, 4096))[0] == ("", None, None, "")


def test_by_smaps_the_kind_is_the_one_of_which_more_is_resident(tmp_path: Path) -> None:
    found = kinds(tmp_path, exact(600, 76, 512), exact(1320, 796, 512))
    assert found[0] == (ARENAS, 76 * MIB, 796 * MIB, "yes")


def test_many_kinds_that_grew_a_little_are_no_kind(tmp_path: Path) -> None:
    then, now = exact(600, 100, 100), exact(900, 200, 200)
    assert kinds(tmp_path, then, now)[0] == ("", None, None, "")


def test_over_two_grades_of_evidence_the_size_is_told_and_no_kind(tmp_path: Path) -> None:
    assert kinds(tmp_path, exact(600, 76, 512), jvm(1320, 796, 512))[0] == ("", None, None, "")


def test_a_host_that_grew_by_many_processes_has_the_kind_of_their_sum(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    few = [replace(jvm(100, 50, 50), pid=pid, service=f"{pid}.service") for pid in range(1, 11)]
    more = [replace(jvm(160, 110, 50), pid=pid, service=f"{pid}.service") for pid in range(1, 11)]
    night(runs, 20, host("web1", *few))
    run = night(runs, 21, host("web1", *more))
    assert story(run) == [f"grew host web1 {ARENAS} +600"]


def test_a_run_without_its_results_is_compared_without_kinds(tmp_path: Path) -> None:
    runs = folder(tmp_path)
    earlier = night(runs, 20, host("web1", jvm(600, 76, 512)))
    for path in Path(earlier.url, "results").rglob("*.result"):
        path.unlink()
    run = night(runs, 21, host("web1", jvm(1320, 796, 512)))
    assert story(run)[0] == "grew process web1 api.service +720"
