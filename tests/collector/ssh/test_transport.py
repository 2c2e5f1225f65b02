"""What is offered to a server: the library's algorithms without those that ssh has given up."""

import socket
import subprocess
from pathlib import Path

import pytest

from collector.remote import collect
from collector.session import Session
from collector.ssh.keys import Keyring
from collector.ssh.known_hosts import KnownHosts
from collector.ssh.transport import Transport
from domain.records import Failure
from tests import sshd


def offered() -> tuple[set[str], set[str]]:
    here, there = socket.socketpair()
    with here, there:
        options = Transport(here).get_security_options()
        return set(options.ciphers), set(options.digests)


def test_no_algorithm_is_offered_that_ssh_does_not_offer() -> None:
    config = subprocess.run(
        ["ssh", "-F", "/dev/null", "-G", "host"], capture_output=True, text=True, check=True
    ).stdout
    of_ssh = dict(line.split(" ", 1) for line in config.splitlines() if " " in line)
    ciphers, macs = offered()
    assert ciphers <= set(of_ssh["ciphers"].split(","))
    assert macs <= set(of_ssh["macs"].split(","))
    assert {"aes256-ctr", "aes256-gcm@openssh.com"} <= ciphers
    assert {"hmac-sha2-256", "hmac-sha2-256-etm@openssh.com"} <= macs


@pytest.mark.slow
@pytest.mark.parametrize("weak", ["Ciphers 3des-cbc", "Ciphers aes256-cbc", "MACs hmac-md5,hmac-sha1-96"])
def test_a_server_that_has_only_weak_ones_is_too_old(tmp_path: Path, keyring: Keyring, weak: str) -> None:
    ctr = () if weak.startswith("Ciphers") else ("Ciphers aes256-ctr",)
    with sshd.serve(tmp_path, weak, *ctr) as server:
        outcome = collect(
            server.host(0), Session(keyring=keyring, known_hosts=KnownHosts([server.known_hosts]))
        )
    assert isinstance(outcome, Failure)
    assert outcome.reason == "peer_too_old"
