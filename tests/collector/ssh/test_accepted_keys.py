"""What accept-new keeps: by several processes in turn, for its owner alone, never through a link."""

import fcntl
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from collector.ssh import accepted_keys
from collector.ssh.known_host_lines import HostKey
from collector.ssh.known_hosts import KeyCheck, KnownHosts, line
from collector.ssh.policy import Policy
from domain.records import HostKeyCheck


def key(fill: int = 0) -> HostKey:
    return HostKey("ssh-ed25519", b"\0\0\0\x0bssh-ed25519" + bytes([fill]) * 32)


def learning(path: Path) -> KnownHosts:
    return KnownHosts([], Policy.ACCEPT_NEW, path)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_one_process_learns_and_another_insists(tmp_path: Path) -> None:
    """Both were there before: the second must not take the key of a man in the middle."""
    first, second = learning(tmp_path / "accepted"), learning(tmp_path / "accepted")
    learnt = first.admit("web1", 22, key())
    assert (learnt.check, learnt.how) == (KeyCheck.KNOWN, HostKeyCheck.ACCEPTED)
    assert key().fingerprint in learnt.detail
    assert second.admit("web1", 22, key(1)).check is KeyCheck.CHANGED
    known = second.admit("web1", 22, key())
    assert (known.check, known.how, known.detail) == (KeyCheck.KNOWN, HostKeyCheck.KNOWN, "")
    assert (tmp_path / "accepted").read_text() == line("web1", key())
    assert first.learnt == (("web1", key()),)
    assert second.learnt == ()


def test_a_known_hosts_file_that_was_written_meanwhile_counts(tmp_path: Path) -> None:
    hosts = KnownHosts([tmp_path / "known_hosts"], Policy.ACCEPT_NEW, tmp_path / "accepted")
    (tmp_path / "known_hosts").write_text(line("web1", key()))
    assert hosts.admit("web1", 22, key(1)).check is KeyCheck.CHANGED
    (tmp_path / "known_hosts").write_text("x" * 100_000)  # over a limit
    with pytest.raises(OSError, match="bytes in this line"):
        hosts.admit("web2", 22, key())
    assert not hosts.learnt


_LEARN = """
import sys
from pathlib import Path
from collector.ssh.known_hosts import KnownHosts
from collector.ssh.policy import Policy
from tests.collector.ssh.test_accepted_keys import key
hosts = KnownHosts([], Policy.ACCEPT_NEW, Path(sys.argv[1]))
print(flush=True)
sys.stdin.readline()
for number in range(50):
    hosts.admit(f"h{number}", 22, key(int(sys.argv[2])))
"""


