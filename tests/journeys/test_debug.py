"""`--debug` on a sweep behind a real sshd, full of secrets: each step is told, and no secret is."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.journeys.commands import COMMAND_S, environment, mapsweep
from tests.leaks.laboratory import tree
from tests.smtp import PASSWORD, USERNAME, mail_server
from tests.sshd import Sshd, keygen, serve

pytestmark = pytest.mark.journey

IN_ARGUMENTS, IN_ENVIRONMENT, IN_BANNER = "hunter2-argument", "hunter2-environment", "hunter2-banner"
PASSPHRASE, SIGNING_KEY = "correct-battery-passphrase", "signing-key-of-more-than-32-bytes-in-all"
SECRETS = (IN_ARGUMENTS, IN_ENVIRONMENT, IN_BANNER, PASSPHRASE, SIGNING_KEY, PASSWORD)
PROGRAM = "/bin/sleep-that-nobody-else-runs"
BANNER = f"welcome\x1b[2J\x07\n2026-11-29T00:00:00.000Z workers: forged\npassword={IN_BANNER}\n"
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
TOLD = re.compile(rf"{STAMP} (archive|collector|reports|workers|mapsweep|paramiko): \S.*")


@contextmanager
def _secret_process() -> Iterator[int]:
    """The pid of a process with a secret in its arguments and one in its environment."""
    process = subprocess.Popen(
        ["sh", "-c", "read line", PROGRAM, f"--password={IN_ARGUMENTS}"],
        stdin=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "TOKEN": IN_ENVIRONMENT},
    )
    try:
        yield process.pid
    finally:
        process.communicate()


class Scene:
    """What a sweep of two hosts, one of which is not there, has said with and without --debug."""

    def __init__(self, folder: Path, sshd: Sshd) -> None:
        self.folder, self.sshd = folder, sshd
        keygen(folder / "locked", passphrase=PASSPHRASE)
        (folder / "authorized_keys").write_text((folder / "locked.pub").read_text())
        with ExitStack() as stack:
            secret = stack.enter_context(_secret_process())
            # beside it one that is large enough to be told of
            self.root = tree(folder / "host", (secret, os.getpid()))
            mail = stack.enter_context(mail_server(folder))
            self._write(mail.port, mail.ca_file)
            self.debugged = self.run("collect", "--debug", "--mail-to", "sre@example.org")
            self.plain = self.run("collect", "--mail-to", "sre@example.org")
            assert len(mail.mailbox.received) == 2, self.debugged.stderr
        self.lines = self.debugged.stderr.splitlines()
        manifests = sorted((folder / "runs").glob("2*/manifest.json"))
        self.run_id = manifests[0].parent.name
        self.commands = [json.loads(path.read_text())["command"] for path in manifests]

    def _write(self, mail_port: int, ca_file: str) -> None:
        web = {
            "ansible_host": self.sshd.host(1).address,
            "ansible_port": self.sshd.port,
            "ansible_ssh_private_key_file": str(self.folder / "locked"),
            "mapsweep_root": str(self.root),
        }
        gone = web | {"ansible_host": "127.9.0.1", "ansible_port": 1}
        hosts = {"web.example.org": web, "gone": gone}
        (self.folder / "inventory.yaml").write_text(json.dumps({"fleet": {"hosts": hosts}}))
        settings = {
            "inventory": str(self.folder / "inventory.yaml"),
            "runs": str(self.folder / "runs"),
            "ssh": {"known_hosts": [str(self.sshd.known_hosts)]},
            "mail": {
                "from": "mapsweep@example.org",
                "server": "127.0.0.1",
                "port": mail_port,
                "ca_file": ca_file,
                "username": USERNAME,
            },
        }
        (self.folder / "mapsweep.yaml").write_text(json.dumps(settings, indent=1))

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "MAPSWEEP_KEY_PASSPHRASE": PASSPHRASE,
            "MAPSWEEP_MAIL_PASSWORD": PASSWORD,
            "MAPSWEEP_SIGNING_KEY": SIGNING_KEY,
        }

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        config = ("--config", str(self.folder / "mapsweep.yaml"))
        return mapsweep(*arguments, *config, env={**self.environment, **more})

    def of(self, room: str, about: str) -> list[str]:
        """What a room has told of something, without the time."""
        begins = re.compile(rf"{STAMP} {room}: {re.escape(about)}: ")
        return [line[begun.end() :] for line in self.lines if (begun := begins.match(line))]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("debug")
    (folder / "banner").write_text(BANNER)
    with serve(folder, f"Banner {folder}/banner") as sshd:
        yield Scene(folder, sshd)


def test_every_stage_of_a_host_is_told_with_its_time(scene: Scene) -> None:
    told = scene.of("collector", "web.example.org")
    fingerprint = _fingerprint(scene.folder / "locked.pub")
    host_key = _fingerprint(scene.folder / "hostkey.pub")
    patterns = (
        r"keys: 1 to offer",
        r"dns: addresses of 127\.\S+: 1",
        rf"tcp: connected to 127\.\S+ port {scene.sshd.port}",
        r"banner: SSH-2\.0-OpenSSH_\S+.*",
        r"kex: [a-z0-9@.-]+, host key ssh-ed25519, cipher [a-z0-9@.-]+, mac [a-z0-9@.-]+",
        rf"hostkey: ssh-ed25519 {re.escape(host_key)} is known",
        rf"auth: publickey of \S+, ssh-ed25519 {re.escape(fingerprint)}, accepted",
        r"exec: the probe was started",
        r"first byte: the stream has begun",
        r"read: \d{4,} bytes received, \d+ of standard error, exit status 0",
        r"unpack: \d{5,} bytes unpacked, of it \d+\.\d{3} s masking",
    )
    assert len(told) == len(patterns), told
    for line, pattern in zip(told, patterns, strict=True):
        assert re.fullmatch(rf"{pattern}, \d+\.\d{{3}} s", line), line
    (classified,) = scene.of("workers", "web.example.org")
    assert re.fullmatch(r"classify: \d+ processes, \d{2,} mappings, \d+\.\d{3} s", classified)
    assert scene.of("paramiko", "web.example.org")


def test_a_host_that_fails_is_told_with_stage_and_reason(scene: Scene) -> None:
    assert re.match(r"tcp: failed, tcp_refused: 127\.9\.0\.1 port 1", scene.of("collector", "gone")[-1])


def test_every_step_of_the_run_is_told(scene: Scene) -> None:
    told = scene.of("workers", scene.run_id)
    for pattern in (
        r"plan: scope adhoc, 2 hosts of 'all', evidence maps, become False, .* mailed to 1",
        r"plan: hosts: web\.example\.org, gone",
        r"plan: limits: concurrency 64, dns_s 5\.0, .*attempts 2",
        r"collect: 2 hosts asked, \d+\.\d{3} s",
        r"close: \d ok, \d partial, 1 failed, .* \d+\.\d{3} s",
        *(
            rf"render: {name}, \d+ bytes, \d+\.\d{{3}} s"
            for name in ("hosts.csv", "report.json", "index.html")
        ),
    ):
        assert [line for line in told if re.fullmatch(pattern, line)], pattern
    (mailed,) = scene.of("reports", "mail")
    assert re.fullmatch(
        r"127\.0\.0\.1:\d+, starttls, logged in: 1 of 1 recipients, answer 250 taken, \d+\.\d{3} s", mailed
    )
    settings = scene.of("mapsweep", "settings")
    assert settings[0] == str(scene.folder / "mapsweep.yaml")
    assert any(re.fullmatch(r"mail\.server is from .*mapsweep\.yaml, line \d+", each) for each in settings)
    assert scene.of("archive", scene.run_id)[0].endswith(", signed")


def test_no_secret_and_no_command_line_is_told(scene: Scene) -> None:
    assert "Auth banner" in scene.debugged.stderr  # what a host says is told, masked
    for output in (scene.debugged.stderr, scene.debugged.stdout):
        assert not [secret for secret in SECRETS if secret in output]
        assert PROGRAM not in output
        assert "read line" not in output


def test_no_host_steers_the_terminal_or_forges_a_line(scene: Scene) -> None:
    assert all(line.isprintable() for line in scene.lines)
    assert not [line for line in scene.lines if re.match(rf"{STAMP} workers: forged", line)]
    others = [line for line in scene.lines if not TOLD.fullmatch(line) and not line.startswith("    ")]
    assert others
    assert all(re.match(r"run \d{8}T|\d of 2 hosts|mapsweep: not delivered", line) for line in others), others


def test_without_it_nothing_of_this_is_told(scene: Scene) -> None:
    assert scene.plain.returncode == scene.debugged.returncode == 3
    assert not re.search(STAMP, scene.plain.stderr)
    assert "paramiko" not in scene.plain.stderr
    assert scene.commands[0] == scene.commands[1]  # --debug is no part of what was asked


@pytest.mark.parametrize(
    ("verb", "told"),
    [
        (("report",), r"workers: \S+: render: index\.html, \d+ bytes"),
        (("reclassify",), r"workers: web\.example\.org: classify: \d+ processes"),
        (("mail", "--to", "sre@example.org", "--dry-run"), r"archive: \S+: opened in"),
    ],
)
def test_other_verbs_tell_too_and_the_environment_does_as_the_flag(
    scene: Scene, verb: tuple[str, ...], told: str
) -> None:
    config = ("--config", str(scene.folder / "mapsweep.yaml"))
    extra = {**scene.environment, "MAPSWEEP_DEBUG": "1"}
    done = mapsweep(*verb, *config, env=extra)
    assert re.search(rf"^{STAMP} {told}", done.stderr, re.MULTILINE), done.stderr
    assert "no such setting" not in done.stderr
    quiet = mapsweep(*verb, *config, env={**scene.environment, "MAPSWEEP_DEBUG": "0"})
    assert not re.search(STAMP, quiet.stderr)


def test_on_a_terminal_lines_and_progress_stay_apart(scene: Scene) -> None:
    reader, writer = pty.openpty()
    config = ("--config", str(scene.folder / "mapsweep.yaml"))
    process = subprocess.Popen(
        [Path(sys.executable).with_name("mapsweep"), "collect", "--debug", "--hosts", "web*", *config],
        stdout=subprocess.DEVNULL,
        stderr=writer,
        cwd="/",
        env=environment({**scene.environment, "TERM": "xterm"}),
    )
    os.close(writer)
    drawn = b""
    while chunk := _chunk(reader):
        drawn += chunk
    os.close(reader)
    process.wait(COMMAND_S)
    text = drawn.decode()
    assert "\x1b" not in text
    lines = text.replace("\r\n", "\n").splitlines()
    assert all(
        TOLD.fullmatch(line)
        or line.startswith("    ")
        or re.fullmatch(r"run \S+: 1 host|1 of 1 hosts.*", line)
        for line in lines
    ), lines
    assert any(line.startswith("1 of 1 hosts") for line in lines)


def _chunk(reader: int) -> bytes:
    try:
        return os.read(reader, 65536)
    except OSError:  # the other end is closed
        return b""


def _fingerprint(public: Path) -> str:
    listed = subprocess.run(["ssh-keygen", "-lf", public], capture_output=True, text=True, check=True)
    return listed.stdout.split()[1]
