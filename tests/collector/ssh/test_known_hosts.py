import base64
import hashlib
import hmac
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.ssh.known_host_files import FILE_BYTES, LINE_BYTES, LINES, NAMES, PATTERNS
from collector.ssh.known_host_lines import NAME_CHARS, HostKey
from collector.ssh.known_hosts import KeyCheck, KnownHosts, host_name, line
from collector.ssh.policy import Policy
from domain.mistakes import OperatorError
from tests.sshd import keygen


def key(kind: str = "ssh-ed25519", fill: int = 0) -> HostKey:
    name = kind.encode()
    return HostKey(kind, len(name).to_bytes(4, "big") + name + bytes([fill]) * 32)


def known(tmp_path: Path, *lines: str, policy: Policy = Policy.STRICT) -> KnownHosts:
    path = tmp_path / "known_hosts"
    path.write_text("".join(lines))
    return KnownHosts([path], policy, tmp_path / "state" / "accepted")


def test_a_plain_name(tmp_path: Path) -> None:
    hosts = known(tmp_path, line("web1,WEB2,10.0.0.1", key()))
    for name in ("web1", "web2", "WEB1", "10.0.0.1"):
        assert hosts.check(name, 22, key()) is KeyCheck.KNOWN
    assert hosts.check("web3", 22, key()) is KeyCheck.UNKNOWN


def test_another_key_of_the_type_is_a_change_and_of_another_type_is_not(tmp_path: Path) -> None:
    hosts = known(tmp_path, line("web1", key()))
    assert hosts.check("web1", 22, key(fill=1)) is KeyCheck.CHANGED
    assert hosts.check("web1", 22, key("ssh-rsa")) is KeyCheck.TYPE_UNKNOWN


def test_several_types_of_one_host(tmp_path: Path) -> None:
    hosts = known(tmp_path, line("web1", key("ssh-rsa")), line("web1", key()), line("web1", key(fill=2)))
    assert hosts.check("web1", 22, key()) is KeyCheck.KNOWN
    assert hosts.check("web1", 22, key(fill=2)) is KeyCheck.KNOWN
    assert {k.type for k in hosts.keys("web1")} == {"ssh-rsa", "ssh-ed25519"}


def test_ports(tmp_path: Path) -> None:
    hosts = known(tmp_path, line("[web1]:2222", key()), line("web2", key()))
    assert hosts.check("web1", 2222, key()) is KeyCheck.KNOWN
    assert hosts.check("web1", 22, key()) is KeyCheck.UNKNOWN
    assert hosts.check("web2", 2222, key()) is KeyCheck.KNOWN  # as OpenSSH: the same key without its port
    assert hosts.check("web2", 2222, key(fill=1)) is KeyCheck.UNKNOWN


def test_patterns(tmp_path: Path) -> None:
    hosts = known(tmp_path, line("*.example,!bad.example,[10.0.0.?]:2222", key()))
    assert hosts.check("a.example", 22, key()) is KeyCheck.KNOWN
    assert hosts.check("bad.example", 22, key()) is KeyCheck.UNKNOWN
    assert hosts.check("10.0.0.7", 2222, key()) is KeyCheck.KNOWN
    assert hosts.check("10.0.0.77", 2222, key()) is KeyCheck.UNKNOWN


def test_hashed_names_as_ssh_keygen_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "hashed"
    path.write_text(line("web1", key()) + line("[web2]:2222", key(fill=1)))
    keygen(tmp_path / "real")  # ssh-keygen -H drops lines whose key it cannot read
    real = (tmp_path / "real.pub").read_text().split()
    path.write_text(f"web1 {real[0]} {real[1]}\n[web2]:2222 {real[0]} {real[1]}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)
    assert "web1" not in path.read_text()
    hosts = KnownHosts([path])
    offered = HostKey(real[0], base64.b64decode(real[1]))
    assert hosts.check("web1", 22, offered) is KeyCheck.KNOWN
    assert hosts.check("web2", 2222, offered) is KeyCheck.KNOWN
    assert hosts.check("web3", 22, offered) is KeyCheck.UNKNOWN
    assert hosts.check("web1", 22, key()) is KeyCheck.CHANGED


def test_revoked_keys_are_refused_under_every_policy(tmp_path: Path) -> None:
    for policy in Policy:
        hosts = known(tmp_path, f"@revoked * {line('', key()).strip()}\n", line("web1", key()), policy=policy)
        assert hosts.admit("web1", 22, key()).check is KeyCheck.REVOKED


def hashed(name: str) -> str:
    """A name as ssh-keygen -H writes it; -H itself leaves lines with a marker alone."""
    salt = bytes(range(20))
    digest = hmac.digest(salt, name.encode(), "sha1")
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("names", "port"),
    [
        *((hashed("web1"), 22), (hashed("[web1]:2222"), 2222), (hashed("web1"), 2222)),
        *(("web1", 2222), ("web0,WEB1", 2222), ("web?", 2222), ("[web1]:2222", 2222), ("*", 2222)),
    ],
)
def test_a_revoked_key_whatever_the_form_of_its_name(tmp_path: Path, names: str, port: int) -> None:
    """As OpenSSH does: what is revoked without a port is so on every port."""
    hosts = known(
        tmp_path, line("web1,[web1]:2222,web3", key()), f"@revoked {line(names, key())}", policy=Policy.OFF
    )
    assert hosts.check("web1", port, key()) is KeyCheck.REVOKED
    assert hosts.admit("web1", port, key()).check is KeyCheck.REVOKED
    assert hosts.check("web1", port, key(fill=1)) is not KeyCheck.REVOKED
    if "*" not in names and "?" not in names:
        assert hosts.check("web3", 22, key()) is KeyCheck.KNOWN


