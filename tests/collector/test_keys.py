import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from archive.records import Dump, Host
from collector.keys import KEYS_OFFERED, Credentials, Keyring
from collector.known_hosts import KnownHosts
from collector.session import Session
from collector.sweep import collect
from collector.trouble import HostTrouble
from tests.sshd import Sshd, keygen


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An agent of our own, as a child."""
    socket = tmp_path / "agent"
    child = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
    while not socket.exists():
        assert child.poll() is None
    yield socket
    child.terminate()
    child.wait()


@pytest.mark.parametrize(
    ("kind", "name"), [("ed25519", "ssh-ed25519"), ("ecdsa", "ecdsa-sha2-nistp256"), ("rsa", "ssh-rsa")]
)
def test_every_kind_of_key_file(tmp_path: Path, keyring: Keyring, kind: str, name: str) -> None:
    keygen(tmp_path / "key", kind)
    keys = keyring.keys_for(Host("a", "a", key_file=str(tmp_path / "key")))
    assert [key.get_name() for key in keys] == [name]


def test_the_hosts_own_key_is_tried_alone(tmp_path: Path) -> None:
    keygen(tmp_path / "own")
    keygen(tmp_path / "default")
    keyring = Keyring(Credentials(use_agent=False, default_key_files=(tmp_path / "default",)))
    own, default = (keyring.keys_for(Host("a", "a", key_file=file)) for file in (str(tmp_path / "own"), ""))
    assert len(own) == len(default) == 1
    assert own != default


def test_a_passphrase(tmp_path: Path) -> None:
    keygen(tmp_path / "key", passphrase="open sesame")
    host = Host("a", "a", key_file=str(tmp_path / "key"))
    assert Keyring(Credentials(passphrase="open sesame")).keys_for(host)
    for passphrase, reason in (("", "key_encrypted"), ("wrong", "key_unreadable")):
        with pytest.raises(HostTrouble) as raised:
            Keyring(Credentials(passphrase=passphrase)).keys_for(host)
        assert raised.value.reason == reason
    assert "open sesame" not in repr(Credentials(passphrase="open sesame"))


def test_files_that_are_no_key(tmp_path: Path, keyring: Keyring) -> None:
    (tmp_path / "text").write_text("hello")
    for name in ("text", "none", "."):
        with pytest.raises(HostTrouble) as raised:
            keyring.keys_for(Host("a", "a", key_file=str(tmp_path / name)))
        assert raised.value.reason == "key_unreadable"


def test_no_key_at_all(tmp_path: Path) -> None:
    keyring = Keyring(Credentials(use_agent=False, default_key_files=(tmp_path / "none",)))
    with pytest.raises(HostTrouble) as raised:
        keyring.keys_for(Host("a", "a"))
    assert raised.value.reason == "no_key"


def test_a_default_key_that_is_locked_says_so(tmp_path: Path) -> None:
    keygen(tmp_path / "key", passphrase="open sesame")
    keyring = Keyring(Credentials(use_agent=False, default_key_files=(tmp_path / "key",)))
    with pytest.raises(HostTrouble) as raised:
        keyring.keys_for(Host("a", "a"))
    assert raised.value.reason == "key_encrypted"


@pytest.mark.journey
def test_a_key_that_only_the_agent_has(agent: Path, server: Sshd) -> None:
    subprocess.run(["ssh-add", "-q", server.key_file], check=True, env=os.environ)
    keyring = Keyring(Credentials(default_key_files=()))
    host = server.host(0)
    session = Session(keyring=keyring, known_hosts=KnownHosts([server.known_hosts]))
    outcome = collect(Host(host.name, host.address, host.port), session)
    keyring.close()
    assert isinstance(outcome, Dump), outcome


def test_no_more_keys_than_a_server_takes(agent: Path, tmp_path: Path) -> None:
    for number in range(KEYS_OFFERED + 1):
        keygen(tmp_path / f"key{number}")
        subprocess.run(["ssh-add", "-q", tmp_path / f"key{number}"], check=True, env=os.environ)
    keyring = Keyring(Credentials(default_key_files=()))
    assert len(keyring.keys_for(Host("a", "a"))) == KEYS_OFFERED
    keyring.close()
