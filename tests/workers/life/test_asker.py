"""Who asks: what the kernel says of a process, and what its environment claims."""

import json
import os
import pty
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from domain.records import Asker
from workers.life.asker import CLAIM_CHARS_MAX, asker

ASK = """
import json, os
from dataclasses import asdict
from workers.life.asker import asker
print(json.dumps(asdict(asker({}))))
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="setting a loginuid takes root")


def asked(*before: str, stdin: int | None = None) -> Asker:
    """Who asks by a process of its own, in a session of its own."""
    command = [*before, sys.executable, "-c", ASK]
    done = subprocess.run(command, stdin=stdin or subprocess.DEVNULL, capture_output=True, check=True)
    return Asker(**json.loads(done.stdout))


def test_this_process() -> None:
    who = asker({})
    assert (who.machine, who.uid) == (socket.gethostname(), os.getuid())
    if os.getuid() == 0:
        assert who.account == "root"
    assert (who.sudo_uid, who.sudo, who.client, who.schedule) == (None, "", "", "")


def test_a_controlling_terminal_counts_wherever_the_standard_streams_lead() -> None:
    leader, follower = pty.openpty()
    try:
        name = os.ttyname(follower).removeprefix("/dev/")
        assert asked("setsid", "--ctty", "--wait", stdin=follower).terminal == name
        within = ("setsid", "--ctty", "--wait", "sh", "-c", '"$@" </dev/null', "sh")
        assert asked(*within, stdin=follower).terminal == name
        assert asked("setsid", "--wait", stdin=follower).terminal == ""  # a cron job has none
    finally:
        os.close(leader)
        os.close(follower)


@needs_root
def test_the_account_that_logged_in_stays_known_whatever_the_account_is_now() -> None:
    logged_in = ("sh", "-c", 'echo 65534 > /proc/self/loginuid && exec "$@"', "sh")
    if subprocess.run([*logged_in, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this kernel lets nobody set a loginuid")
    who = asked(*logged_in)
    assert (who.uid, who.login_uid, who.login) == (0, 65534, "nobody")


def test_a_process_chooses_its_name_and_not_its_terminal(tmp_path: Path) -> None:
    (tmp_path / "loginuid").write_text("4294967295")
    (tmp_path / "stat").write_bytes(b"7 (a) R 1 1 1 34816 (\xff) S 1 7 7 34821 7 0\n")
    who = asker({}, process=tmp_path)
    assert (who.terminal, who.login_uid, who.login) == ("pts/5", None, "")


@pytest.mark.parametrize(
    ("device", "terminal"), [(0, ""), (0x401, "tty1"), (0x440, "ttyS0"), (0xCC40, "terminal 204:64")]
)
def test_other_terminals(device: int, terminal: str, tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(f"7 (sh) S 1 7 7 {device} 7 0\n")
    assert asker({}, process=tmp_path).terminal == terminal


@pytest.mark.parametrize("text", ["", "7 (sh", "7 (sh) S 1"])
def test_a_kernel_that_says_nothing(text: str, tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(text)
    who = asker({}, process=tmp_path)
    assert (who.terminal, who.login_uid) == ("", None)


@pytest.mark.parametrize(
    ("environment", "sudo_uid", "sudo", "client"),
    [
        ({"SUDO_UID": "1000", "SUDO_USER": "anna"}, 1000, "anna", ""),
        ({"SSH_CONNECTION": "192.0.2.7 50022 192.0.2.1 22"}, None, "", "192.0.2.7"),
        ({"SSH_CONNECTION": "2001:db8::7 50022 2001:db8::1 22"}, None, "", "2001:db8::7"),
        ({"SSH_CONNECTION": "a.name 1 b 2"}, None, "", ""),
        ({"SSH_CONNECTION": "fe80::1%\x1b[2J 1"}, None, "", ""),
        ({"SSH_CONNECTION": "1" * 10_000}, None, "", ""),
        ({"SUDO_UID": "-1", "SUDO_USER": "two words"}, None, "", ""),
        ({"SUDO_UID": "9" * 5000, "SUDO_USER": "x" * (CLAIM_CHARS_MAX + 1)}, None, "", ""),
        ({"SUDO_UID": "\u0661", "SUDO_USER": "a\nevent=ended"}, None, "", ""),
        ({"SUDO_USER": "\u202eanna"}, None, "", ""),
    ],
)
def test_claims_that_cannot_be_true_are_left_out(
    environment: dict[str, str], sudo_uid: int | None, sudo: str, client: str
) -> None:
    who = asker(environment)
    assert (who.sudo_uid, who.sudo, who.client) == (sudo_uid, sudo, client)
