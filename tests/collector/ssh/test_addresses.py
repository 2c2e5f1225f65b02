import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from collector.ssh import addresses
from collector.trouble import HostTrouble
from domain.records import Host, Limits, Stage
from tests.collector.test_sudoers import needs_root
from tests.ports import free_port

LIMITS = Limits(tcp_s=2.0)


def unwatched(sock: socket.socket) -> None:
    """Nobody cuts this one."""


def test_addresses_are_not_looked_up() -> None:
    assert addresses.resolve(Host("a", "127.0.0.9", 2222), 0.0) == ((socket.AF_INET, ("127.0.0.9", 2222)),)
    assert addresses.resolve(Host("a", "::1", 22), 0.0)[0][0] is socket.AF_INET6


def test_names_are() -> None:
    found = addresses.resolve(Host("a", "localhost", 22), 5.0)
    assert any(address[0] in ("127.0.0.1", "::1") for _, address in found)


@pytest.mark.parametrize("name", ["no-such-host.invalid", "a" * 64 + ".invalid", "a..b"])
def test_a_name_that_is_not_there(name: str) -> None:
    with pytest.raises(HostTrouble) as raised:
        addresses.resolve(Host("a", name), 20.0)
    assert raised.value.stage is Stage.DNS


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (socket.EAI_AGAIN, "dns_unavailable"),
        (socket.EAI_SYSTEM, "dns_unavailable"),
        (socket.EAI_NONAME, "dns_not_found"),
        (socket.EAI_FAIL, "dns_not_found"),
    ],
)
def test_a_resolver_that_cannot_be_asked_says_nothing_of_the_name(code: int, reason: str) -> None:
    def answering(_host: Host, _flags: int) -> tuple[addresses.Endpoint, ...]:
        raise socket.gaierror(code, "as it says")

    with pytest.raises(HostTrouble) as raised:
        addresses.resolve(Host("a", "a.example"), 20.0, answering)
    assert (raised.value.stage, raised.value.reason) == (Stage.DNS, reason)


ASKS = """
import sys
from collector.ssh import addresses
from collector.trouble import HostTrouble
from domain.records import Host
try:
    addresses.resolve(Host("a", "a.example"), 60.0)
except HostTrouble as trouble:
    sys.exit(trouble.reason)
"""


@needs_root
def test_no_name_server_is_no_wrong_name(tmp_path: Path) -> None:
    """The real resolver, in a mount namespace whose name server is a port that nothing listens on."""
    (tmp_path / "resolv.conf").write_text("nameserver 127.99.99.99\noptions timeout:1 attempts:1\n")
    (tmp_path / "nsswitch.conf").write_text("hosts: files dns\n")
    (tmp_path / "nsswitch.conf").chmod(0o644)
    script = (
        'mount --bind "$1/resolv.conf" "$(readlink -f /etc/resolv.conf)" || exit 77\n'
        'mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf || exit 77\n'
        'shift; exec "$@"\n'
    )
    ended = subprocess.run(
        ["unshare", "--mount", "/bin/sh", "-c", script, "sh", tmp_path, sys.executable, "-c", ASKS],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1, ended
    assert ended.stderr.strip() == "dns_unavailable"


def test_a_resolver_that_does_not_answer_is_left_behind() -> None:
    answered = threading.Event()

    def silent(host: Host, flags: int) -> tuple[addresses.Endpoint, ...]:
        if flags == 0:
            answered.wait()
        raise OSError

    for _ in range(addresses.LOOKUPS_AT_ONCE):
        with pytest.raises(HostTrouble, match="no answer within 0 s") as raised:
            addresses.resolve(Host("a", "a.example"), 0.0, silent)
        assert (raised.value.stage, raised.value.reason) == (Stage.DNS, "dns_timeout")
    threads = [thread for thread in threading.enumerate() if thread.name == "dns"]
    with pytest.raises(HostTrouble, match="too many earlier look-ups"):
        addresses.resolve(Host("a", "a.example"), 0.0, silent)
    answered.set()
    for thread in threads:
        thread.join()
    assert len(threads) == addresses.LOOKUPS_AT_ONCE


def test_every_address_is_tried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        closed, open_ = (socket.AF_INET, ("127.0.0.2", port)), (socket.AF_INET, ("127.0.0.1", port))
        with addresses.connect((closed, open_), LIMITS, unwatched) as sock:
            assert sock.getpeername() == ("127.0.0.1", port)


def test_a_port_that_nothing_listens_on() -> None:
    with pytest.raises(HostTrouble) as raised:
        addresses.connect(((socket.AF_INET, ("127.0.0.1", free_port())),), LIMITS, unwatched)
    assert (raised.value.stage, raised.value.reason) == (Stage.TCP, "tcp_refused")
    assert "ansible_port" in raised.value.remedy


def test_a_listener_that_takes_no_connection_is_a_timeout() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        with socket.create_connection(address):  # fills the queue: further ones are not answered
            with pytest.raises(HostTrouble) as raised:
                addresses.connect(((socket.AF_INET, address),) * 3, replace(LIMITS, tcp_s=0.3), unwatched)
            assert (raised.value.stage, raised.value.reason) == (Stage.TCP, "tcp_timeout")


def test_a_connect_that_is_cut_ends_at_once() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()

        def cut_soon(sock: socket.socket) -> None:
            threading.Timer(0.2, sock.shutdown, (socket.SHUT_RDWR,)).start()

        with socket.create_connection(address), pytest.raises(HostTrouble) as raised:
            addresses.connect(((socket.AF_INET, address),), replace(LIMITS, tcp_s=60.0), cut_soon)
        assert (raised.value.stage, raised.value.reason) == (Stage.TCP, "tcp_failed")


def test_connect_errors_have_reasons() -> None:
    for error, reason in (
        (OSError(113, "No route to host"), "tcp_unreachable"),
        (OSError(101, "Network is unreachable"), "tcp_unreachable"),
        (OSError(24, "Too many open files"), "too_many_open_files"),
        (OSError(22, "Invalid argument"), "tcp_failed"),
        (TimeoutError(), "tcp_timeout"),
    ):
        assert addresses.tcp_trouble(error, "x").reason == reason
