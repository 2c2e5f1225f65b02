import base64
import contextlib
import gc
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from collector.session import Session
from collector.ssh.key_files import (
    BCRYPT_ROUNDS,
    KEY_BYTES,
    PKCS8_COST,
    paramiko_key,
    private_key,
)
from collector.ssh.keys import KEYS_OFFERED, Credentials, Keyring
from collector.ssh.known_hosts import KnownHosts
from collector.ssh.public_files import CERTIFICATE_BYTES
from collector.sweep import collect
from collector.trouble import HostTrouble
from collector.watchdog import INTERRUPTED
from domain.records import Dump, Failure, Host, Limits, Stage
from tests.sshd import Sshd, keygen

Keyrings: TypeAlias = Callable[..., Keyring]


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


@pytest.mark.parametrize(
    "command",
    [
        "openssl genrsa -out key 2048",
        "openssl genrsa -traditional -out key 2048",
        "openssl ecparam -name prime256v1 -genkey -out key",
        "openssl genpkey -algorithm ec -pkeyopt ec_paramgen_curve:P-384 -out key",
        "openssl genpkey -algorithm rsa -aes256 -pass pass:sesame -out key",
        "ssh-keygen -q -t rsa -m PEM -N sesame -f key",
        "ssh-keygen -q -t ecdsa -m PKCS8 -N sesame -f key",
        "ssh-keygen -q -t ed25519 -Z aes256-gcm@openssh.com -N sesame -f key",
        *(
            f"ssh-keygen -q -t ed25519 -Z aes{bits}-{mode} -N sesame -f key"
            for bits in (128, 192, 256)
            for mode in ("cbc", "ctr")
        ),
        *(f"ssh-keygen -q -t ecdsa -b {bits} -N  -C  -f key" for bits in (256, 384, 521)),
    ],
)
def test_keys_as_ssh_reads_them(tmp_path: Path, command: str) -> None:
    """Whatever made them; the public half is the one that ssh-keygen finds in the same file."""
    subprocess.run(command.split(" "), check=True, cwd=tmp_path, capture_output=True)
    (tmp_path / "key").write_bytes((tmp_path / "key").read_bytes().replace(b"\n", b"\r\n"))
    passphrase = "sesame" if "sesame" in command else ""
    keyring = Keyring(Credentials(passphrase=passphrase, use_agent=False))
    (key,) = keyring.keys_for(Host("a", "a", key_file=str(tmp_path / "key")))
    (tmp_path / "key").write_bytes((tmp_path / "key").read_bytes().replace(b"\r\n", b"\n"))
    shown: list[str | Path] = ["ssh-keygen", "-y", "-P", passphrase, "-f", tmp_path / "key"]
    public = subprocess.run(shown, check=True, capture_output=True, text=True).stdout.split()[1]
    assert key.get_base64() == public
    assert key.sign_ssh_data(b"x").asbytes()


def test_ecdsa_keys_without_a_comment_whatever_their_padding(tmp_path: Path, keyring: Keyring) -> None:
    for number in range(12):
        path = tmp_path / f"key{number}"
        subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-C", "", "-f", path], check=True)
        assert keyring.keys_for(Host("a", "a", key_file=str(path)))


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
    wrong = "the passphrase is wrong, or the file is damaged"
    for passphrase, told in (("", ("key_encrypted", "a passphrase")), ("no", ("key_unreadable", wrong))):
        reason, detail = reason_of(Keyring(Credentials(passphrase=passphrase)), tmp_path / "key")
        assert (reason, told[1] in detail) == (told[0], True), detail
    assert "open sesame" not in repr(Credentials(passphrase="open sesame"))


