import json
import shlex
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from archive.runs import Runs
from domain.mistakes import OperatorError
from mapsweep.most_failed import Watch, most_failed
from tests.mapsweep.conftest import Here
from tests.tables import rows_of
from workers.life.progress import Progress

pytestmark = pytest.mark.slow


def test_the_hosts_that_failed_are_swept_again_once_they_are_cured(
    fleet: Path, here: Here, tmp_path: Path
) -> None:
    words = ("-i", fleet, "--runs", tmp_path / "runs")
    assert here("collect", *words, "--hosts", "all", "--name", "nightly").code == 3
    (first,) = Runs(str(tmp_path / "runs")).ids()
    listed = here("collect", *words, "--retry-failed", first, "--list-hosts")
    assert (listed.code, listed.out) == (0, "gone-01\n")
    again = here("collect", *words, "--retry-failed", "latest", "--reason", "no_proc")
    assert again.code == 4
    (tmp_path / "gone-01").symlink_to(tmp_path / "web-01")  # the cure
    cured = here("collect", *words, "--retry-failed", first)
    assert cured.code == 0, cured.err
    second = next(iter(set(Runs(str(tmp_path / "runs")).ids()) - {first}))
    assert {host["name"] for host in rows_of(tmp_path / "runs" / second, "hosts")} == {"gone-01"}
    scope = Runs(str(tmp_path / "runs")).open(second).manifest.scope
    assert scope.name == "nightly"
    over = here("collect", *words, "--retry-failed", first)
    assert over.code == 2
    assert "has answered in a retry" in " ".join(over.err.split())


def test_a_retry_knows_the_inventory_and_follows_the_chain(fleet: Path, here: Here, tmp_path: Path) -> None:
    (tmp_path / "bad-01").mkdir()
    (tmp_path / "bad-02").mkdir()
    named = fleet.rename(tmp_path / "web.yaml")
    roots = "".join(f"    bad-0{n}: {{mapsweep_root: {tmp_path}/bad-0{n}}}\n" for n in (1, 2))
    named.write_text(named.read_text() + roots)
    runs = ("--runs", tmp_path / "runs")
    first = here("collect", "-i", named, "--hosts", "bad-*,web-*", "--name", "nightly", *runs)
    assert first.code == 3, first.err
    for name in ("bad-01", "bad-02"):
        (tmp_path / name).rmdir()
        (tmp_path / name).symlink_to(tmp_path / "web-01")
        before = here("collect", *runs, "--retry-failed", "latest", "--list-hosts")
        assert (before.code, name in before.out) == (0, True), before.err
        done = here("collect", *runs, "--retry-failed", "latest", "--hosts", name)
        assert done.code == 0, done.err
    archive = Runs(str(tmp_path / "runs"))
    scopes = [archive.by_id(run_id).manifest.scope for run_id in archive.ids()]
    assert {scope.name for scope in scopes} == {"nightly"}
    (origin,) = (
        run_id for run_id in archive.ids() if archive.by_id(run_id).manifest.scope.hosts == "bad-*,web-*"
    )
    assert f"bad-01 that failed in {origin}" in {scope.hosts for scope in scopes}
    assert len({scope.hosts for scope in scopes}) == 3  # no retry is compared with another one
    fresh = here("runs", *runs, "--max-age", "1d", "--scope", "nightly")
    assert origin in fresh.out  # a retry of some hosts is no night


