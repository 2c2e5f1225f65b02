"""A real Redis of the tests' own: on 127.0.0.1, on a free port, in a folder that goes with it."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from tests.ports import free_port

STARTS_WITHIN_S = 120
PASSWORD = "not / a:secret@"


@dataclass(frozen=True, slots=True)
class RedisServer:
    """Where it listens, and its password."""

    port: int
    password: str
    certificate: Path | None = None

    @property
    def url(self) -> str:
        """Its URL without the password, as settings name a broker."""
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> "redis.Redis":
        """A connection to it; close it."""
        return redis.Redis(
            port=self.port,
            host="127.0.0.1",
            password=self.password,
            decode_responses=True,
            ssl=self.certificate is not None,
            ssl_ca_certs=str(self.certificate) if self.certificate else None,
        )


@contextmanager
def redis_server(password: str = PASSWORD, certificate: Path | None = None) -> Iterator[RedisServer]:
    """Start a Redis, wait until it answers, and stop it by its own process.

    With a certificate, in a file with its key, it speaks TLS alone.
    """
    binary = _binary()
    folder = Path(tempfile.mkdtemp(prefix="mapsweep-redis-"))
    server = RedisServer(free_port(), password, certificate)
    config = folder / "redis.conf"
    place = f"bind 127.0.0.1\nport {0 if certificate else server.port}\ndir {folder}\n"
    if certificate:
        place += f"tls-port {server.port}\ntls-cert-file {certificate}\ntls-key-file {certificate}\n"
        place += f"tls-ca-cert-file {certificate}\ntls-auth-clients no\n"
    config.write_text(f'{place}requirepass "{password}"\nsave ""\nappendonly no\n')
    process = subprocess.Popen([binary, str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with server.client() as client:
            _wait_for(client, process)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=STARTS_WITHIN_S)
        shutil.rmtree(folder)


class Broker:
    """A Redis that is killed, stopped, filled and started again under the same address."""

    def __init__(self, folder: Path, *, append_only: bool) -> None:
        self.port = free_port()
        self._config = folder / "redis.conf"
        self._command = [_binary(), str(self._config)]
        folder.mkdir()
        self._config.write_text(
            f'bind 127.0.0.1\nport {self.port}\ndir {folder}\nrequirepass "{PASSWORD}"\nsave ""\n'
            f"appendonly {'yes' if append_only else 'no'}\nappendfsync everysec\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its URL without the password, as settings name a broker."""
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> "redis.Redis":
        """A connection to it; close it."""
        return redis.Redis(port=self.port, host="127.0.0.1", password=PASSWORD, decode_responses=True)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        with self.client() as client:
            _wait_for(client, self._process)

    def send(self, number: signal.Signals) -> None:
        """Stop, continue, end or kill it; what ends it is waited for."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            if number in {signal.SIGTERM, signal.SIGKILL}:
                self._process.wait(STARTS_WITHIN_S)

    def kill(self) -> None:
        """End it, whatever state it is in."""
        self.send(signal.SIGKILL)


def _binary() -> str:
    binary = shutil.which("redis-server", path="/usr/bin:/usr/sbin:/usr/local/bin:/bin")
    if binary is None:
        pytest.skip("redis-server is not installed")
    return binary


def _wait_for(client: "redis.Redis", process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            client.ping()
        except redis.RedisError:  # also while it reads its file
            if process.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
