"""The host keys we know: read once, indexed by name, shared by all threads."""

import base64
import fnmatch
import hmac
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

SSH_PORT: Final = 22
LINE_BYTES: Final = 64 * 2**10  # longer lines are no host key


class Policy(StrEnum):
    """What to do about a key that is not known."""

    STRICT = "strict"
    ACCEPT_NEW = "accept-new"  # kept in a file of ours from then on; a changed key is still refused
    OFF = "off"  # any key but a revoked one


class Verdict(StrEnum):
    """What the files say of one host's key."""

    KNOWN = "known"
    UNKNOWN = "hostkey_unknown"
    TYPE_UNKNOWN = "hostkey_type_unknown"  # keys of other types are known for the host
    CHANGED = "hostkey_changed"  # another key of this type is known for the host
    REVOKED = "hostkey_revoked"


class HostKey(NamedTuple):
    """A public key: its type and its wire form."""

    type: str
    blob: bytes


@dataclass(frozen=True, slots=True)
class _Hashed:
    salt: bytes
    digest: bytes
    key: HostKey


@dataclass(frozen=True, slots=True)
class _Patterns:
    wanted: tuple[re.Pattern[str], ...]
    unwanted: tuple[re.Pattern[str], ...]
    key: HostKey

    def match(self, name: str) -> bool:
        return any(p.match(name) for p in self.wanted) and not any(p.match(name) for p in self.unwanted)


class _Index:
    """The entries of several files."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[HostKey]] = {}
        self.hashed: list[_Hashed] = []
        self.patterns: list[_Patterns] = []
        self.revoked: list[_Patterns] = []

    def add(self, raw: bytes) -> bool:
        """One line; False where it says nothing that can be used."""
        fields = raw[:LINE_BYTES].decode("utf-8", "surrogateescape").split()
        if not fields or fields[0].startswith("#"):
            return True
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        key = _key(fields)
        if key is None or marker not in ("", "@revoked", "@cert-authority"):
            return False
        names = fields[0]
        if marker == "@revoked":
            self.revoked.append(_patterns(names, key))
        elif not marker and names.startswith("|1|"):
            return self._add_hashed(names, key)
        elif not marker and any(char in names for char in "*?!"):
            self.patterns.append(_patterns(names, key))
        elif not marker:
            for name in names.lower().split(","):
                self.learn(name, key)
        return True  # @cert-authority too: host certificates are not asked for, the line is no mistake

    def learn(self, name: str, key: HostKey) -> None:
        """One plain name."""
        self.by_name.setdefault(name, []).append(key)

    def find(self, name: str) -> tuple[HostKey, ...]:
        """Every key of a name; each hashed entry costs an HMAC."""
        encoded = name.encode("utf-8", "surrogateescape")
        found = [*self.by_name.get(name, ()), *(entry.key for entry in self.patterns if entry.match(name))]
        found += [h.key for h in self.hashed if hmac.digest(h.salt, encoded, "sha1") == h.digest]
        return tuple(dict.fromkeys(found))

    def _add_hashed(self, names: str, key: HostKey) -> bool:
        try:
            salt, digest = (base64.b64decode(part, validate=True) for part in names.split("|")[2:])
        except ValueError:
            return False
        self.hashed.append(_Hashed(salt, digest, key))
        return True


class KnownHosts:
    """What known_hosts files say, and what a policy makes of it. Only accept-new adds to it later."""

    def __init__(
        self,
        paths: Iterable[Path] = (),
        policy: Policy = Policy.STRICT,
        accepted_path: Path | None = None,
    ) -> None:
        """Reads the files that exist, and what accept-new has kept. An unusable line is left out."""
        self.policy = policy
        self.unreadable_lines: list[str] = []  # FILE:LINE of what was left out, for the operator
        self._accepted_path = accepted_path
        self._learning = threading.Lock()
        self._index = _Index()
        for path in (*paths, *((accepted_path,) if accepted_path else ())):
            self._read(path)

    def _read(self, path: Path) -> None:
        try:
            lines = path.expanduser().read_bytes().split(b"\n")
        except FileNotFoundError:
            return
        for number, raw in enumerate(lines, 1):
            if not self._index.add(raw):
                self.unreadable_lines.append(f"{path}:{number}")

    def keys(self, address: str, port: int = SSH_PORT) -> tuple[HostKey, ...]:
        """Every key that is known for a host, in the order of the files; without the port at last."""
        found = self._index.find(host_name(address, port))
        return found or (self._index.find(host_name(address, SSH_PORT)) if port != SSH_PORT else ())

    def check(self, address: str, port: int, key: HostKey) -> Verdict:
        """What is known of this key for this host, whatever the policy."""
        name = host_name(address, port)
        if any(entry.key == key and entry.match(name) for entry in self._index.revoked):
            return Verdict.REVOKED
        known = self._index.find(name)
        if key in known or (not known and key in self.keys(address, port)):
            return Verdict.KNOWN
        if not known:
            return Verdict.UNKNOWN
        return Verdict.CHANGED if any(k.type == key.type for k in known) else Verdict.TYPE_UNKNOWN

    def admit(self, address: str, port: int, key: HostKey) -> Verdict:
        """The verdict under the policy: KNOWN may go on. accept-new learns the key of an unknown host."""
        verdict = self.check(address, port, key)
        if self.policy is Policy.OFF and verdict is not Verdict.REVOKED:
            return Verdict.KNOWN
        if self.policy is Policy.ACCEPT_NEW and verdict is Verdict.UNKNOWN:
            self._learn(host_name(address, port), key)
            return Verdict.KNOWN
        return verdict

    def _learn(self, name: str, key: HostKey) -> None:
        with self._learning:
            if self._accepted_path is not None:
                self._accepted_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with self._accepted_path.open("a", encoding="utf-8", errors="surrogateescape") as file:
                    file.write(line(name, key))
            self._index.learn(name, key)


def host_name(address: str, port: int) -> str:
    """The name under which known_hosts files keep a host."""
    address = address.lower()
    return address if port == SSH_PORT else f"[{address}]:{port}"


def line(name: str, key: HostKey) -> str:
    """One entry as the files keep it."""
    return f"{name} {key.type} {base64.b64encode(key.blob).decode()}\n"


def _key(fields: list[str]) -> HostKey | None:
    """The key of a line's fields; its blob has to begin with the type that the line names."""
    if len(fields) < 3:
        return None
    try:
        blob = base64.b64decode(fields[2], validate=True)
    except ValueError:
        return None
    named = fields[1].encode("utf-8", "surrogateescape")
    return HostKey(fields[1], blob) if blob[4 : 4 + len(named)] == named else None


def _patterns(names: str, key: HostKey) -> _Patterns:
    terms = names.lower().split(",")
    wanted = tuple(_glob(term) for term in terms if not term.startswith("!"))
    return _Patterns(wanted, tuple(_glob(term[1:]) for term in terms if term.startswith("!")), key)


def _glob(term: str) -> re.Pattern[str]:
    """OpenSSH knows * and ? alone; brackets are those of [host]:port."""
    return re.compile(fnmatch.translate(term.replace("[", "[[]")))
