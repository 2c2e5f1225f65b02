"""Dumps that are encrypted as they are written: who can read them, who cannot, and what that is told."""

import base64
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from archive import dump_file
from archive.dump_keys import (
    HEADER_BYTES_MAX,
    DumpKeys,
    LockedError,
    OtherKeysError,
    check,
    decrypted,
    is_encrypted,
)
from archive.run import Run
from archive.runs import Runs
from domain.mistakes import OperatorError, is_of_a_place, is_the_machines
from tests.age_keys import AgeKey, age_key, ssh_key
from tests.archive.examples import NONCE, dump, manifest

PATH = "dumps/a.dump"

needs_age = pytest.mark.skipif(shutil.which("age") is None, reason="age is not installed")


@pytest.fixture
def key(tmp_path: Path) -> AgeKey:
    return age_key(tmp_path)


@pytest.fixture
def run(tmp_path: Path, key: AgeKey) -> Run:
    """A run with an encrypted dump of the host a, opened with the key that reads it."""
    run = Runs(str(tmp_path / "runs"), dump_keys=key.keys).create(manifest("a", "b"))
    assert run.write_dump(dump("a"))
    return run


def changed(run: Run, change: Callable[[bytes], bytes]) -> Run:
    """The same run, with something else in place of the dump."""
    content = change(run.store.read(PATH))
    run.store.remove(PATH)
    run.store.write_once(PATH, content)
    return run


def test_a_dump_is_encrypted_in_its_file_and_comes_back(run: Run) -> None:
    content = run.store.read(PATH)
    assert is_encrypted(content)
    assert dump_file.MAGIC not in content
    assert NONCE.encode() not in content
    assert run.read_dump("a") == dump("a")
    assert run.dumped() == {"a"}
    assert not run.write_dump(dump("a", seed=2))  # the first one stays


def test_without_recipients_it_is_written_as_it_is(tmp_path: Path, key: AgeKey) -> None:
    only_reads = DumpKeys(identity_file=str(key.file))
    run = Runs(str(tmp_path / "runs"), dump_keys=only_reads).create(manifest("a"))
    run.write_dump(dump("a"))
    assert run.store.read(PATH) == b"".join(dump_file.encode(dump("a")))
    assert run.read_dump("a") == run.with_keys(key.writes).read_dump("a") == dump("a")


def test_each_recipient_reads_it_alone(tmp_path: Path) -> None:
    readers = [
        age_key(tmp_path, "one"),
        age_key(tmp_path, "two"),
        *(ssh_key(tmp_path, each) for each in ("ed25519", "rsa")),
    ]
    writes = DumpKeys(tuple(each.public for each in readers))
    run = Runs(str(tmp_path / "runs"), dump_keys=writes).create(manifest("a"))
    run.write_dump(dump("a"))
    for reader in readers:
        check(replace(writes, identity_file=str(reader.file)), reads=True)
        assert run.with_keys(DumpKeys(identity_file=str(reader.file))).read_dump("a") == dump("a")


def test_a_file_with_several_keys_reads_what_was_written_for_any(
    run: Run, tmp_path: Path, key: AgeKey
) -> None:
    """As while a key is replaced by another."""
    new = age_key(tmp_path, "new")
    both = tmp_path / "both"
    both.write_text(new.file.read_text() + "\n" + key.file.read_text())
    both.chmod(0o600)
    run.with_keys(new.writes).write_dump(dump("b"))
    reader = run.with_keys(DumpKeys((new.public,), str(both)))
    assert (reader.read_dump("a"), reader.read_dump("b")) == (dump("a"), dump("b"))
    check(reader.keys, reads=True)


@pytest.mark.parametrize("file", ["", "/nowhere/identity"])
def test_without_a_private_key_the_setting_is_named(run: Run, key: AgeKey, file: str) -> None:
    locked = run.with_keys(DumpKeys((key.public,), file))
    with pytest.raises(LockedError) as raised:
        locked.read_dump("a")
    error = raised.value
    assert not isinstance(error, OtherKeysError)
    assert error.filename == f"{run.url}/{PATH}"
    assert str(error.strerror).startswith("the dump is encrypted: set dump_identity_file")
    assert file in str(error.strerror)
    assert is_the_machines(error)
    assert is_of_a_place(error)
    again = pickle.loads(pickle.dumps(error))  # as it comes from a process beside
    assert (type(again), again.filename, again.strerror) == (LockedError, error.filename, error.strerror)