def test_without_an_inventory_the_hosts_are_asked_as_before(fleet: Path, here: Here, tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(f"inventory: {fleet}\n")
    runs = ("--runs", tmp_path / "runs")
    assert here("collect", "--config", tmp_path / "settings.yaml", *runs).code == 3
    ended = here("collect", *runs, "--retry-failed", "latest", "--list-hosts")
    assert (ended.code, ended.out) == (0, "gone-01\n"), ended.err
    assert "there is no inventory: the hosts are asked as" in " ".join(ended.err.split())


def test_a_program_that_only_the_run_names_is_not_executed(fleet: Path, here: Here, tmp_path: Path) -> None:
    program = tmp_path / "hosts.sh"
    mark = tmp_path / "executed"
    reached = {"ansible_connection": "local", "mapsweep_root": f"{tmp_path}/gone"}
    groups = json.dumps({"all": {"hosts": ["gone-01"], "vars": reached}, "_meta": {"hostvars": {}}})
    program.write_text(f"#!/bin/sh\n: > {mark}\necho '{groups}'\n")
    program.chmod(0o755)
    runs = ("--runs", tmp_path / "runs")
    assert here("collect", "-i", program, *runs).code == 4
    mark.unlink()
    ended = here("collect", *runs, "--retry-failed", "latest", "--list-hosts")
    assert ended.code == 2
    assert "is a program" in " ".join(ended.err.split())
    assert not mark.exists()


def test_the_summary_offers_the_retry_for_what_may_pass(here: Here, tmp_path: Path) -> None:
    key = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    with socket.socket() as closed:  # bound, and nobody listens
        closed.bind(("127.0.0.1", 0))
        reached = f"ansible_host: 127.0.0.1, ansible_port: {closed.getsockname()[1]}"
        reached += f", ansible_ssh_private_key_file: {key}"
        (tmp_path / "one.yaml").write_text(f"all:\n  hosts:\n    shut: {{{reached}}}\n")
        ended = here("collect", "-i", "one.yaml", "--runs", tmp_path / "runs", "--accept-new-host-keys")
        assert ended.code == 4
        (hint,) = (line for line in ended.out.splitlines() if "--retry-failed" in line)
        words = shlex.split(hint.removeprefix("next:   mapsweep "))
        assert "--accept-new-host-keys" in words
        again = here(*words)
        assert (again.code, "tcp_refused" in again.out) == (4, True), again.err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--reason", "tcp_timeout"), "there are: no_proc"),
        (("--hosts", "web-01"), "none of the hosts that failed is selected"),
    ],
)
def test_what_cannot_be_tried_again_is_told(
    fleet: Path, here: Here, tmp_path: Path, more: tuple[str, ...], said: str
) -> None:
    words = ("-i", fleet, "--runs", tmp_path / "runs")
    here("collect", *words)
    ended = here("collect", *words, "--retry-failed", "latest", *more)
    assert ended.code == 2
    assert said in " ".join(ended.err.split())
    assert len(list(Runs(str(tmp_path / "runs")).ids())) == 1


def test_a_run_without_failures(fleet: Path, here: Here, tmp_path: Path) -> None:
    words = ("-i", fleet, "--runs", tmp_path / "runs")
    assert here("collect", *words, "--hosts", "web-01").code == 0
    ended = here("collect", *words, "--retry-failed", "latest")
    assert ended.code == 2
    assert "no host failed in it" in " ".join(ended.err.split())


@pytest.mark.parametrize(
    "words",
    [
        ("--reason", "no_proc"),
        ("--retry-failed", "latest", "--resume", "latest"),
        ("--retry-failed", "latest", "--local"),
        ("--max-failed", "101%"),
        ("--max-failed", "5 %"),
        ("--max-failed", "-1"),
        ("--max-failed", "5", "--broker", "redis://127.0.0.1:1/0"),
    ],
)
def test_what_makes_no_sense_together(
    fleet: Path, here: Here, tmp_path: Path, words: tuple[str, ...]
) -> None:
    assert here("collect", "-i", fleet, "--runs", tmp_path / "runs", *words).code == 2


def many(tmp_path: Path) -> Path:
    """An inventory in which every host fails."""
    path = tmp_path / "many.yaml"
    path.write_text(
        "all:\n  vars: {ansible_connection: local, mapsweep_root: /no/such}\n  hosts:\n    h[001:200]:\n"
    )
    return path


def test_a_sweep_stops_when_too_many_hosts_failed_and_is_resumed(here: Here, tmp_path: Path) -> None:
    words = ("--runs", tmp_path / "runs", "--concurrency", "1")
    stopped = here("collect", "-i", many(tmp_path), *words, "--max-failed", "2%")
    assert stopped.code == 3
    told = " ".join(stopped.err.split())
    assert "of 200 hosts failed, more than --max-failed 2% allows" in told
    assert "collect --resume" in told
    assert "--max-failed 2%" in told.partition("--resume")[2]
    run = Runs(str(tmp_path / "runs")).open("latest")
    assert run.closed() is None
    assert 5 <= len(run.standing().failed) < 200
    assert here("collect", "--resume", run.run_id, "--runs", tmp_path / "runs").code == 4
    assert run.closed() is not None


@pytest.mark.parametrize(
    ("typed", "asked", "failed", "is_over"),
    [
        ("5%", 100, 5, False),
        ("5%", 100, 6, True),
        ("5%", 10, 0, False),
        ("5%", 10, 1, True),
        ("3", 100, 3, False),
        ("3", 100, 4, True),
        ("0", 100, 1, True),
        ("100%", 100, 100, False),
    ],
)
def test_at_the_limit(typed: str, asked: int, failed: int, *, is_over: bool) -> None:
    stop = threading.Event()
    told: list[Progress] = []
    watch = Watch(most_failed(typed), told.append, stop)
    watch(Progress(asked, 7, 0, 7))  # failed before, in a run that is resumed
    assert not stop.is_set()
    watch(Progress(asked, 7 + failed, 0, 7 + failed))
    assert (watch.is_over, stop.is_set(), len(told)) == (is_over, is_over, 2)


@pytest.mark.parametrize("typed", ["", "five", "%", "1.5%", "1" * 10])
def test_what_is_no_limit(typed: str) -> None:
    with pytest.raises(OperatorError, match="is no limit"):
        most_failed(typed)
