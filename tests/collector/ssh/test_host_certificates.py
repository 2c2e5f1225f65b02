"""Certificates of hosts: what a real sshd shows, judged by mapsweep and by ssh, side by side."""

import base64
import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from collector.remote import collect
from collector.session import Session
from collector.ssh import host_certificates
from collector.ssh.host_certificates import CertificateError
from collector.ssh.keys import Keyring
from collector.ssh.known_host_lines import HostKey
from collector.ssh.known_hosts import KeyCheck, KnownHosts, line
from collector.ssh.policy import Policy
from domain.records import Dump, Failure, HostKeyCheck
from tests import sshd
from tests.sshd import Sshd, keygen

NAME = "127.10.0.1"  # of the first host of the server
NOW_S = 1_800_000_000


def sign(folder: Path, *options: str) -> None:
    """The certificate of the key `made` by the key `ca`; of a host unless the options say otherwise."""
    command: list[str | Path] = [
        "ssh-keygen",
        "-q",
        "-s",
        folder / "ca",
        "-I",
        "test",
        *options,
        folder / "made.pub",
    ]
    subprocess.run(command, check=True, capture_output=True)


def public(path: Path) -> HostKey:
    kind, blob = path.read_text().split()[:2]
    return HostKey(kind, base64.b64decode(blob))


@contextlib.contextmanager
def certified(
    folder: Path, *signing: str, authority: str = "ed25519", key: str = "ed25519"
) -> Iterator[Sshd]:
    """A server that shows a certificate."""
    keygen(folder / "ca", authority)
    keygen(folder / "made", key)
    sign(folder, "-h", *signing)
    made = f"HostKey {folder}/made", f"HostCertificate {folder}/made-cert.pub"
    with sshd.serve(folder, *made) as running:
        yield running