def reason_of(keyring: Keyring, path: Path | str) -> tuple[str, str]:
    """Why a host that names this file has no key."""
    with pytest.raises(HostTrouble) as raised:
        keyring.keys_for(Host("a", "a", key_file=str(path)))
    assert raised.value.stage is Stage.AUTH
    assert str(path) in raised.value.detail
    assert raised.value.remedy
    return raised.value.reason, raised.value.detail


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.write_text("hello"), "has no private key"),
        (lambda _: None, "No such file"),
        (lambda path: path.mkdir(), "is a folder"),
        (os.mkfifo, "is not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "is not a regular file"),
        (lambda path: path.symlink_to(path), "Too many levels"),
        (lambda path: path.write_bytes(b"\xff" * (KEY_BYTES + 1)), f"is larger than {KEY_BYTES} bytes"),
        (lambda path: path.write_bytes(b""), "has no private key"),
    ],
)
def test_files_that_are_no_key(
    tmp_path: Path, keyring: Keyring, make: Callable[[Path], object], said: str
) -> None:
    make(tmp_path / "key")
    reason, detail = reason_of(keyring, tmp_path / "key")
    assert reason == "key_unreadable"
    assert said in detail


def test_a_key_file_of_the_greatest_size(tmp_path: Path, keyring: Keyring) -> None:
    keygen(tmp_path / "key")
    with (tmp_path / "key").open("ab") as file:
        file.write(b"\n" * (KEY_BYTES - file.tell()))
    assert keyring.keys_for(Host("a", "a", key_file=str(tmp_path / "key")))


def test_an_account_that_is_not_there(keyring: Keyring) -> None:
    assert reason_of(keyring, "~no-such-account/key")[0] == "key_unreadable"


def test_a_cipher_that_is_not_supported(tmp_path: Path) -> None:
    cipher = "chacha20-poly1305@openssh.com"
    make: list[str | Path] = ["ssh-keygen", "-q", "-t", "ecdsa", "-Z", cipher, "-N", "sesame"]
    subprocess.run([*make, "-f", tmp_path / "key"], check=True)
    keyring = Keyring(Credentials(passphrase="sesame", use_agent=False))
    reason, detail = reason_of(keyring, tmp_path / "key")
    assert reason == "key_unreadable"
    assert "ssh-keygen -p -Z aes256-ctr" in detail
    assert cipher in detail


def _recoded(path: Path, old: bytes, new: bytes) -> None:
    """Replaces bytes of the binary inside a PEM file."""
    first, *lines, last = path.read_text().splitlines()
    body = base64.b64encode(base64.b64decode("".join(lines)).replace(old, new)).decode()
    path.write_text(f"{first}\n{body}\n{last}\n")


def test_a_passphrase_that_would_take_hours(tmp_path: Path) -> None:
    """Rounds beyond the limit are refused before the first; those at the limit are not."""
    keyring = Keyring(Credentials(passphrase="sesame", use_agent=False))
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-a", "16", "-N", "sesame", "-f", tmp_path / "key"], check=True
    )
    for rounds in (2**31, BCRYPT_ROUNDS + 1):
        path = tmp_path / f"key{rounds}"
        shutil.copy(tmp_path / "key", path)
        few, many = (
            each.to_bytes(4, "big") + b"\0\0\0\1" for each in (16, rounds)
        )  # before the count of keys
        _recoded(path, few, many)
        reason, detail = reason_of(keyring, path)
        assert reason == "key_unreadable"
        assert f"{rounds} rounds" in detail