def test_a_private_key_that_does_not_fit(run: Run, tmp_path: Path) -> None:
    other = age_key(tmp_path, "other")
    with pytest.raises(OtherKeysError, match=r"encrypted for other keys than those in .*/other"):
        run.with_keys(DumpKeys(identity_file=str(other.file))).read_dump("a")


def test_a_key_in_memory_reads_what_is_written_with_it_and_nothing_else(run: Run, key: AgeKey) -> None:
    own = run.with_keys(key.writes.with_run_key())
    own.write_dump(dump("b"))
    assert own.read_dump("b") == run.read_dump("b") == dump("b")
    assert pickle.loads(pickle.dumps(own.keys)) == own.keys  # as it goes to a process beside
    assert own.keys.run_key not in repr(own.keys)
    for reader in (own.with_keys(key.writes), own.with_keys(key.writes.with_run_key())):
        with pytest.raises(LockedError, match="set dump_identity_file"):
            reader.read_dump("b")


def test_damage_is_the_fault_of_the_dump(run: Run) -> None:
    whole = run.store.read(PATH)
    payload = whole.index(b"\n---") + 50
    for at in (*range(payload, len(whole), 101), len(whole) - 1):
        for damaged in (whole[:at], with_bit(whole, at)):
            with pytest.raises(OperatorError, match=r"^x/a\.dump: is encrypted, and damaged or cut off"):
                decrypted(damaged, run.keys, "x/a.dump")
    changed(run, lambda content: content[:-1])
    with pytest.raises(OperatorError, match=r"/a\.dump: is encrypted, and damaged or cut off"):
        run.read_dump("a")


