"""What the look-up of a host key costs where all names are hashed, as `ssh-keygen -H` makes them."""

import base64
import hashlib
import hmac
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Figure
from collector.ssh.known_host_lines import HostKey
from collector.ssh.known_hosts import KeyCheck, KnownHosts, line

NAMES = 10_000
KIND = "ssh-ed25519"


def figures() -> Iterator[Figure]:
    """Seconds to read the file, and milliseconds a host: its types before the key exchange, then its key."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "known_hosts"
        path.write_text("".join(_entry(number) for number in range(NAMES)))
        begin_s = time.process_time()
        known = KnownHosts((path,))
        read_s = time.process_time() - begin_s
    keys = [_key(number) for number in range(NAMES)]
    begin_s = time.process_time()
    for number, key in enumerate(keys):
        known.types(_name(number))
        if known.check(_name(number), 22, key) is not KeyCheck.KNOWN:
            raise SystemExit(f"{_name(number)} is not known")
    found_s = time.process_time() - begin_s
    begin_s = time.process_time()
    if known.check("stranger", 22, keys[0]) is not KeyCheck.UNKNOWN:
        raise SystemExit("a stranger is known")
    strange_s = time.process_time() - begin_s
    yield Figure("known_hosts_read", read_s, "s", 0.5)
    yield Figure("known_hosts_per_host", found_s / NAMES * 1e3, "ms", 0.2)
    yield Figure("known_hosts_per_unknown_host", strange_s * 1e3, "ms")


def _name(number: int) -> str:
    return f"host{number:05}.example.org"


def _key(number: int) -> HostKey:
    """Of the form of a real one; each host has its own."""
    public = hashlib.sha256(_name(number).encode()).digest()
    name = KIND.encode()
    return HostKey(KIND, len(name).to_bytes(4, "big") + name + (32).to_bytes(4, "big") + public)


def _entry(number: int) -> str:
    salt = hashlib.sha256(b"salt" + _name(number).encode()).digest()[:20]
    digest = hmac.digest(salt, _name(number).encode(), "sha1")
    shown = (base64.b64encode(part).decode() for part in (salt, digest))
    return line(f"|1|{'|'.join(shown)}", _key(number))
