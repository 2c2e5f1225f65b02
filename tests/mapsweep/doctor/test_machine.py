"""Each thing on this machine broken for real: FAIL or WARN with the remedy; the remedy applied, OK."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from mapsweep.terminal.exits import Exit
from tests.collector.test_sudoers import needs_root
from tests.mapsweep.conftest import Here
from tests.mapsweep.doctor.visits import visit
from tests.ports import free_port
from tests.redis_server import redis_server
from tests.smtp import PASSWORD, USERNAME, mail_server

MAPSWEEP = Path(sys.executable).with_name("mapsweep")


def _settings(folder: Path, **settings: object) -> Path:
    path = folder / "mapsweep.yaml"
    path.write_text(json.dumps({"runs": str(folder / "runs"), **settings}))
    return path


def test_hosts_that_are_this_machine_need_no_key(fleet: Path, here: Here) -> None:
    seen = visit(here, "-i", fleet, "--hosts", "web-*", "--runs", fleet.parent / "runs")
    assert seen.code == Exit.OK
    assert not {"key", "port", "host key", "login", "sudo"} & {check["name"] for check in seen.checks}
    assert not (fleet.parent / "runs").exists()  # nothing is kept
    assert seen.document["expected"]["hosts"] == 2


def test_some_that_fail_and_all_that_fail_have_exit_codes(fleet: Path, here: Here) -> None:
    runs = ("--runs", fleet.parent / "runs")
    assert visit(here, "-i", fleet, *runs).code == Exit.SOME_FAILED
    lost = visit(here, "-i", fleet, *runs, "--hosts", "gone-01")
    assert lost.code == Exit.ALL_FAILED
    assert lost.document["expected"]["sweep_s"] is None  # unknown is not 0
    assert (lost.level("time"), lost.level("bytes")) == ("UNKNOWN", "UNKNOWN")


def test_an_inventory_that_does_not_load_is_told_and_nobody_is_asked(fleet: Path, here: Here) -> None:
    whole = fleet.read_text()
    fleet.write_text(whole.replace("all:", "all: [", 1))
    broken = visit(here, "-i", fleet, "--runs", fleet.parent / "runs")
    assert broken.code == Exit.USAGE
    assert broken.document["hosts"] == []
    assert any(fleet.name in check["text"] for check in broken.named("settings") if check["level"] == "FAIL")
    fleet.write_text(whole)
    assert visit(here, "-i", fleet, "--hosts", "web-*", "--runs", fleet.parent / "runs").code == Exit.OK


def test_a_pattern_without_hosts_is_a_mistake(fleet: Path, here: Here) -> None:
    ended = here("doctor", "-i", fleet, "--hosts", "nobody-*")
    assert (ended.code, ended.out) == (Exit.USAGE, "")
    assert "nobody-*" in ended.err


def test_too_few_open_files_are_told_with_the_number_that_is_enough(fleet: Path) -> None:
    command = f"{MAPSWEEP} doctor --json -i {fleet} --hosts 'web-*' --runs {fleet.parent / 'runs'}"

    def seen(shell: str) -> dict[str, object]:
        done = subprocess.run(
            ["/bin/sh", "-c", shell], capture_output=True, text=True, timeout=600, check=False
        )
        checks = json.loads(done.stdout)["machine"]
        (check,) = [check for check in checks if check["name"] == "open files"]
        return dict(check)

    short = seen(f"ulimit -Sn 71; {command}")
    assert short["level"] == "WARN"
    (more,) = short["commands"] if isinstance(short["commands"], list) else []
    assert seen(f"ulimit -Sn 71; {more}; {command}")["level"] == "OK"


@needs_root
def test_a_disk_that_is_too_small_is_told(fleet: Path) -> None:
    """In a mount namespace of its own, where the folder of the runs is a small file system."""
    runs = fleet.parent / "small"
    runs.mkdir()
    command = f"{MAPSWEEP} doctor --json -i {fleet} --hosts 'web-*' --runs "
    script = f"mount -t tmpfs -o size=8k none {runs} || exit 77; {command} {runs}"
    full = subprocess.run(
        ["unshare", "--mount", "/bin/sh", "-c", script],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if full.returncode == 77:
        pytest.skip("no mount namespace here")
    (disk,) = [check for check in json.loads(full.stdout)["hosts"] if check["name"] == "disk"]
    assert disk["level"] == "FAIL"
    assert "--runs" in disk["remedy"]
    assert full.returncode == Exit.USAGE
    other = subprocess.run(
        [*shlex.split(command), fleet.parent / "runs"],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert other.returncode == Exit.OK


def test_a_redis_that_does_not_answer_or_refuses_is_told(
    fleet: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fleet.parent
    arguments = ("-i", fleet, "--hosts", "web-*", "--config")
    gone = visit(here, *arguments, _settings(folder, broker=f"redis://127.0.0.1:{free_port()}/0"))
    assert (gone.code, gone.level("redis")) == (Exit.USAGE, "FAIL")
    with redis_server() as server:
        settings = _settings(folder, broker=server.url)
        monkeypatch.setenv("MAPSWEEP_BROKER_PASSWORD", "wrong")
        refused = visit(here, *arguments, settings)
        assert refused.level("redis") == "FAIL"
        assert "wrong" not in json.dumps(refused.document)
        monkeypatch.setenv("MAPSWEEP_BROKER_PASSWORD", server.password)
        assert visit(here, *arguments, settings).level("redis") == "OK"


def test_a_mail_server_is_greeted_and_gets_no_mail(
    fleet: Path, here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arguments = ("-i", fleet, "--hosts", "web-*", "--config")
    with mail_server(tmp_path) as server:
        mail = {
            "from": "mapsweep@example.org",
            "server": server.host,
            "port": free_port(),
            "username": USERNAME,
            "ca_file": server.ca_file,
        }
        monkeypatch.setenv("MAPSWEEP_MAIL_PASSWORD", PASSWORD)
        closed = visit(here, *arguments, _settings(fleet.parent, mail=mail))
        assert (closed.code, closed.level("mail")) == (Exit.USAGE, "FAIL")
        settings = _settings(fleet.parent, mail=mail | {"port": server.port})
        good = visit(here, *arguments, settings)
        assert (good.code, good.level("mail")) == (Exit.OK, "OK")
        monkeypatch.setenv("MAPSWEEP_MAIL_PASSWORD", "not this one")
        refused = visit(here, *arguments, settings)
        assert refused.level("mail") == "FAIL"
        assert "not this one" not in json.dumps(refused.document)
        assert server.mailbox.attempts == 0
        assert server.mailbox.received == []


def test_unchecked_host_keys_are_said(fleet: Path, here: Here) -> None:
    settings = _settings(fleet.parent, ssh={"host_key_policy": "off"})
    seen = visit(here, "-i", fleet, "--hosts", "web-*", "--config", settings)
    assert [check["level"] for check in seen.named("host keys")] == ["OK", "WARN"]
    assert seen.code == Exit.OK


def test_without_json_each_line_begins_with_its_level_and_quiet_says_what_is_wrong(
    fleet: Path, here: Here
) -> None:
    arguments = ("doctor", "-i", fleet, "--runs", fleet.parent / "runs")
    ended = here(*arguments)
    levels = {line.split(" ")[0] for line in ended.out.splitlines() if line and not line.startswith(" ")}
    assert {"OK", "FAIL"} <= levels
    assert ended.out.splitlines()[-1].endswith("1 FAIL, 1 cannot be told")  # the clock of a recorded host
    assert "asking 3 of 3 hosts" in ended.err
    quiet = here(*arguments, "-q")
    assert quiet.code == Exit.SOME_FAILED
    assert quiet.out.splitlines()[0].startswith("FAIL  probe")
    assert not quiet.err


def test_no_dump_is_left_in_the_temporary_folder(
    fleet: Path, here: Here, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    visit(here, "-i", fleet, "--runs", fleet.parent / "runs")
    assert not list((tmp_path / "tmp").iterdir())