@pytest.mark.slow
def test_several_processes_at_once_keep_one_key_of_each_host(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _LEARN, tmp_path / "accepted"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    crew = [subprocess.Popen([*command, str(each)], **pipes) for each in range(4)]  # type: ignore[call-overload]
    for each in crew:
        each.stdout.readline()
    for each in crew:
        each.stdin.write(b"\n")
        each.stdin.flush()
    assert [(each.communicate(), each.returncode)[1] for each in crew] == [0] * 4
    names = [each.split()[0] for each in (tmp_path / "accepted").read_text().splitlines()]
    assert sorted(names) == sorted(f"h{number}" for number in range(50))


def test_strict_sees_keys_that_are_added_while_it_lives(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    hosts = KnownHosts([path], Policy.STRICT, tmp_path / "accepted")
    assert hosts.admit("web1", 22, key()).check is KeyCheck.UNKNOWN
    path.write_text(line("web1", key()))
    hosts.refresh()
    assert hosts.admit("web1", 22, key()).check is KeyCheck.KNOWN
    path.write_text(line("web1", key()) + f"@revoked {line('*', key())}")
    hosts.refresh()
    assert hosts.admit("web1", 22, key()).check is KeyCheck.REVOKED
    assert learning(tmp_path / "accepted").admit("web2", 22, key(2)).check is KeyCheck.KNOWN
    hosts.refresh()
    assert hosts.admit("web2", 22, key(2)).check is KeyCheck.KNOWN
    path.unlink()
    hosts.refresh()
    assert hosts.admit("web1", 22, key()).check is KeyCheck.UNKNOWN


def test_what_was_read_counts_on_if_the_files_become_unreadable(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(line("web1", key()))
    hosts = KnownHosts([path])
    path.unlink()
    path.mkdir()
    hosts.refresh()
    assert hosts.admit("web1", 22, key()).check is KeyCheck.KNOWN
    assert f"{path}: host keys cannot be read: is a folder" in caplog.text


def test_no_new_key_is_accepted_while_a_file_cannot_be_read(tmp_path: Path) -> None:
    """It may name the host by now."""
    path, accepted = tmp_path / "known_hosts", tmp_path / "accepted"
    path.write_text(line("web1", key()))
    hosts = KnownHosts([path], Policy.ACCEPT_NEW, accepted)
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match="host keys cannot be read: is a folder"):
        hosts.admit("web2", 22, key(2))
    assert not hosts.learnt
    assert accepted.read_text() == ""
    path.rmdir()
    assert hosts.admit("web2", 22, key(2)).how is HostKeyCheck.ACCEPTED


def test_unreadable_lines_that_are_added_later_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(line("web1", key()))
    hosts = KnownHosts([path])
    path.write_text(line("web1", key()) + "@revokde web1 x y\n")
    hosts.refresh()
    assert hosts.warning == f"host keys: unreadable lines were skipped: {path}:2"
    assert hosts.warning in caplog.text


def test_only_what_was_appended_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or else ten thousand new hosts would be read ten thousand times."""
    path = tmp_path / "accepted"
    first, second = learning(path), learning(path)
    for number in range(30):
        first.admit(f"h{number}", 22, key(number))
    second.refresh()
    before = second._files
    first.admit("h30", 22, key(30))
    second.refresh()
    assert second._files is before
    assert second.check("h30", 22, key(30)) is KeyCheck.KNOWN
    path.write_text(path.read_text().replace("h7 ", "h8 ") + line("h31", key()))
    second.refresh()
    assert second.check("h7", 22, key(7)) is KeyCheck.UNKNOWN
    assert second.check("h31", 22, key()) is KeyCheck.KNOWN


def test_for_its_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    with umask(0):
        learning(tmp_path / "state" / "accepted").admit("web1", 22, key())
    assert stat.S_IMODE((tmp_path / "state" / "accepted").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_not_through_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious\n")
    (tmp_path / "accepted").symlink_to(target)
    hosts = learning(tmp_path / "accepted")
    with pytest.raises(OSError, match="is a symbolic link"):
        hosts.admit("web1", 22, key())
    assert target.read_text() == "precious\n"
    assert not hosts.learnt


def test_a_last_line_without_its_end(tmp_path: Path) -> None:
    """As an editor may leave it."""
    path = tmp_path / "accepted"
    path.write_text(line("web1", key()).rstrip("\n"))
    assert learning(path).admit("web2", 22, key(2)).check is KeyCheck.KNOWN
    assert path.read_text() == line("web1", key()) + line("web2", key(2))


def test_a_file_that_another_process_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepted_keys, "LOCK_S", 0.0)
    path = tmp_path / "accepted"
    with path.open("w") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(OSError, match="another process holds it"):
            learning(path).admit("web1", 22, key())


def test_a_file_that_is_another_one_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on file systems that give no file the same number twice, or where somebody goes on replacing it."""
    monkeypatch.setattr(accepted_keys, "LOCK_S", 0.0)
    monkeypatch.setattr(os.path, "samestat", lambda *_: False)
    with pytest.raises(OSError, match="is another file each time"):
        learning(tmp_path / "accepted").admit("web1", 22, key())
    assert (tmp_path / "accepted").read_text() == ""


def test_a_file_that_is_replaced_while_we_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ssh-keygen -R does: the line must not end in the file that is gone."""
    path = tmp_path / "accepted"
    path.write_text(line("web1", key()))
    lock = accepted_keys._lock
    replaced: list[Path] = []

    def replace_then_lock(descriptor: int, held: Path, until_s: float) -> None:
        if not replaced:
            (tmp_path / "new").write_text("")
            replaced.append((tmp_path / "new").replace(path))
        lock(descriptor, held, until_s)

    monkeypatch.setattr(accepted_keys, "_lock", replace_then_lock)
    assert learning(path).admit("web2", 22, key(2)).check is KeyCheck.KNOWN
    assert path.read_text() == line("web2", key(2))