def test_a_key_that_is_revoked_on_one_port_alone(tmp_path: Path) -> None:
    hosts = known(tmp_path, line("web1", key()), f"@revoked {line('[web1]:2222', key())}")
    assert hosts.check("web1", 22, key()) is KeyCheck.KNOWN
    assert hosts.check("web1", 2222, key()) is KeyCheck.REVOKED


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def _pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def _loop(path: Path) -> Path:
    path.symlink_to(path)
    return path


def _below_a_file(path: Path) -> Path:
    path.write_text("")
    return path / "known_hosts"


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (_folder, "is a folder"),
        (_pipe, "is not a regular file"),
        (_loop, "Too many levels of symbolic links"),
        (_below_a_file, "Not a directory"),
        (lambda _: Path("/dev/zero"), "is not a regular file"),
        (lambda _: Path("~no-such-account/known_hosts"), "home directory"),
        (lambda _: Path("a\0b"), "is not the name of a file"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, make: Callable[[Path], Path], problem: str) -> None:
    path = make(tmp_path / "here")
    with pytest.raises(OperatorError) as raised:
        KnownHosts([path])
    (mistake,) = raised.value.mistakes
    assert mistake.place == str(path)
    assert problem in mistake.problem
    assert "ssh.known_hosts" in mistake.remedy


def test_no_file_and_the_null_device_hold_nothing(tmp_path: Path) -> None:
    hosts = KnownHosts([tmp_path / "none", Path("/dev/null")])
    assert hosts.check("web1", 22, key()) is KeyCheck.UNKNOWN
    assert not hosts.warning


