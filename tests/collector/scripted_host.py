"""An SSH server that does with a connection what a test says."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import paramiko
from paramiko.common import AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from collector.remote import collect
from collector.session import Session
from collector.ssh.keys import Credentials, Keyring
from collector.ssh.known_hosts import KnownHosts
from collector.ssh.policy import Policy
from domain.records import Failure, Host, Limits

Script = Callable[[paramiko.Channel], None]


class ScriptedHost(paramiko.ServerInterface):
    """An SSH server that lets everybody in and does with a command what a test says."""

    def __init__(self, script: Script, window_bytes: int | None = None) -> None:
        self._script = script
        self._window_bytes = window_bytes
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._transport: paramiko.Transport | None = None
        self.port: int = self._listener.getsockname()[1]
        self._threads[0].start()

    def _serve(self) -> None:
        sock, _ = self._listener.accept()
        self._transport = paramiko.Transport(sock)
        if self._window_bytes is not None:
            self._transport.default_window_size = self._window_bytes
        self._transport.add_server_key(paramiko.ECDSAKey.generate())
        with contextlib.suppress(paramiko.SSHException, EOFError):
            self._transport.start_server(server=self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._transport is not None:
            self._transport.close()
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def check_auth_publickey(self, _username: str, _key: paramiko.PKey) -> int:
        return AUTH_SUCCESSFUL

    def get_allowed_auths(self, _username: str) -> str:
        return "publickey"

    def check_channel_request(self, _kind: str, _chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, _command: bytes) -> bool:
        thread = threading.Thread(target=self._follow, args=(channel,), daemon=True)
        self._threads.append(thread)
        thread.start()
        return True

    def _follow(self, channel: paramiko.Channel) -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self._script(channel)


def failure(
    port: int, key_file: Path | None, limits: Limits, offered: Sequence[Path] = ()
) -> tuple[Failure, float]:
    """How the host fails, and after how many seconds; `offered` are the keys if it names no `key_file`."""
    keyring = Keyring(Credentials(use_agent=False, default_key_files=tuple(offered)))
    session = Session(limits, keyring=keyring, known_hosts=KnownHosts(policy=Policy.OFF))
    began_s = time.monotonic()
    outcome = collect(Host("a", "127.0.0.1", port, user="a", key_file=str(key_file or "")), session)
    assert isinstance(outcome, Failure), outcome
    return outcome, time.monotonic() - began_s
