import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from archive.runs import Runs
from mapsweep.terminal.exits import Exit
from tests.mapsweep.conftest import Here
from tests.ports import free_port
from tests.smtp import mail_server
from tests.tables import rows_of

pytestmark = pytest.mark.slow

COMMAND = str(Path(sys.executable).with_name("mapsweep"))


def mapsweep(*arguments: str | Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """The console script, away from any settings of this account."""
    return subprocess.run(
        [COMMAND, *map(str, arguments)], capture_output=True, check=False, text=True, env=away(**environ)
    )


def away(**environ: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAPSWEEP_")}
    return kept | {"XDG_CONFIG_HOME": "/nonexistent"} | environ


def test_a_folder_in_which_no_run_may_be_kept(fleet: Path, tmp_path: Path) -> None:
    """Collect and doctor name the option that gives another one, and with it the same command works."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o555)
    # root is not refused unless it gives up the right to write everywhere
    within = ("setpriv", "--bounding-set", "-dac_override", "--") if os.geteuid() == 0 else ()

    def ended(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [*within, COMMAND, *map(str, arguments), "-i", str(fleet), "--hosts", "web-*"]
        env = away(HOME=str(tmp_path))
        return subprocess.run(command, capture_output=True, check=False, text=True, env=env)

    refused = ended("collect", "--runs", closed)
    assert refused.returncode == Exit.USAGE
    assert f"{closed}: this account cannot keep runs there (Permission denied)" in refused.stderr
    visited = json.loads(ended("doctor", "--json", "--runs", closed).stdout)
    (check,) = (each for each in visited["machine"] if each["level"] == "FAIL")
    for told in (refused.stderr, check["remedy"]):
        assert "--runs ~/mapsweep-runs" in told
    assert ended("collect", "--runs", tmp_path / "mapsweep-runs").returncode == Exit.OK
    assert not any(closed.iterdir())


def test_a_sweep_of_a_fleet_from_end_to_end(fleet: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    ended = mapsweep("collect", "-i", fleet, "--hosts", "all", "--runs", runs)
    assert ended.returncode == 3, ended.stderr
    (run_id,) = Runs(str(runs)).ids()
    ranking, failures, ending = ended.stdout.split("\n\n")
    assert [line.split()[0] for line in ranking.splitlines()] == ["host", "web-02", "web-01"]
    assert failures.startswith("1 failed: exec no_proc (gone-01)")
    assert ending.startswith("Native heap <= ")
    assert ending.splitlines()[-1].startswith("PARTIAL: Nothing to compare with, ")
    page = runs / run_id / "report/index.html"
    assert f"report: {page}\n" in ending
    assert f"next:   mapsweep show web-01/4711 --run {run_id}" in ending
    assert "mapsweep mail" not in ending  # no server is set
    assert page.is_file()
    told = ended.stderr.splitlines()
    assert told[0] == f"run {run_id}: 3 hosts"
    assert told[-1].startswith("3 of 3 hosts (100 %), 1 failed")
    assert "\x1b" not in ended.stdout + ended.stderr
    assert {host["name"]: host["status"] for host in rows_of(runs / run_id, "hosts")} == {
        "web-01": "ok",
        "web-02": "ok",
        "gone-01": "failed",
    }
    assert "hunter2" not in "".join(path.read_text(errors="replace") for path in page.parent.iterdir())
    manifest = json.loads((runs / run_id / "manifest.json").read_text())
    assert manifest["command"] == f"mapsweep collect --hosts all --inventory {fleet} --runs {runs}"


def test_all_hosts_failed(fleet: Path, tmp_path: Path, here: Here) -> None:
    ended = here("collect", "-i", fleet, "--hosts", "gone-*", "--runs", tmp_path / "runs")
    assert ended.code == 4
    assert "FAILED: The host did not answer: " in ended.out


def test_a_threshold_that_is_met_and_one_that_is_not(fleet: Path, tmp_path: Path, here: Here) -> None:
    words = ("collect", "-i", fleet, "--hosts", "web-*", "--runs", tmp_path / "runs", "--fail-on")
    met = here(*words, "native-heap=1M")
    assert met.code == 1
    assert "native-heap of 1.0 MiB is met by 2 of 2 hosts; the largest: web-01" in met.err
    assert here(*words, "native-heap=1T").code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--hosts", "nope"], "'nope'"),
        (["--fail-on", "heap=1G", "--fail-on", "stacks=x"], "is neither MEASURE=SIZE nor a sort of news"),
        (["--local"], "--local selects only this machine"),
        (["--resume", "latest"], "--resume continues with the hosts of its run"),
        (["--mail-to", "nobody"], "must be a bare address"),
        (["--mail-to", "you@example.org"], "no mail server is set"),
        (["--broker", "http://x"], "must be redis://"),
        (["--concurrency", "0"], "--concurrency"),
        (["--config", "/nonexistent/mapsweep.yaml"], "/nonexistent/mapsweep.yaml"),
    ],
)
def test_wrong_input_ends_before_any_host_is_asked(
    arguments: list[str], told: str, fleet: Path, tmp_path: Path, here: Here
) -> None:
    ended = here("collect", "-i", fleet, "--runs", tmp_path / "runs", *arguments)
    assert ended.code == 2, ended.err
    assert told in ended.err
    assert ended.out == ""
    assert not list((tmp_path / "runs").glob("*/dumps/*"))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--broker", "redis://hunter2@127.0.0.1/0"],
        ["--broker", "redis://:hunter2@127.0.0.1/0"],
        ["--broker", "redis://127.0.0.1/0?password=hunter2"],
        ["--broker", "redis://[hunter2@127.0.0.1/0"],
        ["--broker", "hunter2@127.0.0.1"],
        ["--runs", "s3://key:hunter2@bucket/runs"],
        ["--runs", "az://bucket/runs?sig=hunter2"],
        ["--runs", "sftp://me:hunter2@host/runs"],
        ["--resume", "s3://key:hunter2@bucket/runs/20261129T000000Z-x-0000"],
        ["--resume", "https://host/runs?sig=hunter2"],
    ],
)
def test_a_secret_in_a_url_is_refused_and_never_repeated(
    arguments: list[str], fleet: Path, tmp_path: Path, here: Here
) -> None:
    inventory = [] if "--resume" in arguments else ["-i", fleet]
    ended = here("collect", *inventory, "--runs", tmp_path / "runs", *arguments)
    assert ended.code == 2, ended.err
    assert "hunter2" not in ended.err + ended.out
    assert not (tmp_path / "runs").exists()


def test_with_a_signing_key_runs_are_signed_and_no_other_is_resumed(
    fleet: Path, tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    words = ("collect", "--runs", runs)
    assert here(*words, "-i", fleet, "--hosts", "web-*").code == 0
    monkeypatch.setenv("MAPSWEEP_SIGNING_KEY", "k" * 32)
    ended = here(*words, "--resume", "latest")
    assert ended.code == 2
    assert "manifest.sig: is missing" in ended.err
    assert here(*words, "-i", fleet, "--hosts", "web-*").code == 0
    (signature,) = runs.glob("*/manifest.sig")
    assert here(*words, "--resume", signature.parent.name).code == 0
    signature.write_text(f"{0:064x}\n")
    assert "does not match manifest.json" in here(*words, "--resume", str(signature.parent)).err
    monkeypatch.setenv("MAPSWEEP_SIGNING_KEY", "hunter2")
    ended = here(*words, "-i", fleet)
    assert (ended.code, "hunter2" in ended.err) == (2, False)


def test_every_mistake_is_told_at_once(fleet: Path, here: Here) -> None:
    ended = here("collect", "-i", fleet, "--fail-on", "heap=1G", "--fail-on", "stacks=x")
    assert ended.err.count("mapsweep: --fail-on") == 2


def test_a_sweep_that_nobody_answers_leads_to_the_doctor(fleet: Path, tmp_path: Path, here: Here) -> None:
    ended = here("collect", "-i", fleet, "--hosts", "gone-01", "--runs", tmp_path / "runs", "--name", "mine")
    assert ended.code == Exit.ALL_FAILED
    (hint,) = (line for line in ended.out.splitlines() if line.startswith("next: "))
    program, *words = shlex.split(hint.removeprefix("next:"))
    assert (program, words[0]) == ("mapsweep", "doctor")
    visit = here(*words)
    assert (visit.code, "FAIL  probe" in visit.out) == (Exit.ALL_FAILED, True)


def test_nothing_is_imported_from_the_working_directory(fleet: Path, tmp_path: Path) -> None:
    """It may be /tmp, where everybody may put a socket.py; the processes beside this one start from `-c`."""
    folder = tmp_path / "anybodys"
    folder.mkdir()
    for name in ("archive", "socket", "random", "multiprocessing", "polars"):
        (folder / f"{name}.py").write_text(f"open({str(tmp_path / 'imported')!r}, 'a').write('{name} ')\n")
    mapsweep = Path(sys.executable).with_name("mapsweep")
    command: list[str | Path] = [mapsweep, "collect", "-i", fleet, "--hosts", "web-*"]
    done = subprocess.run(
        [*command, "--runs", tmp_path / "runs"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert not (tmp_path / "imported").exists(), (tmp_path / "imported").read_text()
    assert done.returncode == Exit.OK, done.stderr


def test_list_hosts_asks_nobody(fleet: Path, tmp_path: Path, here: Here) -> None:
    for flag in ("--list-hosts", "--dry-run"):
        ended = here("collect", "-i", fleet, "--hosts", "all:!gone-01", "--runs", tmp_path / "runs", flag)
        assert (ended.code, ended.out) == (0, "web-01\nweb-02\n")
    assert not (tmp_path / "runs").exists()
    assert here("collect", "--local", "--list-hosts").out == "localhost\n"


def test_a_sweep_without_a_broker_does_not_import_celery(fleet: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom mapsweep.cli import mapsweep\n"
        "if __name__ == '__main__':\n"
        "    mapsweep.main(['collect', *sys.argv[1:]], standalone_mode=False)\n"
        "    sys.exit(bool({'celery', 'redis', 'kombu'} & set(sys.modules)))"
    )
    script = tmp_path / "sweep.py"
    script.write_text(code)
    arguments = ["-i", str(fleet), "--runs", str(tmp_path / "runs")]
    ended = subprocess.run([sys.executable, script, *arguments], capture_output=True, check=False, env=away())
    assert ended.returncode == 0, ended.stderr


def test_a_reader_that_goes_away_is_no_noise(fleet: Path, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(
        [COMMAND, "collect", "-i", str(fleet), "--runs", str(tmp_path / "runs")],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        text=True,
        env=away(),
    )
    os.close(writer)
    assert ended.returncode == 141
    assert "Traceback" not in ended.stderr
    assert "bug" not in ended.stderr


class OnATerminal:
    """The command in a pseudo terminal of 80 columns."""

    def __init__(self, *arguments: str | Path) -> None:
        self.shown = ""
        pid, self._terminal = pty.fork()
        if pid == 0:
            os.execve(COMMAND, ["mapsweep", *map(str, arguments)], away(TERM="xterm", COLUMNS="80"))
        self._pid = pid

    def until(self, text: str) -> None:
        """Read until the text has been shown."""
        deadline = time.monotonic() + 300
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            self._read(1.0)

    def press_ctrl_c(self) -> None:
        os.write(self._terminal, b"\x03")

    def ended(self) -> int:
        """Wait for the end; the exit code."""
        while self._read(300.0):
            pass
        _, status = os.waitpid(self._pid, 0)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(status)

    def _read(self, wait_s: float) -> bool:
        if not select.select([self._terminal], [], [], wait_s)[0]:
            return False
        try:
            chunk = os.read(self._terminal, 65536)
        except OSError:  # the other side is closed
            return False
        self.shown += chunk.decode(errors="replace")
        return bool(chunk)


def test_a_terminal_gets_a_bar_and_colours(fleet: Path, tmp_path: Path) -> None:
    screen = OnATerminal("collect", "-i", fleet, "--runs", tmp_path / "runs")
    assert screen.ended() == 3
    assert "3/3 hosts" in screen.shown
    assert "\x1b[33mPARTIAL\x1b[0m: " in screen.shown
    assert "█" in screen.shown


@pytest.fixture
def slow_fleet(tmp_path: Path) -> Path:
    """One host that answers, and one whose probe waits for ever on a status that is a pipe."""
    for name in ("web-01", "slow-01"):
        folder = tmp_path / name / "proc/4711"
        folder.mkdir(parents=True)
        (folder / "maps").write_bytes(b"00400000-00401000 r-xp 00000000 fc:00 7 /bin/x\n")
        (folder / "stat").write_bytes(b"4711 (x) S 1\n")
    (tmp_path / "web-01/proc/4711/status").write_bytes(b"Name:\tx\nVmSize:\t4 kB\n")
    os.mkfifo(tmp_path / "slow-01/proc/4711/status")
    inventory = tmp_path / "fleet.yaml"
    hosts = "".join(f"    {name}: {{mapsweep_root: {tmp_path / name}}}\n" for name in ("web-01", "slow-01"))
    inventory.write_text(f"all:\n  vars: {{ansible_connection: local}}\n  hosts:\n{hosts}")
    return inventory


def test_ctrl_c_keeps_the_run_and_says_how_to_go_on(slow_fleet: Path, tmp_path: Path, here: Here) -> None:
    runs = tmp_path / "runs"
    screen = OnATerminal("collect", "-i", slow_fleet, "--runs", runs)
    screen.until("1/2 hosts")
    screen.press_ctrl_c()
    assert screen.ended() == 130
    (run_id,) = Runs(str(runs)).ids()
    assert "stopping; Ctrl-C again aborts" in screen.shown
    joined = screen.shown.replace(" \\\r\n", " ")  # a shell joins these lines
    assert f"mapsweep collect --resume {run_id} --runs {runs}" in joined
    assert "Traceback" not in screen.shown
    assert Runs(str(runs)).open(run_id).closed() is None

    status = tmp_path / "slow-01/proc/4711/status"
    status.unlink()
    status.write_bytes(b"Name:\tx\nVmSize:\t4 kB\n")
    resumed = here("collect", "--resume", run_id, "--runs", runs)
    assert resumed.code == 0, resumed.err
    assert "2 ok of 2 hosts" in resumed.out


def test_printed_commands_work_as_they_are_pasted(slow_fleet: Path, tmp_path: Path) -> None:
    """In any folder, by a real shell, of a run whose settings lie where nobody looks for them."""
    folder = tmp_path / "it's here & there"
    folder.mkdir()
    config = folder / "settings.yaml"
    mail = "mail: {server: 127.0.0.1, port: 1, security: none, from: a@example.org}"
    config.write_text(f"inventory: {slow_fleet}\nruns: {folder}/runs\n{mail}\n")
    options = ("--config", config, "--fail-on", "native-heap=1K")
    process = subprocess.Popen(
        [COMMAND, "collect", *options],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=away(),
    )
    assert process.stderr
    for line in process.stderr:
        if line.startswith("1 of 2 hosts"):
            process.send_signal(signal.SIGINT)
            break
    _, shown = process.communicate(timeout=300)
    status = tmp_path / "slow-01/proc/4711/status"
    status.unlink()
    status.write_bytes(b"Name:\tx\nVmSize:\t4 kB\n")
    (resume,) = (line for line in shown.splitlines() if "--resume" in line)
    assert "native-heap=1024" in resume
    resumed = _pasted(resume)
    assert resumed.returncode == 0, resumed.stderr
    assert "2 ok of 2 hosts" in resumed.stdout
    (mailing,) = (line for line in resumed.stdout.splitlines() if "mapsweep mail" in line)
    (looking,) = (line for line in resumed.stdout.splitlines() if "mapsweep show" in line)
    looked = _pasted(looking.removeprefix("next:").strip())
    assert looked.returncode == 0, looked.stderr
    assert "native heap" in looked.stdout
    mailed = _pasted(mailing.removeprefix("next:").strip())
    assert mailed.returncode == 5, mailed.stderr  # the run is found, and so is the server that is not there
    assert "not delivered" in mailed.stderr


def _pasted(line: str) -> "subprocess.CompletedProcess[str]":
    env = away()
    env["PATH"] = f"{Path(COMMAND).parent}:{env['PATH']}"
    return subprocess.run(
        ["sh", "-c", line], cwd="/", env=env, capture_output=True, text=True, timeout=600, check=False
    )


def test_a_disk_that_is_full_is_named_and_the_run_goes_on_later(fleet: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = [COMMAND, "collect", "-i", str(fleet), "--runs", str(runs)]
    limited = ["sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *command]  # 4,096 bytes: no result fits
    ended = subprocess.run(limited, capture_output=True, text=True, check=False, cwd="/", env=away())
    assert ended.returncode == 2, ended.stderr
    lines = ended.stderr.splitlines()
    assert re.search(rf"^mapsweep: {runs}/.*: File too large$", lines[-1])
    resume = next(line for line in lines if line.startswith("mapsweep collect --resume"))
    gone_on = _pasted(resume)
    assert gone_on.returncode == 3, gone_on.stderr


def test_sigterm_in_a_service_keeps_the_run_as_well(slow_fleet: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    process = subprocess.Popen(
        [COMMAND, "collect", "-i", str(slow_fleet), "--runs", str(runs)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=away(),
    )
    assert process.stderr
    for line in process.stderr:
        if line.startswith("1 of 2 hosts"):
            break
    process.send_signal(signal.SIGTERM)
    told = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 130
    assert "To continue:" in told


def test_a_report_is_mailed_to_its_list_once(fleet: Path, tmp_path: Path, here: Here) -> None:
    runs, settings = tmp_path / "runs", tmp_path / "mapsweep.yaml"
    with mail_server(tmp_path, "plain") as mail:
        settings.write_text(
            "mail:\n"
            f"  from: mapsweep@example.org\n  server: {mail.host}\n  port: {mail.port}\n  security: none\n"
        )
        options = ("--config", settings, "--runs", runs)
        ended = here("collect", "-i", fleet, "--mail-to", "you@example.org", *options)
        assert ended.code == 3, ended.err
        (run_id,) = Runs(str(runs)).ids()
        again = here("collect", "--resume", run_id, *options)
        assert again.code == 3, again.err
        assert len(mail.mailbox.received) == 1
        by_hand = here("mail", run_id, *options)
        assert (by_hand.code, "have it" in by_hand.out) == (0, True), by_hand.err
        assert len(mail.mailbox.received) == 1
        once_more = here("mail", run_id, "--to", "you@example.org", *options)
        assert once_more.code == 0, once_more.err
        assert len(mail.mailbox.received) == 2


def test_what_the_mail_server_did_not_take_is_sent_with_the_next_run_or_by_hand(
    fleet: Path, tmp_path: Path, here: Here
) -> None:
    settings, port = tmp_path / "mapsweep.yaml", free_port()

    def sent_to(port: int) -> tuple[str | Path, ...]:
        settings.write_text(
            f"mail:\n  from: mapsweep@example.org\n  server: 127.0.0.1\n  port: {port}\n  security: none\n"
        )
        return ("--config", settings, "--runs", tmp_path / "runs")

    collect = ("collect", "-i", fleet, "--mail-to", "you@example.org")
    down = here(*collect, *sent_to(port))
    assert (down.code, "not mailed yet" in down.err) == (5, True)
    listed = here("runs", *sent_to(port))
    assert "not mailed" in listed.out
    with mail_server(tmp_path, "plain") as mail:
        by_hand = here("mail", "--unsent", *sent_to(mail.port))
        assert by_hand.code == 0, by_hand.err
        assert len(mail.mailbox.received) == 1
    here(*collect, *sent_to(port))
    with mail_server(tmp_path, "plain") as mail:
        here(*collect, *sent_to(mail.port))
        assert len({each.message["Message-ID"] for each in mail.mailbox.received}) == 2
        assert len(mail.mailbox.received) == 2
        assert here("mail", "--unsent", *sent_to(mail.port)).code == 0
        assert len(mail.mailbox.received) == 2


@pytest.mark.parametrize(
    "more",
    [
        ["--become"],
        ["--evidence", "smaps"],
        ["--concurrency", "3"],
        ["--mail-to", "you@example.org"],
        ["--list-hosts"],
    ],
)
def test_what_a_resumed_run_was_asked_for_is_not_changed(more: list[str], here: Here) -> None:
    ended = here("collect", "--resume", "latest", *more)
    assert ended.code == 2
    assert f"omit {more[0]}" in ended.err