@pytest.mark.slow
@pytest.mark.parametrize(
    "derivation",
    [["-iter", str(PKCS8_COST + 1)], ["-scrypt", "-scrypt_N", "16384", "-scrypt_r", "8", "-scrypt_p", "33"]],
)
def test_a_passphrase_of_pkcs8_that_would_take_long(tmp_path: Path, derivation: list[str]) -> None:
    clear, locked = tmp_path / "clear", tmp_path / "key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", clear], check=True)
    convert: list[str | Path] = [
        "openssl",
        "pkcs8",
        "-topk8",
        "-in",
        clear,
        "-out",
        locked,
        "-passout",
        "pass:sesame",
    ]
    subprocess.run([*convert, "-iter", "1000"], check=True)
    (tmp_path / "cheap").write_bytes(locked.read_bytes())
    (tmp_path / "cheap").chmod(0o600)
    subprocess.run([*convert, *derivation], check=True)
    keyring = Keyring(Credentials(passphrase="sesame", use_agent=False))
    assert keyring.keys_for(Host("a", "a", key_file=str(tmp_path / "cheap")))
    reason, detail = reason_of(keyring, locked)
    assert reason == "key_unreadable"
    assert f"more than {PKCS8_COST} iterations" in detail


def test_no_bit_of_a_key_file_ends_in_another_exception(tmp_path: Path) -> None:
    """Every byte of a key of each type damaged in turn, and the file cut there."""
    for kind in ("ed25519", "ecdsa"):
        keygen(tmp_path / kind, kind)
        content = (tmp_path / kind).read_bytes()
        for at in range(len(content)):
            for damaged in (content[:at], content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]):
                with contextlib.suppress(HostTrouble):
                    paramiko_key(private_key(damaged, ""))


def _signed(folder: Path, name: str, *options: str) -> Path:
    """A key with a certificate beside it."""
    if not (folder / "ca").exists():
        keygen(folder / "ca")
    keygen(folder / name)
    sign: list[str | Path] = ["ssh-keygen", "-q", "-s", folder / "ca", "-I", "test", "-n", "root", *options]
    subprocess.run([*sign, folder / f"{name}.pub"], check=True)
    return folder / name


def test_a_certificate_is_offered_before_the_key_alone(tmp_path: Path, keyring: Keyring) -> None:
    path = _signed(tmp_path, "key")
    certified, alone = keyring.keys_for(Host("a", "a", key_file=str(path)))
    assert certified.public_blob is not None
    assert certified.public_blob.key_type == "ssh-ed25519-cert-v01@openssh.com"
    assert alone.public_blob is None
    assert certified == alone


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda _: b"", "not a readable certificate"),
        (lambda _: b"\x00\xff\xfe", "not a readable certificate"),
        (lambda _: b"ssh-ed25519-cert-v01@openssh.com !!!! x", "not a readable certificate"),
        (lambda content: content[: len(content) // 2], "not a readable certificate"),
        (lambda content: content + b" " * CERTIFICATE_BYTES, f"is larger than {CERTIFICATE_BYTES} bytes"),
    ],
)
def test_a_certificate_that_is_damaged(
    tmp_path: Path, keyring: Keyring, damage: Callable[[bytes], bytes], said: str
) -> None:
    path = _signed(tmp_path, "key")
    beside = tmp_path / "key-cert.pub"
    beside.write_bytes(damage(beside.read_bytes()))
    reason, detail = reason_of(keyring, path)
    assert reason == "certificate_unreadable"
    assert str(beside) in detail
    assert said in detail


@pytest.mark.slow
def test_a_certificate_that_is_not_of_this_key(tmp_path: Path, keyring: Keyring) -> None:
    path, other, host = (_signed(tmp_path, *given) for given in (["key"], ["other"], ["host", "-h"]))
    keygen(tmp_path / "rsa", "rsa")
    shutil.copy(tmp_path / "key-cert.pub", tmp_path / "rsa-cert.pub")
    shutil.copy(tmp_path / "other-cert.pub", tmp_path / "key-cert.pub")
    shutil.copy(f"{other}.pub", f"{other}-cert.pub")
    for named, said in (
        (path, "is for another key"),
        (tmp_path / "rsa", "is for another key"),
        (other, "is a public key, not a certificate"),
        (host, "is a certificate of a host"),
    ):
        reason, detail = reason_of(keyring, named)
        assert reason == "certificate_unreadable"
        assert said in detail