@pytest.mark.slow
def test_limits_of_a_file(tmp_path: Path) -> None:
    entry = line("web1", key())
    longest = entry.strip() + " " + "x" * (LINE_BYTES - len(entry)) + "\n"
    assert len(longest) == LINE_BYTES + 1  # its newline is not counted
    pattern = line("*.example", key())
    names = f"{','.join(['n'] * 10_000)} {entry.split(' ', 1)[1]}"
    for content, excess in (
        (longest, ""),
        ("#" * (LINE_BYTES + 1), f"1: more than {LINE_BYTES} bytes in this line"),
        ("\n" * LINES, ""),
        ("\n" * (LINES + 1), f"{LINES + 1}: more than {LINES} lines"),
        (pattern * PATTERNS, ""),
        (pattern * (PATTERNS + 1), f"{PATTERNS + 1}: more than {PATTERNS} names with * or ?"),
        (names * (NAMES // 10_000), ""),
        (names * (NAMES // 10_000) + "\n" + entry, f"{NAMES // 10_000 + 2}: more than {NAMES} names"),
        (longest * (FILE_BYTES // len(longest)), ""),
        (longest * (FILE_BYTES // len(longest) + 1), f"more than {FILE_BYTES} bytes in the file"),
    ):
        if not excess:
            known(tmp_path, content)
            continue
        with pytest.raises(OperatorError) as raised:
            known(tmp_path, content)
        assert excess in str(raised.value)


def test_a_name_longer_than_any_host_has(tmp_path: Path) -> None:
    assert not known(tmp_path, line("x" * NAME_CHARS, key())).warning
    assert known(tmp_path, line("x" * (NAME_CHARS + 1), key())).warning


def test_lines_that_cannot_be_used_are_named_and_in_no_ones_way(tmp_path: Path) -> None:
    hosts = known(
        tmp_path,
        "# a comment\n\n",
        f"@cert-authority *.example {line('', key()).strip()}\n",
        "web0 ssh-ed25519\n",
        "web0 ssh-ed25519 not!base64\n",
        "|1|short ssh-ed25519 AAAA\n",
        f"web0 ssh-rsa {line('x', key()).split()[2]}\n",
        f"@unheard-of web0 {line('', key()).strip()}\n",
        "\udce9\n".encode("utf-8", "surrogateescape").decode("latin-1"),
        line("web1", key()),
    )
    assert hosts.check("web1", 22, key()) is KeyCheck.KNOWN
    assert hosts.check("a.example", 22, key()) is KeyCheck.UNKNOWN
    path = tmp_path / "known_hosts"
    places = ", ".join(f"{path}:{number}" for number in range(4, 9))
    assert hosts.warning == f"host keys: unreadable lines were skipped: {places} and 1 more"


def test_strict_admits_the_known_alone(tmp_path: Path) -> None:
    hosts = known(tmp_path, line("web1", key()))
    assert hosts.admit("web1", 22, key()).check is KeyCheck.KNOWN
    assert hosts.admit("web2", 22, key()).check is KeyCheck.UNKNOWN
    assert not (tmp_path / "state").exists()


def test_accept_new_learns_once_and_then_insists(tmp_path: Path) -> None:
    hosts = known(tmp_path, policy=Policy.ACCEPT_NEW)
    assert hosts.admit("web1", 2222, key()).check is KeyCheck.KNOWN
    assert hosts.admit("web1", 2222, key(fill=1)).check is KeyCheck.CHANGED
    again = known(tmp_path)
    assert again.admit("web1", 2222, key()).check is KeyCheck.KNOWN
    assert (tmp_path / "state" / "accepted").read_text() == line("[web1]:2222", key())


def test_accept_new_from_many_threads_keeps_whole_lines(tmp_path: Path) -> None:
    hosts = known(tmp_path, policy=Policy.ACCEPT_NEW)
    threads = [threading.Thread(target=hosts.admit, args=(f"h{n}", 22, key(fill=n))) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    again = known(tmp_path)
    assert not again.warning
    assert all(again.check(f"h{n}", 22, key(fill=n)) is KeyCheck.KNOWN for n in range(40))


def test_off_admits_what_is_not_revoked(tmp_path: Path) -> None:
    hosts = known(tmp_path, line("web1", key()), policy=Policy.OFF)
    assert hosts.admit("web1", 22, key(fill=1)).check is KeyCheck.KNOWN
    assert hosts.admit("web2", 22, key()).check is KeyCheck.KNOWN


def test_a_file_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert KnownHosts([tmp_path / "none"]).check("web1", 22, key()) is KeyCheck.UNKNOWN


@pytest.mark.parametrize(("port", "name"), [(22, "web1"), (2222, "[web1]:2222")])
def test_names_as_the_files_have_them(port: int, name: str) -> None:
    assert host_name("Web1", port) == name


def _hashed(name: str, key: HostKey) -> str:
    """A line as `ssh-keygen -H` writes it."""
    salt = hashlib.sha1(name.encode() + key.blob, usedforsecurity=False).digest()
    digest = hmac.digest(salt, name.encode(), "sha1")
    text = line("", key)
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()} {text.strip()}\n"


def test_a_known_key_is_found_without_a_search_through_all_hashed_names(tmp_path: Path) -> None:
    """So what a host costs does not grow with the file; only another verdict takes a search."""
    path = tmp_path / "known_hosts"
    path.write_text("".join(_hashed(f"h{number}", key(fill=number)) for number in range(200)))
    hosts = KnownHosts([path])
    index = hosts._files._known
    for number in range(200):
        assert hosts.types(f"h{number}") == {"ssh-ed25519"}
        assert hosts.check(f"h{number}", 22, key(fill=number)) is KeyCheck.KNOWN
    assert not index._unhashed
    assert hosts.check("h7", 22, key(fill=8)) is KeyCheck.CHANGED
    assert hosts.check("h200", 22, key(fill=8)) is KeyCheck.UNKNOWN
    assert set(index._unhashed) == {"h7", "h200"}


def test_types_of_hashed_names_are_exact_after_a_search(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    ecdsa = key("ecdsa-sha2-nistp256")
    path.write_text(_hashed("web1", key("ssh-rsa")) + _hashed("web2", ecdsa) + line("web3", key()))
    hosts = KnownHosts([path])
    assert hosts.types("web1") == {"ssh-rsa", "ecdsa-sha2-nistp256"}
    assert hosts.check("web1", 22, ecdsa) is KeyCheck.TYPE_UNKNOWN
    assert hosts.types("web1") == {"ssh-rsa"}
    assert hosts.check("web1", 22, key("ssh-rsa")) is KeyCheck.KNOWN


def test_a_hashed_name_without_a_port_counts_for_every_port_unless_another_is_known(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(_hashed("web1", key()) + _hashed("web2", key()) + _hashed("[web2]:2222", key(fill=1)))
    hosts = KnownHosts([path])
    assert hosts.check("web1", 2222, key()) is KeyCheck.KNOWN
    assert hosts.check("web2", 2222, key()) is KeyCheck.CHANGED
    assert hosts.check("web2", 2222, key(fill=1)) is KeyCheck.KNOWN


def test_what_accept_new_learns_is_known_beside_hashed_names(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(_hashed("web1", key()))
    hosts = KnownHosts([path], Policy.ACCEPT_NEW, tmp_path / "accepted")
    assert hosts.admit("web2", 22, key(fill=2)).check is KeyCheck.KNOWN
    assert hosts.admit("web2", 22, key(fill=2)).check is KeyCheck.KNOWN
    assert hosts.admit("web2", 22, key(fill=3)).check is KeyCheck.CHANGED


@pytest.mark.parametrize("hashed", [False, True])
def test_a_key_that_clones_share_is_known_for_those_names_alone(tmp_path: Path, *, hashed: bool) -> None:
    hosts = known(tmp_path, line("web1", key()), line("web2", key()), line("web3", key(fill=1)))
    if hashed:
        path = tmp_path / "known_hosts"
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)
        hosts = KnownHosts([path])
    assert [hosts.admit(name, 22, key()).check for name in ("web1", "web2", "web3", "web4")] == [
        *(KeyCheck.KNOWN, KeyCheck.KNOWN),
        *(KeyCheck.CHANGED, KeyCheck.UNKNOWN),
    ]


def test_the_name_of_an_entry_is_with_the_port_or_without(tmp_path: Path) -> None:
    hosts = known(tmp_path, line("web1", key()), line("[web2]:7", key()))
    names = [hosts.name_of(*each) for each in (("web1", 7), ("web2", 7), ("web2", 22), ("web3", 7))]
    assert names == ["web1", "[web2]:7", "", ""]


def test_what_was_accepted_speaks_for_no_host_that_known_hosts_names(tmp_path: Path) -> None:
    """Whoever may write where accept-new keeps its keys must not replace a key, or speak for every host."""
    known, accepted = tmp_path / "known_hosts", tmp_path / "accepted"
    known.write_text(line("plain", key(fill=1)) + _hashed("hashed", key(fill=1)))
    planted = key(fill=2)
    accepted.write_text(
        "".join(line(name, planted) for name in ("plain", "hashed", "new", "*", "a*,b?"))
        + f"@cert-authority {line('*', planted)}"
        + f"@revoked {line('lost', key(fill=3))}"
        + _hashed("hidden", planted)
    )
    hosts = KnownHosts([known], accepted_path=accepted)
    for name in ("plain", "hashed"):
        assert hosts.check(name, 22, planted) is KeyCheck.CHANGED
        assert hosts.check(name, 22, key(fill=1)) is KeyCheck.KNOWN
        assert hosts.keys(name) == (key(fill=1),)
    for name in ("new", "hidden"):
        assert hosts.check(name, 22, planted) is KeyCheck.KNOWN
    assert hosts.check("another", 22, planted) is KeyCheck.UNKNOWN
    assert hosts.check("lost", 22, key(fill=3)) is KeyCheck.REVOKED
    assert hosts.authorities("another") == frozenset()
    assert f"{accepted}:4" in hosts.warning


def test_keys_may_be_accepted_into_a_file_of_the_operators(tmp_path: Path) -> None:
    own = tmp_path / "known_hosts"
    own.write_text(f"@cert-authority *.example.org {line('', key(fill=1)).strip()}\n")
    hosts = KnownHosts([own], Policy.ACCEPT_NEW, own)
    assert hosts.admit("new", 22, key(fill=2)).check is KeyCheck.KNOWN
    assert hosts.check("new", 22, key(fill=2)) is KeyCheck.KNOWN
    assert hosts.authorities("db.example.org") == {key(fill=1)}
    assert not hosts.warning
