"""Runs on this machine whose dumps are encrypted: with the private key, without it, with another one."""

import gzip
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from archive import dump_file
from archive.dump_keys import DumpKeys, is_encrypted
from archive.run import Run
from archive.runs import Runs
from collector.session import Session
from domain.mistakes import OperatorError
from domain.records import Closed, Dump, Stage
from tests.age_keys import AgeKey, age_key
from tests.archive.examples import NONCE, dump, is_rendered, manifest
from workers.here.embedded import execute
from workers.life.plan import remade
from workers.life.progress import Progress

pytestmark = pytest.mark.slow


@pytest.fixture
def key(tmp_path: Path) -> AgeKey:
    return age_key(tmp_path)


def start(folder: Path, keys: DumpKeys, *names: str) -> Run:
    return Runs(str(folder / "runs"), dump_keys=keys).create(manifest(*names))


def silent(_progress: Progress) -> None:
    """Nobody looks."""


def go_on(run: Run) -> Closed:
    ended = execute(run, Session(run.manifest.limits), silent, threading.Event(), processes=2)
    assert ended is not None
    return ended.closed


def outcome(run: Run, name: str) -> str:
    """The reason why a host has no result, "" if it has one."""
    (found,) = run.each_outcome([run.host(name)])
    return found.failure.reason if found.failure else ""


def test_a_machine_with_the_public_key_alone_sweeps_classifies_and_then_reads_nothing(
    tmp_path: Path, key: AgeKey
) -> None:
    run = start(tmp_path, key.writes, "this")
    closed = go_on(run)
    assert (closed.answered, closed.failed) == (1, 0), run.outcomes()
    assert is_rendered(run)
    content = run.store.read("dumps/this.dump")
    assert is_encrypted(content)
    kept = [path for path in Path(run.url).rglob("*") if path.is_file()]
    assert not [path for path in kept if dump_file.MAGIC in path.read_bytes()]
    with pytest.raises(PermissionError, match="set dump_identity_file"):
        run.read_dump("this")
    assert run.with_keys(key.keys).read_dump("this").host == "this"
    assert "set dump_identity_file" in run.store.read("report/index.html").decode()


def test_with_the_private_key_the_page_has_the_mappings(tmp_path: Path, key: AgeKey) -> None:
    run = start(tmp_path, key.keys, "a")
    run.write_dump(dump("a"))
    assert go_on(run).answered == 1
    assert "is encrypted" not in run.store.read("report/index.html").decode()


def test_dumps_that_a_killed_process_left_wait_for_the_private_key(tmp_path: Path, key: AgeKey) -> None:
    run = start(tmp_path, key.writes, "a", "this")
    run.with_keys(key.writes.with_run_key()).write_dump(dump("a"))  # as it did; its key is gone
    with pytest.raises(
        OperatorError, match=r"a\.dump: the dump is encrypted: set dump_identity_file \(or rem"
    ):
        go_on(run)
    assert run.standing().dumped == {"a"}
    assert run.last_attempt("this") == 0
    assert not run.has_dump("this")  # no host was asked
    assert go_on(run.with_keys(key.keys)).answered == 2


def test_without_the_private_key_the_hosts_are_swept_again_as_the_remedy_says(
    tmp_path: Path, key: AgeKey
) -> None:
    run = start(tmp_path, key.writes, "a", "b")
    for name in ("a", "b"):
        run.with_keys(key.writes.with_run_key()).write_dump(dump(name))
    with pytest.raises(OperatorError):
        go_on(run)
    for file in Path(run.url, "dumps").iterdir():
        file.unlink()
    assert go_on(run).answered == 2


def test_a_dump_for_other_keys_fails_and_is_read_later(tmp_path: Path, key: AgeKey) -> None:
    other = age_key(tmp_path, "other")
    run = start(tmp_path, key.keys, "a", "b", "c")
    for name, keys in (("a", other.writes), ("b", key.writes), ("c", other.writes)):
        run.with_keys(keys).write_dump(dump(name))
    closed = go_on(run)
    assert (closed.answered, closed.failed) == (1, 2)
    failure = next(run.each_outcome([run.host("a")])).failure
    assert failure is not None
    assert (failure.stage, failure.reason) == (Stage.CLASSIFY, "dump_locked")
    assert f"encrypted for other keys than those in {key.file}" in failure.detail
    assert "mapsweep reclassify" in failure.remedy
    with key.file.open("a") as file:
        file.write(other.file.read_text())
    assert go_on(remade(run)).answered == 3


def test_a_dump_that_was_tampered_with_fails_alone(tmp_path: Path, key: AgeKey) -> None:
    run = start(tmp_path, key.keys, "a", "b", "c")
    for name in ("a", "b", "c"):
        run.write_dump(dump(name))
    for name, change in (("a", -1), ("b", None)):
        path = f"dumps/{name}.dump"
        content = run.store.read(path)
        run.store.replace(path, content[:-7] if change is None else content[:change] + b"\0")
    assert go_on(run).answered == 1
    assert [outcome(run, name) for name in ("a", "b", "c")] == ["unreadable_dump", "unreadable_dump", ""]


def test_a_dump_of_another_host_is_found_out(tmp_path: Path, key: AgeKey) -> None:
    """Who has the public key can encrypt, and move files; the name within says whose a dump is."""
    run = start(tmp_path, key.keys, "a", "b")
    run.write_dump(dump("b"))
    run.store.replace("dumps/a.dump", run.store.read("dumps/b.dump"))
    go_on(run)
    assert [outcome(run, name) for name in ("a", "b")] == ["unreadable_dump", ""]


def test_a_bomb_within_is_inflated_as_far_as_any_other(tmp_path: Path, key: AgeKey) -> None:
    asked = manifest("a")
    limits = replace(asked.limits, inflated_bytes=2**20)
    run = Runs(str(tmp_path / "runs"), dump_keys=key.keys).create(replace(asked, limits=limits))
    memory = gzip.decompress(dump("a").memory_gz) + b"\n" * 2**26
    run.write_dump(Dump("a", NONCE, gzip.compress(memory), dump("a").identity_gz))
    go_on(run)
    (found,) = run.outcomes()
    assert found.record is not None
    assert f"more than {2**20} bytes" in found.record.problem


def test_it_is_classified_again_by_who_has_the_private_key_alone(tmp_path: Path, key: AgeKey) -> None:
    run = start(tmp_path, key.keys, "a")
    run.write_dump(dump("a"))
    before = go_on(run)
    kept = run.store.read(f"results/{run.generation}/a.result")
    for keys, told in (
        (DumpKeys(), r"the dump is encrypted: set dump_identity_file$"),
        (key.writes, r"the dump is encrypted: set dump_identity_file$"),
        (age_key(tmp_path, "other").keys, r"1 hosts with a result would lose it, .*dump_locked"),
    ):
        with pytest.raises(OperatorError, match=told):
            go_on(remade(run.with_keys(keys)))
        assert run.closed() == before
    again = go_on(remade(run))
    assert again.results != before.results
    assert run.store.read(f"results/{again.results}/a.result") == kept