def test_a_certificate_that_is_no_file(tmp_path: Path, keyring: Keyring) -> None:
    for name in ("folder", "pipe", "link"):
        keygen(tmp_path / name)
        beside = tmp_path / f"{name}-cert.pub"
        if name == "folder":
            beside.mkdir()
        elif name == "pipe":
            os.mkfifo(beside)
        else:
            beside.symlink_to("nowhere")
        assert reason_of(keyring, tmp_path / name)[0] == "certificate_unreadable"


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
def test_a_key_that_only_the_agent_has(agent: Path, server: Sshd, tree: str) -> None:
    subprocess.run(["ssh-add", "-q", server.key_file], check=True, env=os.environ)
    keyring = Keyring(Credentials(default_key_files=()))
    host = server.host(0)
    session = Session(keyring=keyring, known_hosts=KnownHosts([server.known_hosts]))
    outcome = collect(Host(host.name, host.address, host.port, root=tree), session)
    keyring.close()
    assert isinstance(outcome, Dump), outcome


def test_a_locked_key_that_is_unlocked_in_the_agent(agent: Path, tmp_path: Path) -> None:
    keygen(tmp_path / "key")
    subprocess.run(["ssh-add", "-q", tmp_path / "key"], check=True, env=os.environ)
    locked: list[str | Path] = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "sesame", "-f", tmp_path / "key"]
    subprocess.run(locked, check=True, capture_output=True)
    keyring = Keyring(Credentials())
    (key,) = keyring.keys_for(Host("a", "a", key_file=str(tmp_path / "key")))
    assert key.get_base64() == (tmp_path / "key.pub").read_text().split()[1]
    keygen(tmp_path / "other", passphrase="sesame")
    assert reason_of(keyring, tmp_path / "other")[0] == "key_encrypted"
    keyring.close()


