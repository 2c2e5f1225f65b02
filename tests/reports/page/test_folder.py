"""A page per host, and the mappings of the processes that need a look first."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from archive.dump_keys import NO_KEYS
from archive.host_names import file_name
from archive.run import Run
from reports import report as reporting
from reports.page import folder, page, worst
from reports.tables.settled import Settled
from tests.age_keys import age_key
from tests.reports import hostile
from tests.reports.fleet import MIB, Answered, Process, failure, finding, heap, run_of, runs_in, stacks
from tests.reports.page.decoder import of_page
from tests.reports.page.test_contents import Reader
from tests.reports.views.test_mappings import NONCE, arenas, dump

MANY = 60  # processes of a host, more than a static table has


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Two parts of hosts would be more; here are two hosts that answered, and one that did not."""
    large = tuple(Process(pid, blocks=(heap(pid * MIB), stacks(2, MIB))) for pid in range(1, MANY + 1))
    found = (finding(1), finding(2, "info"))
    return run_of(
        runs_in(tmp_path),
        Answered("web/1", large, findings=found),
        Answered("web2", (Process(7, service="other.service"),)),
        failures=(failure("db1"),),
    )


def test_each_host_that_answered_has_a_page_with_all_of_its_processes(run: Run) -> None:
    files = dict(folder.pages(reporting.report(run)))
    assert list(files) == ["hosts/web%2F1.html", "hosts/web2.html", "index.html"]
    shown = of_page(files["hosts/web%2F1.html"])
    assert set(shown.tables["processes"]["pid"]) == set(range(1, MANY + 1))
    assert shown.tables["processes"]["kinds"] == [2] * MANY
    assert shown.tables["kinds"]["count"] == [1, 2] * MANY or set(shown.tables["kinds"]["count"]) == {1, 2}
    assert shown.tables["hosts"]["name"] == ["web/1"]
    assert shown.tables["hosts"]["others"] == [0]
    assert shown.rows["findings"] == 2
    assert shown.tables["services"]["service"] == ["api.service"]
    assert shown.facts["layout"] == "host"
    assert shown.facts["totals"]["sent"] == MANY
    assert {row["kind"] for row in shown.facts["totals"]["kinds"]} == {"heap_main", "thread_stack"}
    other = of_page(files["hosts/web2.html"])
    assert other.tables["processes"]["pid"] == [7]
    assert other.tables["services"]["service"] == ["other.service"]


def test_the_figures_of_a_host_are_the_same_in_both_pages(run: Run) -> None:
    files = dict(folder.pages(reporting.report(run)))
    index, alone = of_page(files["index.html"]).tables, of_page(files["hosts/web2.html"]).tables
    at = index["hosts"]["name"].index("web2")
    for name, column in index["hosts"].items():
        assert alone["hosts"][name] == [column[at]], name
    for name, column in index["processes"].items():
        assert alone["processes"][name] == column[-1:], name


def test_the_pages_lead_to_each_other(run: Run) -> None:
    files = dict(folder.pages(reporting.report(run)))
    index = Reader(files["index.html"].decode())
    outside = {link for link in index.links if not link.startswith("#")}
    assert {link.partition("#")[0] for link in outside} == {"hosts/web%252F1.html", "hosts/web2.html"}
    for link in outside:
        file, _, anchor = link.partition("#")
        assert anchor in Reader(files[unquote(file)].decode()).ids
    shown = of_page(files["index.html"])
    assert shown.facts["layout"] == "dir"
    assert shown.facts["links"] == {"web/1": "hosts/web%252F1.html", "web2": "hosts/web2.html"}
    for name in ("hosts/web%2F1.html", "hosts/web2.html"):
        seen = Reader(files[name].decode())
        assert {link for link in seen.links if not link.startswith("#")} == {"../index.html"}
        assert [link for link in seen.links if link.startswith("#") and link[1:] not in seen.ids] == []
        assert len(seen.ids) == len(set(seen.ids))
        assert seen.captions == seen.tables == 2


def test_a_single_page_leads_nowhere_else(run: Run) -> None:
    made = page.render(reporting.report(run))
    assert [link for link in Reader(made.decode()).links if not link.startswith("#")] == []
    assert of_page(made).facts["links"] is None