@pytest.mark.parametrize("is_armored", [False, True])
def test_a_header_without_end_is_not_given_to_the_library(
    key: AgeKey, is_armored: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would take hours for a few MB, and nothing but the end of the process would stop it."""
    import pyrage  # noqa: PLC0415 - an extra

    whole = pyrage.encrypt(b"secret", [pyrage.x25519.Recipient.from_str(key.public)])
    first, stanza = whole.split(b"\n---")[0].split(b"\n", 1)
    rest = whole[len(first) + len(stanza) + 1 :]

    def file_of(stanzas: int) -> bytes:
        content = b"\n".join((first, *[stanza] * stanzas)) + rest
        if not is_armored:
            return content
        text = base64.b64encode(content)
        lines = (text[at : at + 64] for at in range(0, len(text), 64))
        around = b"-----BEGIN AGE ENCRYPTED FILE-----", b"-----END AGE ENCRYPTED FILE-----\n"
        return b"\n".join((around[0], *lines, around[1]))

    long = file_of(HEADER_BYTES_MAX // len(stanza) + 1)
    monkeypatch.setattr(pyrage, "decrypt_io", lambda *_: pytest.fail("the library was given it"))
    with pytest.raises(OperatorError, match="its header does not end within"):
        decrypted(long, key.keys, "dump")
    monkeypatch.undo()
    with pytest.raises(OperatorError, match="MAC"):  # of the header, by the library
        decrypted(file_of(2), key.keys, "dump")
    assert decrypted(file_of(1), key.keys, "dump") == b"secret"


def test_nothing_comes_of_a_header_that_was_changed(run: Run) -> None:
    whole = run.store.read(PATH)
    for at in range(len(b"age-encryption.org/v1\n"), whole.index(b"\n---") + 40):
        for damaged in (whole[:at], with_bit(whole, at)):
            with pytest.raises((OperatorError, OtherKeysError)):
                decrypted(damaged, run.keys, "x/a.dump")


def with_bit(content: bytes, at: int) -> bytes:
    """The content with one bit flipped."""
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_a_private_key_that_others_may_use_is_refused(run: Run, key: AgeKey, mode: int) -> None:
    key.file.chmod(mode)
    with pytest.raises(OperatorError, match=rf"identity: other accounts may use .*{mode:04o}.*chmod go= "):
        check(key.keys, reads=True)
    with pytest.raises(LockedError, match=r"dump_identity_file cannot be used: .*other accounts"):
        run.read_dump("a")
    check(key.keys, reads=False)  # who only writes does not look at it


def test_private_keys_that_cannot_be_used(tmp_path: Path, key: AgeKey) -> None:
    secret = key.file.read_text().splitlines()[1]
    locked_ssh = ssh_key(tmp_path, "ed25519", "secret").file.read_bytes()
    ecdsa = ssh_key(tmp_path, "ecdsa").file.read_bytes()
    for content, told in (
        (b"age-encryption.org/v1\n-> scrypt", "protected by a passphrase"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----\n", "protected by a passphrase"),
        (locked_ssh, "protected by a passphrase"),
        (ecdsa, "no private key that dumps can be encrypted for"),
        (b"-----BEGIN OPENSSH PRIVATE KEY-----\nx", "no private key that dumps can be encrypted for"),
        (b"AGE-PLUGIN-YUBIKEY-1QQ\n", "line 1: a plugin has this key"),
        (f"# one\n{secret}x\n".encode(), "line 2: is no private key of age"),
        (key.public.encode(), "line 1: is no private key of age"),
        (b"\xff\n", "line 1: is no private key of age"),
        (b"# nothing\n\n", "has no private key"),
        (b"", "has no private key"),
        (b"#" * 70_000, "has more than 65536 bytes"),
    ):
        key.file.write_bytes(content)
        with pytest.raises(OperatorError, match=told) as raised:
            check(key.keys, reads=True)
        assert secret not in str(raised.value)
    key.file.unlink()
    with pytest.raises(OperatorError, match="cannot be read: No such file"):
        check(key.keys, reads=True)
    key.file.mkdir()
    with pytest.raises(OperatorError, match="cannot be read: is a folder"):
        check(key.keys, reads=True)


def test_keys_that_do_not_go_together(tmp_path: Path, key: AgeKey) -> None:
    other = age_key(tmp_path, "other")
    with pytest.raises(OperatorError, match="has no key of dump_recipients"):
        check(DumpKeys((other.public,), str(key.file)), reads=True)
    with pytest.raises(OperatorError, match="dump_identity_file: is not set"):
        check(key.writes, reads=True)
    check(key.writes, reads=False)
    check(DumpKeys(), reads=True)
    # whose modulus is 0, at which pyrage 1.4 panics
    panics = "ssh-rsa " + base64.b64encode(b"\0\0\0\7ssh-rsa\0\0\0\3\1\0\1\0\0\0\1\0").decode()
    for public in ("age1qqqq", "ssh-rsa AAAA", panics, ssh_key(tmp_path, "ecdsa").public, "age1pq1qqqq"):
        with pytest.raises(OperatorError, match=r"dump_recipients: .* is no such key \(give public keys"):
            check(DumpKeys((key.public, public)), reads=False)


def test_without_the_library(run: Run, key: AgeKey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyrage", None)
    install = r"needs the package pyrage.*pip install 'mapsweep\[age\]'"
    for keys, reads in ((key.writes, False), (DumpKeys(identity_file=str(key.file)), True)):
        with pytest.raises(OperatorError, match=install):
            check(keys, reads=reads)
    with pytest.raises(OperatorError, match=install):
        key.writes.with_run_key()
    with pytest.raises(OperatorError, match=install):
        run.write_dump(dump("b"))
    assert run.dumped() == {"a"}  # not a plain one instead
    with pytest.raises(LockedError, match=install):
        run.read_dump("a")
    changed(run, lambda _content: b"".join(dump_file.encode(dump("a"))))
    assert run.read_dump("a") == dump("a")
    check(DumpKeys(), reads=True)


@needs_age
@pytest.mark.parametrize("kind", ["age", "ed25519", "rsa"])
def test_the_program_age_reads_what_is_written_and_writes_what_is_read(tmp_path: Path, kind: str) -> None:
    if kind == "age":
        file = tmp_path / "of-age-keygen"
        subprocess.run(["age-keygen", "-o", file], check=True, capture_output=True)
        public = subprocess.run(
            ["age-keygen", "-y", file], check=True, capture_output=True, text=True
        ).stdout.strip()
        key = AgeKey(public, file)
    else:
        key = ssh_key(tmp_path, kind)
    run = Runs(str(tmp_path / "runs"), dump_keys=key.keys).create(manifest("a"))
    run.write_dump(dump("a"))
    place, plain = Path(run.url, PATH), tmp_path / "plain"
    subprocess.run(["age", "--decrypt", "--identity", key.file, "--output", plain, place], check=True)
    assert plain.read_bytes() == b"".join(dump_file.encode(dump("a")))
    for form in ((), ("--armor",)):
        place.unlink()
        subprocess.run(["age", "--recipient", key.public, *form, "--output", place, plain], check=True)
        assert place.read_bytes() != plain.read_bytes()
        assert run.read_dump("a") == dump("a")
    place.unlink()
    plain.rename(place)  # what was decrypted may lie in its place
    assert run.read_dump("a") == dump("a")
