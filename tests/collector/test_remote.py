import base64
import contextlib
import gzip
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Self

import paramiko
import pytest

from collector.remote import collect
from collector.session import Session
from collector.ssh.keys import Keyring
from collector.ssh.known_host_lines import HostKey
from collector.ssh.known_hosts import KnownHosts, line
from collector.ssh.policy import Policy
from domain.records import Dump, Failure, Host, Limits, Stage
from mapsweep.demo.loopback import Behaviour, LoopbackFleet, LoopbackHost
from procmaps import frames
from tests.collector.hosts_side import await_exec, find
from tests.sshd import PATIENT, Sshd, keygen, serve

pytestmark = pytest.mark.slow

LIMITS = Limits(**PATIENT)  # type: ignore[arg-type]  # PATIENT is of seconds
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="sudo asks a password of others")


@pytest.fixture
def session(server: Sshd, keyring: Keyring) -> Session:
    return Session(LIMITS, keyring=keyring, known_hosts=KnownHosts([server.known_hosts]))


def dumped(outcome: Dump | Failure) -> Dump:
    assert isinstance(outcome, Dump), outcome
    return outcome


def failed(outcome: Dump | Failure) -> tuple[Stage, str]:
    assert isinstance(outcome, Failure), outcome
    return outcome.stage, outcome.reason