# the library does not close its socket where the agent hangs up
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestSilentAgent:
    """A socket at which somebody listens and never answers."""

    @pytest.fixture(autouse=True)
    def _agent(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(tmp_path / "agent"))
            listener.listen()
            monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "agent"))
            yield
        for thread in threading.enumerate():
            if thread.name == "agent":  # what was left behind ends with its listener
                thread.join()
        gc.collect()

    def test_it_holds_the_first_host_until_its_deadline_and_no_other(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session = Session(
            Limits(auth_s=0.5, total_s=20.0), keyring=Keyring(Credentials(default_key_files=()))
        )
        waits, wait = [], session.watchdog.wait

        def counted(event: threading.Event, seconds: float) -> bool:
            waits.append(seconds)
            return wait(event, seconds)

        monkeypatch.setattr(session.watchdog, "wait", counted)
        for _ in range(20):
            outcome = collect(Host("a", "127.0.0.1", 1), session)
            assert isinstance(outcome, Failure)
            assert (outcome.stage, outcome.reason) == (Stage.AUTH, "agent_timeout")
            assert "SSH_AUTH_SOCK" in outcome.remedy
        assert len(waits) == 1
        assert waits[0] <= 0.5

    def test_a_key_of_a_file_is_used_without_it(self, tmp_path: Path) -> None:
        keygen(tmp_path / "key")
        keyring = Keyring(Credentials(default_key_files=(tmp_path / "key",)))
        assert len(keyring.keys_for(Host("a", "a"), 2.0)) == 1

    def test_an_interrupt_ends_the_waiting(self) -> None:
        session = Session(
            Limits(auth_s=600.0, total_s=600.0), keyring=Keyring(Credentials(default_key_files=()))
        )
        threading.Timer(0.3, session.watchdog.interrupt).start()
        began_s = time.monotonic()
        outcome = collect(Host("a", "127.0.0.1", 1), session)
        assert isinstance(outcome, Failure)
        assert outcome.reason == INTERRUPTED
        assert time.monotonic() - began_s < 300


def test_no_more_keys_than_a_server_takes(agent: Path, tmp_path: Path) -> None:
    for number in range(KEYS_OFFERED + 1):
        keygen(tmp_path / f"key{number}")
        subprocess.run(["ssh-add", "-q", tmp_path / f"key{number}"], check=True, env=os.environ)
    keyring = Keyring(Credentials(default_key_files=()))
    assert len(keyring.keys_for(Host("a", "a"))) == KEYS_OFFERED < 6  # MaxAuthTries of OpenSSH
    keyring.close()


def _add_to_agent(*paths: Path) -> None:
    """Only the key: without `-k`, ssh-add adds a certificate beside it too."""
    for path in paths:
        subprocess.run(
            ["ssh-add", "-q", "-k", path],
            check=True,
            capture_output=True,
            env=os.environ | {"SSH_ASKPASS": "/bin/echo", "SSH_ASKPASS_REQUIRE": "force"},
        )


def _lock(path: Path, *options: str) -> None:
    """Encrypts a key file, after the agent got it."""
    subprocess.run(["ssh-keygen", "-q", "-p", *options, "-P", "", "-N", "sesame", "-f", path], check=True)


@pytest.fixture
def keyrings(agent: Path) -> Iterator[Keyrings]:
    """Makes keyrings that ask the agent."""
    with contextlib.ExitStack() as stack:
        yield lambda *default: stack.enter_context(
            contextlib.closing(Keyring(Credentials(default_key_files=default)))
        )


def test_key_files_of_ssh_config_come_first_and_then_the_agent(keyrings: Keyrings, tmp_path: Path) -> None:
    for name in ("one", "two", "agents"):
        keygen(tmp_path / name)
    _add_to_agent(tmp_path / "agents", tmp_path / "two")
    names = str(tmp_path / "one"), str(tmp_path / "missing"), str(tmp_path / "two")
    for only, expected in ((False, ["one", "two", "agents"]), (True, ["one", "two"])):
        host = Host("a", "a", key_files=names, identities_only=only)
        offered = [key.get_base64() for key in keyrings().keys_for(host)]
        assert offered == [(tmp_path / f"{name}.pub").read_text().split()[1] for name in expected]


def test_no_other_key_of_the_agent_with_identities_only(keyrings: Keyrings, tmp_path: Path) -> None:
    for name in ("default", "agents"):
        keygen(tmp_path / name)
    _add_to_agent(tmp_path / "agents")
    keyring = keyrings(tmp_path / "default")
    (key,) = keyring.keys_for(Host("a", "a", identities_only=True))
    assert key.get_base64() in (tmp_path / "default.pub").read_text()
    with pytest.raises(HostTrouble) as raised:
        keyrings().keys_for(Host("a", "a", identities_only=True))
    assert raised.value.reason == "no_key"


@pytest.mark.parametrize("form", ["public", "beside", "pem"])
def test_the_private_half_is_only_in_the_agent(keyrings: Keyrings, tmp_path: Path, form: str) -> None:
    """Of a file that is the public key, that is gone, or that is encrypted with its public half."""
    path = tmp_path / "key"
    if form == "pem":
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-m", "PKCS8", "-N", "", "-f", path], check=True)
    else:
        keygen(path)
    named = tmp_path / "key.pub" if form == "public" else path
    keygen(tmp_path / "other")
    _add_to_agent(tmp_path / "other")
    if form == "pem":
        copy = tmp_path / "copy"
        shutil.copy(path, copy)
        _lock(path, "-m", "PKCS8")
        assert b"ENCRYPTED PRIVATE KEY" in path.read_bytes()
    elif form == "beside":
        copy = path.rename(tmp_path / "copy")
    else:
        copy = path
    reason = {"public": "no_key", "beside": "key_unreadable", "pem": "key_encrypted"}[form]
    for host in (
        Host("a", "a", key_file=str(named)),
        Host("a", "a", key_files=(str(named),), identities_only=True),
    ):
        with pytest.raises(HostTrouble) as raised:
            keyrings().keys_for(host)
        assert raised.value.reason == reason
        assert str(named) in raised.value.detail
    _add_to_agent(copy)
    (key,) = keyrings().keys_for(Host("a", "a", key_file=str(named)))
    assert key.get_base64() == (tmp_path / "key.pub").read_text().split()[1]


def test_a_certificate_of_a_key_in_the_agent(
    keyrings: Keyrings, tmp_path: Path, server: Sshd, tree: str
) -> None:
    """The server trusts the authority alone, so only the certificate lets in."""
    path = _signed(tmp_path, "key")
    certificate = Path(f"{path}-cert.pub").rename(tmp_path / "certificate.pub")
    _add_to_agent(path)
    _lock(path)
    keys = server.folder / "authorized_keys"
    before = keys.read_text()
    keys.write_text(f"cert-authority {(tmp_path / 'ca.pub').read_text()}")
    try:
        session = Session(keyring=keyrings(), known_hosts=KnownHosts([server.known_hosts]))
        plain = replace(server.host(0, root=tree), key_file="", user="root")
        for host in (
            replace(plain, key_files=(str(path),), certificate_files=(str(certificate), "/missing")),
            replace(plain, certificate_files=(str(certificate),)),
            replace(plain, key_file=str(path), certificate_files=(str(certificate),)),
        ):
            assert isinstance(outcome := collect(host, session), Dump), outcome
        assert isinstance(collect(replace(plain, key_files=(str(path),)), session), Failure)
    finally:
        keys.write_text(before)


def test_an_expired_certificate_is_followed_by_the_key(
    tmp_path: Path, server: Sshd, keyring: Keyring, tree: str
) -> None:
    path = _signed(tmp_path, "key", "-V", "20200101:20200102")
    keys = server.folder / "authorized_keys"
    before = keys.read_text()
    keys.write_text(before + (tmp_path / "key.pub").read_text())
    try:
        host = replace(server.host(0, root=tree), key_file="", key_files=(str(path),), identities_only=True)
        session = Session(keyring=keyring, known_hosts=KnownHosts([server.known_hosts]))
        assert isinstance(outcome := collect(host, session), Dump), outcome
    finally:
        keys.write_text(before)


def test_certificates_that_are_named_are_those_of_this_key(tmp_path: Path, keyring: Keyring) -> None:
    path, other = _signed(tmp_path, "key"), _signed(tmp_path, "other")
    files = f"{path}-cert.pub", f"{other}-cert.pub"
    host = Host("a", "a", key_file=str(path), certificate_files=files)
    certified, plain = keyring.keys_for(host)
    assert (certified.public_blob is None, plain.public_blob) == (False, None)
    Path(files[1]).write_text("nothing")
    with pytest.raises(HostTrouble) as raised:
        Keyring(Credentials(use_agent=False)).keys_for(host)
    assert (raised.value.reason, files[1] in raised.value.detail) == ("certificate_unreadable", True)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602, 0o600, 0o400])
def test_a_private_key_that_others_may_read_or_write_is_refused_as_by_ssh(
    tmp_path: Path, keyring: Keyring, mode: int
) -> None:
    keygen(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    by_ssh = subprocess.run(["ssh-keygen", "-y", "-f", tmp_path / "key"], capture_output=True, check=False)
    assert (by_ssh.returncode == 0) is (mode in {0o600, 0o400})
    if by_ssh.returncode == 0:
        assert keyring.keys_for(Host("a", "a", key_file=str(tmp_path / "key")))
    else:
        assert reason_of(keyring, tmp_path / "key")[0] == "key_exposed"


def test_a_public_key_may_be_read_by_all(tmp_path: Path, keyring: Keyring) -> None:
    keygen(tmp_path / "key")
    (tmp_path / "key.pub").chmod(0o644)
    assert reason_of(keyring, tmp_path / "key.pub")[0] != "key_exposed"