def test_names_that_mean_harm_stay_in_the_folder_and_become_no_markup(tmp_path: Path) -> None:
    run = run_of(runs_in(tmp_path), *hostile.fleet())
    files = dict(folder.pages(reporting.report(run)))
    assert set(files) == {"index.html", *(f"hosts/{file_name(name)}.html" for name in hostile.NAMES)}
    for content in files.values():
        text = content.decode().partition("<script")[0]
        assert "<script>alert" not in text
        assert "<img" not in text
        assert "<base" not in text
        assert not [mark for mark in text if not mark.isprintable() and mark != "\n"]


def with_dumps(tmp_path: Path, hosts: int, processes: int) -> Run:
    """Hosts whose dumps have an arena in each process, another number of them in each."""
    pids = range(1, processes + 1)
    answers = [
        Answered(
            f"web{host:02}", tuple(Process(pid, blocks=(heap((host * 100 + pid) * MIB),)) for pid in pids)
        )
        for host in range(hosts)
    ]
    run = run_of(runs_in(tmp_path), *answers)
    for answer in answers:
        kept = dump((pid, 4200, arenas(pid)) for pid in pids)
        run.write_dump(replace(kept, host=answer.name))
    return run


def test_the_page_has_the_mappings_of_the_largest_processes(tmp_path: Path) -> None:
    shown = of_page(page.render(reporting.report(with_dumps(tmp_path, 3, 4))))
    assert shown.tables["processes"]["mappings"] == [1] * 12
    assert shown.tables["mappings"]["kind"] == ["heap_arena"] * 12
    assert shown.tables["mappings"]["count"] == [4, 3, 2, 1] * 3
    starts, ends = shown.tables["mappings"]["start"], shown.tables["mappings"]["end_"]
    assert [int(end or 0) - int(start or 0) for start, end in zip(starts, ends, strict=True)] == [
        count * 64 * MIB for count in [4, 3, 2, 1] * 3
    ]
    assert shown.facts["left_out"] == []


def test_so_many_processes_and_hosts_are_read_and_no_more(tmp_path: Path) -> None:
    run = with_dumps(tmp_path, worst.HOSTS_MAX + 1, 3)
    shown = of_page(page.render(reporting.report(run)))
    assert shown.facts["detail"]["mappings"] == {
        "shown": worst.PROCESSES_MAX,
        "of": 3 * (worst.HOSTS_MAX + 1),
    }
    first = shown.tables["processes"]["mappings"][: worst.PROCESSES_MAX]
    assert first == [1] * worst.PROCESSES_MAX
    one = of_page(page.render(reporting.report(with_dumps(tmp_path / "one", worst.HOSTS_MAX + 1, 1))))
    assert one.facts["detail"]["mappings"] == {"shown": worst.HOSTS_MAX, "of": worst.HOSTS_MAX + 1}


def test_a_damaged_dump_is_said_and_the_others_are_shown(tmp_path: Path) -> None:
    run = with_dumps(tmp_path, 2, 1)
    kept = run.read_dump("web00")
    run.remove_dump("web01")
    run.write_dump(replace(kept, host="web01", nonce=NONCE, memory=b"no gzip"))
    shown = of_page(page.render(reporting.report(run)))
    assert shown.rows["mappings"] == 1
    assert [said for said in shown.facts["left_out"] if "web01" in said]


def test_nothing_is_read_if_no_dumps_are_kept(tmp_path: Path) -> None:
    run = with_dumps(tmp_path, 1, 1)
    bare = Run(run.store, replace(run.manifest, keep_dumps=False), run.generation)
    made = reporting.report(bare)
    assert of_page(page.render(made)).rows["mappings"] == 0
    assert Settled(bare).run is bare


def test_mappings_of_encrypted_dumps_are_in_the_page_with_the_private_key_and_else_left_out(
    tmp_path: Path,
) -> None:
    run, key = with_dumps(tmp_path, 2, 3), age_key(tmp_path)
    for name in ("web00", "web01"):
        kept = run.read_dump(name)
        run.remove_dump(name)
        run.with_keys(key.writes).write_dump(kept)
    other = age_key(tmp_path, "other")
    for keys, why in (
        (NO_KEYS, "Mappings are left out: the dump is encrypted: set dump_identity_file."),
        (other.keys, "Mappings are left out: the dump is encrypted for other keys"),
    ):
        files = dict(folder.pages(reporting.report(run.with_keys(keys))))
        for content in files.values():
            said = of_page(content).facts["left_out"]
            assert [line for line in said if "This page has the mappings of 0 of" in line and why in line], (
                said
            )
    shown = of_page(page.render(reporting.report(run.with_keys(key.keys))))
    assert shown.tables["processes"]["mappings"] == [1] * 6
    assert shown.facts["left_out"] == []