@pytest.mark.journey
class TestRealServer:
    def test_a_dump(self, server: Sshd, session: Session) -> None:
        dump = dumped(collect(server.host(0), session))
        assert dump.complete
        assert dump.problem == ""
        memory = gzip.decompress(dump.memory_gz)
        kinds = {(record.kind, record.pid) for record in frames.split(memory, dump.nonce.encode())}
        assert (b"maps", os.getpid()) in kinds
        assert (b"end", 0) in kinds

    def test_what_a_process_chooses_changes_no_other_record(
        self, server: Sshd, session: Session, tmp_path: Path
    ) -> None:
        name = tmp_path / "x\nend 0\nfake"
        name.symlink_to(find("sleep"))
        nonce = "0" * 32
        forged = f"--x\n{nonce} end 0\nlisted=0 sent=0\n\n{nonce} maps 1\n<script>alert(1)</script>"
        child = subprocess.Popen([f"\n{nonce} begin 1\n{forged}", "60"], executable=name)
        secret = subprocess.Popen(["sh", "-c", "sleep 60; exit 0", "--password=hunter2"])
        try:
            await_exec(child.pid, b"x\nend 0\nfake")
            dump = dumped(collect(server.host(1), session))
        finally:
            for process in (child, secret):
                process.kill()
                process.wait()
        identity = gzip.decompress(dump.identity_gz)
        records = frames.split(identity, dump.nonce.encode())
        text = {(r.kind, r.pid): identity[r.start : r.end] for r in records}
        assert len(text) == len(records)
        assert forged.encode() in text[b"cmdline", child.pid]
        assert text[b"comm", child.pid].startswith(b"x\nend 0\nfake")
        assert b"hunter2" not in text[b"cmdline", secret.pid]
        sent = text[b"end", 0].strip()
        assert sent == b"sent=%d" % sum(kind == b"comm" for kind, _ in text)

    @needs_root
    def test_through_sudo(self, server: Sshd, session: Session) -> None:
        assert dumped(collect(server.host(0, become=True), session)).complete
        outcome = collect(server.host(0, become=True, root="/tmp"), session)
        assert failed(outcome) == (Stage.EXEC, "root_refused")

    def test_sudo_that_refuses(self, session: Session, tmp_path: Path) -> None:
        """A sudo of another make and language, on the PATH of an account of its own."""
        (tmp_path / "sudo").write_text("#!/bin/sh\necho 'mot de passe ?' >&2\nexit 1\n")
        (tmp_path / "sudo").chmod(0o755)
        with serve(tmp_path, f"SetEnv PATH={tmp_path}:/usr/bin:/bin") as other:
            mine = replace(session, known_hosts=KnownHosts([other.known_hosts]))
            outcome = collect(other.host(0, become=True), mine)
        assert failed(outcome) == (Stage.SUDO, "sudo_refused")
        assert isinstance(outcome, Failure)
        assert "mot de passe ?" in outcome.detail
        assert "sudoers" in outcome.remedy

    def test_a_tree_that_is_not_there(self, server: Sshd, session: Session) -> None:
        assert failed(collect(server.host(0, root="/no/such"), session)) == (Stage.EXEC, "no_proc")

    def test_an_unknown_host(self, server: Sshd, session: Session, tmp_path: Path) -> None:
        nothing = replace(session, known_hosts=KnownHosts([tmp_path / "none"]))
        outcome = collect(server.host(0), nothing)
        assert failed(outcome) == (Stage.HOSTKEY, "hostkey_unknown")
        assert isinstance(outcome, Failure)
        assert "ssh-ed25519 SHA256:" in outcome.detail
        assert "ssh-keyscan" in outcome.remedy

    def test_a_changed_host(self, server: Sshd, session: Session, tmp_path: Path) -> None:
        keygen(tmp_path / "other")
        kind, blob = (tmp_path / "other.pub").read_text().split()[:2]
        host = server.host(0)
        known = tmp_path / "known"
        known.write_text(f"[{host.address}]:{host.port} {kind} {blob}\n")
        outcome = collect(host, replace(session, known_hosts=KnownHosts([known])))
        assert failed(outcome) == (Stage.HOSTKEY, "hostkey_changed")

    def test_a_host_of_which_only_another_type_is_known(
        self, server: Sshd, session: Session, tmp_path: Path
    ) -> None:
        host = server.host(0)
        ecdsa = paramiko.ECDSAKey.generate()
        known = tmp_path / "known"
        known.write_text(line(f"[{host.address}]:{host.port}", HostKey(ecdsa.get_name(), ecdsa.asbytes())))
        outcome = collect(host, replace(session, known_hosts=KnownHosts([known])))
        assert failed(outcome) == (Stage.HOSTKEY, "hostkey_type_unknown")

    def test_accept_new(self, server: Sshd, session: Session, tmp_path: Path, tree: str) -> None:
        learning = KnownHosts([], Policy.ACCEPT_NEW, tmp_path / "accepted")
        host = server.host(0, root=tree)
        assert dumped(collect(host, replace(session, known_hosts=learning)))
        strict = KnownHosts([tmp_path / "accepted"])
        assert dumped(collect(host, replace(session, known_hosts=strict)))

    def test_a_key_that_cannot_be_kept_is_not_accepted(
        self, server: Sshd, session: Session, tmp_path: Path
    ) -> None:
        (tmp_path / "accepted").symlink_to(tmp_path / "elsewhere")
        learning = KnownHosts([], Policy.ACCEPT_NEW, tmp_path / "accepted")
        outcome = collect(server.host(0), replace(session, known_hosts=learning))
        assert failed(outcome) == (Stage.HOSTKEY, "hostkey_not_kept")
        assert isinstance(outcome, Failure)
        assert f"{tmp_path / 'accepted'} (is a symbolic link)" in outcome.detail
        assert not (tmp_path / "elsewhere").exists()

    def test_a_key_that_is_refused_is_not_tried_again(
        self, server: Sshd, session: Session, tmp_path: Path
    ) -> None:
        keygen(tmp_path / "stranger")
        outcome = collect(replace(server.host(0), key_file=str(tmp_path / "stranger")), session)
        assert failed(outcome) == (Stage.AUTH, "auth_rejected")
        assert isinstance(outcome, Failure)
        assert outcome.attempt == 1

    def test_two_host_keys_of_which_the_second_is_known(
        self, keyring: Keyring, tmp_path: Path, tree: str
    ) -> None:
        keygen(tmp_path / "rsa", "rsa")
        with serve(tmp_path, f"HostKey {tmp_path}/rsa") as both:
            host = both.host(0, root=tree)
            kind, blob = (tmp_path / "rsa.pub").read_text().split()[:2]
            assert base64.b64decode(blob)
            both.known_hosts.write_text(f"[{host.address}]:{host.port} {kind} {blob}\n")
            session = Session(LIMITS, keyring=keyring, known_hosts=KnownHosts([both.known_hosts]))
            assert dumped(collect(host, session)).complete

    def test_two_host_keys_of_which_the_second_is_known_by_a_hashed_name(
        self, keyring: Keyring, tmp_path: Path, tree: str
    ) -> None:
        """Other hosts have keys of both types, so the right type shows only after a search."""
        keygen(tmp_path / "rsa", "rsa")
        with serve(tmp_path, f"HostKey {tmp_path}/rsa") as both:
            host = both.host(0, root=tree)
            rsa, ed25519 = (
                " ".join((tmp_path / name).read_text().split()[:2]) for name in ("rsa.pub", "key.pub")
            )
            both.known_hosts.write_text(f"[{host.address}]:{host.port} {rsa}\nother {ed25519}\n")
            subprocess.run(
                ["ssh-keygen", "-q", "-H", "-f", both.known_hosts], check=True, capture_output=True
            )
            session = Session(LIMITS, keyring=keyring, known_hosts=KnownHosts([both.known_hosts]))
            assert dumped(collect(host, session)).complete
            unknown = replace(both.host(1), host_key_alias="other")
            assert failed(collect(unknown, session)) == (Stage.HOSTKEY, "hostkey_changed")

    def test_an_alias_of_the_host_key(
        self, keyring: Keyring, server: Sshd, tmp_path: Path, tree: str
    ) -> None:
        known = tmp_path / "known_hosts"
        known.write_text(f"same {(server.folder / 'hostkey.pub').read_text()}")
        session = Session(keyring=keyring, known_hosts=KnownHosts([known]))
        assert dumped(collect(replace(server.host(0, root=tree), host_key_alias="same"), session)).complete
        assert failed(collect(server.host(0), session)) == (Stage.HOSTKEY, "hostkey_unknown")

    def test_a_forced_command_is_no_stream(self, keyring: Keyring, tmp_path: Path) -> None:
        with serve(tmp_path, "ForceCommand echo Backups only; exit 3") as forced:
            session = Session(LIMITS, keyring=keyring, known_hosts=KnownHosts([forced.known_hosts]))
            outcome = collect(forced.host(0), session)
        assert failed(outcome) == (Stage.EXEC, "no_stream")
        assert isinstance(outcome, Failure)
        assert outcome.detail == "exit status 3; printed: Backups only"

    def test_a_start_file_that_prints(self, keyring: Keyring, tmp_path: Path, tree: str) -> None:
        shell = 'ForceCommand printf "Bienvenue %%s" "\\033[1m"; eval "$SSH_ORIGINAL_COMMAND"'
        with serve(tmp_path, shell.replace("%%", "%")) as noisy:
            session = Session(LIMITS, keyring=keyring, known_hosts=KnownHosts([noisy.known_hosts]))
            dump = dumped(collect(noisy.host(0, root=tree), session))
        assert dump.complete
        assert "Bienvenue" in dump.problem
        assert dump.problem.isprintable()

    def test_received_bytes_at_the_limit(self, server: Sshd, session: Session) -> None:
        small = replace(session, limits=replace(LIMITS, received_bytes=3000))
        dump = dumped(collect(server.host(0), small))
        assert not dump.complete
        assert "more than 3000 bytes came" in dump.problem
        assert gzip.decompress(dump.memory_gz).startswith(dump.nonce.encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fleet").mkdir()
    return tmp_path / "fleet"


class TestDeadlines:
    """Hosts that stop answering at each stage; each deadline is short here, the others are long."""

    @pytest.fixture
    def fleet(self, folder: Path) -> Iterator[LoopbackFleet]:
        hosts = (
            LoopbackHost("silent", "127.0.0.2", Behaviour.NEVER_ANSWERS),
            LoopbackHost("stalls", "127.0.0.3", Behaviour.STALLS),
            LoopbackHost("cuts", "127.0.0.4", Behaviour.CUTS, cut_bytes=2000),
            LoopbackHost("closes", "127.0.0.5", Behaviour.HANGS_UP),
            LoopbackHost("throttles", "127.0.0.6", refusals=1),
            LoopbackHost("slow", "127.0.0.7", Behaviour.CUTS, cut_bytes=2000, lingers=True),
        )
        with LoopbackFleet(hosts, folder) as fleet:
            yield fleet

    def outcome(self, fleet: LoopbackFleet, name: str, keyring: Keyring, limits: Limits) -> Dump | Failure:
        host = next(host for host in fleet.hosts() if host.name == name)
        session = Session(limits, keyring=keyring, known_hosts=KnownHosts([fleet.known_hosts_file]))
        return collect(host, session)

    def test_banner(self, fleet: LoopbackFleet, keyring: Keyring) -> None:
        outcome = self.outcome(fleet, "silent", keyring, replace(LIMITS, banner_s=0.2))
        assert failed(outcome) == (Stage.BANNER, "banner_timeout")

    def test_exec(self, fleet: LoopbackFleet, keyring: Keyring) -> None:
        outcome = self.outcome(fleet, "stalls", keyring, replace(LIMITS, exec_s=0.3))
        assert failed(outcome) == (Stage.EXEC, "exec_timeout")

    def test_total_before_the_stream(self, fleet: LoopbackFleet, keyring: Keyring) -> None:
        outcome = self.outcome(fleet, "stalls", keyring, replace(LIMITS, total_s=10.0))
        assert failed(outcome) == (Stage.EXEC, "total_timeout")

    def test_idle_keeps_what_came(self, fleet: LoopbackFleet, keyring: Keyring) -> None:
        dump = dumped(self.outcome(fleet, "slow", keyring, replace(LIMITS, idle_s=2.0)))
        assert not dump.complete
        assert "no byte came for 2 s" in dump.problem

    def test_total_keeps_what_came(self, fleet: LoopbackFleet, keyring: Keyring) -> None:
        limits = replace(LIMITS, total_s=20.0)  # a part of it is for unpacking
        dump = dumped(self.outcome(fleet, "slow", keyring, limits))
        assert not dump.complete
        assert "the deadline of the stage total passed" in dump.problem

    def test_a_host_that_closes_in_the_middle(self, fleet: LoopbackFleet, keyring: Keyring) -> None:
        dump = dumped(self.outcome(fleet, "cuts", keyring, LIMITS))
        assert not dump.complete
        assert dump.problem == "the stream was cut off in its memory part; no exit status"
        assert gzip.decompress(dump.memory_gz).startswith(dump.nonce.encode())

    def test_throttling_is_tried_again_up_to_its_limit(self, fleet: LoopbackFleet, keyring: Keyring) -> None:
        outcome = self.outcome(fleet, "closes", keyring, replace(LIMITS, attempts=2))
        assert failed(outcome) == (Stage.BANNER, "throttled")
        assert isinstance(outcome, Failure)
        assert outcome.attempt == 2
        assert "MaxStartups" in outcome.remedy
        dump = dumped(self.outcome(fleet, "throttles", keyring, LIMITS))
        assert dump.attempt == 2


def packet(payload: bytes) -> bytes:
    """Before the keys are exchanged, as RFC 4253 section 6 lays it out."""
    padding = 8 + -(len(payload) + 5) % 8
    return (len(payload) + padding + 1).to_bytes(4, "big") + bytes([padding]) + payload + bytes(padding)


class Impostor:
    """A listener that says a few bytes and keeps the connection, or closes it."""

    def __init__(self, said: bytes, *, closes: bool) -> None:
        self._said, self._closes = said, closes
        self._server = socket.create_server(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        self.port: int = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._server.accept()
        connection.sendall(self._said)
        self._held.append(connection)
        if self._closes:
            with contextlib.suppress(OSError):  # the client may have closed first
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        for sock in (self._server, *self._held):
            sock.close()


@pytest.mark.parametrize(
    ("said", "closes", "expected"),
    [
        (b"SSH-2.0-x\r\n", False, (Stage.KEX, "kex_timeout")),
        (b"SSH-2.0-x\r\n", True, (Stage.KEX, "connection_lost")),
        (b"SSH-2.0-x\r\n" + packet(b"\x50unexpected"), False, (Stage.KEX, "protocol_error")),
        (b"SSH-2.0-x\r\n" + packet(b"\x14too short"), False, (Stage.KEX, "protocol_error")),
        (b"SSH-1.5-old\r\n", True, (Stage.KEX, "peer_too_old")),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n" * 60, True, (Stage.BANNER, "not_ssh")),
        (b"Exceeded MaxStartups\r\n", True, (Stage.BANNER, "throttled")),
        (b"", True, (Stage.BANNER, "throttled")),
    ],
)
def test_what_answers_is_no_ssh_server_of_today(
    said: bytes, closes: bool, expected: tuple[Stage, str], server: Sshd, keyring: Keyring
) -> None:
    limits = replace(LIMITS, kex_s=1.0 if expected[1] == "kex_timeout" else 60.0, attempts=1)
    with Impostor(said, closes=closes) as impostor:
        host = Host("x", "127.0.0.1", impostor.port, key_file=str(server.key_file))
        assert failed(collect(host, Session(limits, keyring=keyring))) == expected


def test_a_server_with_nothing_but_old_algorithms(server: Sshd, keyring: Keyring) -> None:
    """Its list of algorithms, as RFC 4253 section 7.1 lays it out, has only what is no longer safe."""

    def names(text: bytes) -> bytes:
        return len(text).to_bytes(4, "big") + text

    payload = b"\x14" + bytes(16) + names(b"diffie-hellman-group1-sha1") + names(b"ssh-dss")
    payload += (
        names(b"3des-cbc") * 2 + names(b"hmac-md5") * 2 + names(b"none") * 2 + names(b"") * 2 + bytes(5)
    )
    with Impostor(b"SSH-2.0-OpenSSH_5.3\r\n" + packet(payload), closes=False) as impostor:
        host = Host("x", "127.0.0.1", impostor.port, key_file=str(server.key_file))
        outcome = collect(host, Session(LIMITS, keyring=keyring))
    assert failed(outcome) == (Stage.KEX, "peer_too_old")


def test_no_listener_and_no_name(server: Sshd, keyring: Keyring) -> None:
    session = Session(LIMITS, keyring=keyring)
    host = Host("x", "127.0.0.1", 1, key_file=str(server.key_file))
    assert failed(collect(host, session)) == (Stage.TCP, "tcp_refused")
    outcome = collect(replace(host, address="no-such-host.invalid"), session)
    assert failed(outcome)[0] is Stage.DNS