def by_ssh(server: Sshd, known_hosts: Path, *more: str) -> bool:
    """Whether the system's ssh logs in."""
    options = ("BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={known_hosts}", *more)
    named: list[str] = [
        each for option in (*options, "GlobalKnownHostsFile=/dev/null") for each in ("-o", option)
    ]
    login: list[str | Path] = [
        "ssh",
        "-F",
        "/dev/null",
        "-i",
        server.key_file,
        "-p",
        str(server.port),
        *named,
    ]
    return subprocess.run([*login, NAME, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signing", "names", "why"),
    [
        (("-n", NAME), "*", ""),
        (("-n", f"web1,{NAME}"), NAME, ""),
        (("-n", NAME), "[127.*]:PORT", ""),
        (("-n", "127.10.*"), "*", "its certificate is for 127.10.*"),
        (("-n", NAME, "-t", "rsa-sha2-512"), "*", ""),
        (("-n", "web1"), "*", "its certificate is for web1"),
        (("-n", NAME, "-V", "20200101:20210101"), "*", "its certificate has been expired since 20"),
        (("-n", NAME, "-V", "20980101:20990101"), "*", "its certificate is not valid before 20"),
        (("-n", NAME), "*.example", "it offers"),
        (("-n", NAME, "-O", "critical:force-command=x"), "*", "a condition that is not supported"),
        (("-n", NAME, "-t", "ssh-rsa"), "*", "was signed with SHA-1"),
    ],
)
def test_a_certificate_counts_where_ssh_says_so(
    signing: tuple[str, ...], names: str, why: str, tmp_path: Path, keyring: Keyring, tree: str
) -> None:
    authority = "rsa" if "-t" in signing else "ed25519"
    with certified(tmp_path, *signing, authority=authority) as server:
        known_hosts = tmp_path / "authorities"
        names = names.replace("PORT", str(server.port))
        known_hosts.write_text(f"@cert-authority {line(names, public(tmp_path / 'ca.pub'))}")
        outcome = collect(
            server.host(0, root=tree), Session(keyring=keyring, known_hosts=KnownHosts([known_hosts]))
        )
        assert by_ssh(server, known_hosts) is not bool(why)
    if isinstance(outcome, Dump):
        assert not why
        assert outcome.host_key is HostKeyCheck.CERTIFIED
    else:
        assert why
        assert outcome.reason == "hostkey_unknown"
        assert why in outcome.detail


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_keys_of_all_types_can_be_certified(kind: str, tmp_path: Path, keyring: Keyring, tree: str) -> None:
    with certified(tmp_path, "-n", NAME, key=kind, authority="ecdsa") as server:
        known_hosts = tmp_path / "authorities"
        known_hosts.write_text(f"@cert-authority * {line('', public(tmp_path / 'ca.pub')).strip()}\n")
        outcome = collect(
            server.host(0, root=tree), Session(keyring=keyring, known_hosts=KnownHosts([known_hosts]))
        )
        assert isinstance(outcome, Dump)
        assert outcome.host_key is HostKeyCheck.CERTIFIED
        assert by_ssh(server, known_hosts)


@pytest.mark.slow
def test_what_else_known_hosts_says_of_a_host_with_a_certificate(
    tmp_path: Path, keyring: Keyring, tree: str
) -> None:
    """As ssh does: the bare key counts where the certificate does not, and what is revoked never counts."""
    with certified(tmp_path, "-n", "web1", key="ecdsa") as server:
        authority, key = public(tmp_path / "ca.pub"), public(tmp_path / "made.pub")
        signed, bare = f"@cert-authority {line('*', authority)}", line(f"[{NAME}]:{server.port}", key)
        plain = server.host(0, root=tree)
        alias = replace(plain, host_key_alias="web1")
        for lines, host, reason in (
            (signed, plain, "hostkey_unknown"),
            (bare, plain, ""),
            (signed + bare, plain, ""),
            (signed, alias, ""),
            (signed + f"@revoked {line('*', key)}", alias, "hostkey_revoked"),
            (signed + f"@revoked {line('*', authority)}", alias, "hostkey_revoked"),
        ):
            known_hosts = tmp_path / "lines"
            known_hosts.write_text(lines)
            outcome = collect(host, Session(keyring=keyring, known_hosts=KnownHosts([known_hosts])))
            assert (outcome.reason if isinstance(outcome, Failure) else "") == reason
            named = ("HostKeyAlias=web1",) if host is alias else ()
            assert by_ssh(server, known_hosts, *named) is not bool(reason)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("signed")
    keygen(folder / "ca")
    keygen(folder / "made")
    return folder


def shown(folder: Path) -> bytes:
    return public(folder / "made-cert.pub").blob


def test_a_certificate_without_names_is_for_no_host(signed: Path) -> None:
    """Which older versions of ssh take for a certificate of every host."""
    sign(signed, "-h")
    read = host_certificates.parsed(shown(signed), public(signed / "made.pub"))
    assert "names no host" in read.problem("web1", NOW_S)


def test_a_certificate_of_a_user_or_for_another_key_or_that_was_changed(signed: Path) -> None:
    key = public(signed / "made.pub")
    sign(signed, "-n", "web1")
    with pytest.raises(CertificateError, match="of a user"):
        host_certificates.parsed(shown(signed), key)
    sign(signed, "-h", "-n", "web1")
    blob = shown(signed)
    assert host_certificates.parsed(blob, key).problem("web1", NOW_S) == ""
    with pytest.raises(CertificateError, match="for another key"):
        host_certificates.parsed(blob, public(signed / "ca.pub"))
    with pytest.raises(CertificateError, match="wrong signature"):
        host_certificates.parsed(blob.replace(b"web1", b"web2"), key)
    with pytest.raises(CertificateError, match="bare key"):
        host_certificates.parsed(key.blob, key)


def test_every_damage_to_a_certificate_is_refused(signed: Path) -> None:
    key = public(signed / "made.pub")
    sign(signed, "-h", "-n", "web1")
    blob = shown(signed)
    for position in range(len(blob)):
        with pytest.raises(CertificateError):
            host_certificates.parsed(
                blob[:position] + bytes([blob[position] ^ 1]) + blob[position + 1 :], key
            )
        with pytest.raises(CertificateError):
            host_certificates.parsed(blob[:position], key)


def test_policies_beside_a_certificate_of_somebody_else(signed: Path, tmp_path: Path) -> None:
    """Anybody can sign a certificate: it must not open what the bare key does not."""
    sign(signed, "-h", "-n", "web1")
    key, blob = public(signed / "made.pub"), shown(signed)
    (tmp_path / "known_hosts").write_text(line("web1", public(signed / "ca.pub")))
    for policy, check in (
        (Policy.STRICT, KeyCheck.CHANGED),
        (Policy.ACCEPT_NEW, KeyCheck.CHANGED),
        (Policy.OFF, KeyCheck.KNOWN),
    ):
        hosts = KnownHosts([tmp_path / "known_hosts"], policy)
        assert hosts.admit("web1", 22, key, blob).check is check
