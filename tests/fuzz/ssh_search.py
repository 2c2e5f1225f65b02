"""What must hold of any key file, certificate or known_hosts file: a result, HostTrouble or OperatorError."""

import base64
import contextlib
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from collector.ssh.key_files import paramiko_key, private_key
from collector.ssh.known_host_lines import HostKey
from collector.ssh.known_hosts import KnownHosts
from collector.ssh.policy import Policy
from collector.ssh.public_files import certificate, wire
from collector.trouble import HostTrouble
from domain.mistakes import OperatorError
from tests.fuzz.mutation import MUTATES, PLACES, Mutation, mutated
from tests.fuzz.ssh_seeds import PASSPHRASE, certificate_seeds, key_seeds, known_hosts_seeds

INPUT_BYTES_MAX = 2**16
_BASE64 = re.compile(rb"[A-Za-z0-9+/\n]{40,}={0,2}")

numbers = st.integers(0, PLACES - 1)
mutations = st.lists(st.tuples(st.sampled_from(MUTATES), numbers, numbers), max_size=6)
flips = st.lists(st.tuples(numbers, st.integers(0, 255)), max_size=8)
raw = st.binary(max_size=300)


def place_in(seeds: Callable[[], Sequence[object]]) -> st.SearchStrategy[int]:
    """The place of one of these, which are made for the first example, not where this is imported."""
    return st.deferred(lambda: st.integers(0, len(seeds()) - 1))


def _damaged(text: bytes, steps: list[Mutation], changes: list[tuple[int, int]]) -> bytes:
    """A text with its lines damaged, and before that bytes of what it holds in base64."""

    def changed(found: re.Match[bytes]) -> bytes:
        try:
            content = bytearray(base64.b64decode(found[0]))
        except ValueError:
            return found[0]
        for place, value in changes:
            content[place * len(content) // PLACES] = value
        return base64.b64encode(content) + (b"\n" if found[0].endswith(b"\n") else b"")

    return mutated(_BASE64.sub(changed, text) if changes else text, steps)[:INPUT_BYTES_MAX]


@given(
    seed=place_in(key_seeds),
    steps=mutations,
    changes=flips,
    noise=raw,
    passphrase=st.sampled_from(("", PASSPHRASE, "\udc80")),
)
def any_key(
    seed: int, steps: list[Mutation], changes: list[tuple[int, int]], noise: bytes, passphrase: str
) -> None:
    """A private key file, damaged; what can be read can sign."""
    content = noise + _damaged(key_seeds()[seed], steps, changes)
    try:
        key = private_key(content, passphrase)
    except HostTrouble:
        return
    assert paramiko_key(key).sign_ssh_data(b"x").asbytes()


@given(seed=place_in(certificate_seeds), steps=mutations, changes=flips, noise=raw)
def any_certificate(seed: int, steps: list[Mutation], changes: list[tuple[int, int]], noise: bytes) -> None:
    """A certificate beside a key, damaged; what can be read can be offered."""
    content, signed = certificate_seeds()[seed]
    key = private_key(content, "")
    try:
        blob, public = certificate(_damaged(signed, steps, changes) + noise)
    except HostTrouble:
        return
    if public == wire(key.public_key()):
        assert paramiko_key(key, blob).public_blob is not None


@given(
    seed=place_in(known_hosts_seeds),
    steps=mutations,
    changes=flips,
    noise=raw,
    name=st.sampled_from(("web1", "a.example", "10.0.0.1", "")) | st.text(max_size=30),
    port=st.sampled_from((22, 2222)),
)
def any_known_hosts(
    seed: int, steps: list[Mutation], changes: list[tuple[int, int]], noise: bytes, name: str, port: int
) -> None:
    """A known_hosts file, damaged, and what it says of a host."""
    blob = known_hosts_seeds()[0].split(maxsplit=3)[2]
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(OperatorError):
        path = Path(folder) / "known_hosts"
        path.write_bytes(_damaged(known_hosts_seeds()[seed], steps, changes) + noise)
        known = KnownHosts([path], Policy.STRICT)
        for key in (*known.keys(name, port), HostKey("ssh-ed25519", base64.b64decode(blob))):
            known.admit(name, port, key)
        assert known.warning.isprintable()


SSH_SEARCHES = {search.__name__: search for search in (any_key, any_certificate, any_known_hosts)}
