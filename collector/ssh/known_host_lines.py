"""The lines of known_hosts files, indexed by name and by key."""

import base64
import fnmatch
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

NAME_CHARS: Final = 1024
REVOKED: Final = "@revoked"
AUTHORITY: Final = "@cert-authority"
SHA1_BYTES: Final = 20  # of a hashed name's salt and of its digest


class HostKey(NamedTuple):
    """A public key: its type and its wire form."""

    type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        """As ssh shows it."""
        digest = hashlib.sha256(self.blob).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


class _Names(Protocol):
    """The names of one line."""

    def match(self, name: str) -> bool:
        """Whether the host's name is one of them."""


@dataclass(frozen=True, slots=True)
class _Hashed:
    salt: bytes
    digest: bytes

    def match(self, name: str) -> bool:
        return hmac.digest(self.salt, name.encode("utf-8", "surrogateescape"), "sha1") == self.digest


@dataclass(frozen=True, slots=True)
class _Patterns:
    wanted: tuple[re.Pattern[str], ...]
    unwanted: tuple[re.Pattern[str], ...]

    def match(self, name: str) -> bool:
        return any(p.match(name) for p in self.wanted) and not any(p.match(name) for p in self.unwanted)


class _Marked:
    """The keys with one marker, and the hosts for which they have it."""

    def __init__(self) -> None:
        self._plain: dict[HostKey, set[str]] = {}
        self._others: dict[HostKey, list[_Names]] = {}

    def add_plain(self, key: HostKey, names: Iterable[str]) -> None:
        self._plain.setdefault(key, set()).update(names)

    def add(self, key: HostKey, names: _Names) -> None:
        self._others.setdefault(key, []).append(names)

    def has(self, name: str, key: HostKey) -> bool:
        """Whether the key has the marker for this host."""
        return name in self._plain.get(key, ()) or any(
            names.match(name) for names in self._others.get(key, ())
        )

    def keys(self, name: str) -> frozenset[HostKey]:
        """The keys that have the marker for this host."""
        return frozenset(key for key in (*self._plain, *self._others) if self.has(name, key))


class Index:
    """The entries of several files."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[HostKey]] = {}
        self.with_patterns: list[tuple[_Patterns, HostKey]] = []
        self.hashed: dict[HostKey, list[_Hashed]] = {}
        self._hashed_types: set[str] = set()
        self._unhashed: dict[str, tuple[HostKey, ...]] = {}  # what `_find_hashed` found, by name
        self._marked = {REVOKED: _Marked(), AUTHORITY: _Marked()}
        self.names = 0
        self.patterns = 0  # among the names

    def add(self, raw: bytes) -> bool:
        """Add one line; False if it cannot be used."""
        fields = raw.decode("utf-8", "surrogateescape").split()
        if not fields or fields[0].startswith("#"):
            return True
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        key = _key(fields)
        if key is None or (marker and marker not in self._marked):
            return False
        return self._add(fields[0], key, self._marked.get(marker))

    def learn(self, name: str, key: HostKey) -> None:
        """Add one plain name."""
        self.by_name.setdefault(name, []).append(key)

    def find(self, name: str) -> tuple[HostKey, ...]:
        """Every key of a name; the first request for a name costs an HMAC per hashed entry."""
        return tuple(dict.fromkeys((*self.find_readable(name), *self._find_hashed(name))))

    def find_readable(self, name: str) -> tuple[HostKey, ...]:
        """The keys of a name, without hashed entries."""
        patterns = (key for names, key in self.with_patterns if names.match(name))
        return tuple(dict.fromkeys((*self.by_name.get(name, ()), *patterns)))

    def has(self, name: str, key: HostKey) -> bool:
        """Whether this is a key of the name. Only the hashed entries of this very key cost an HMAC."""
        return (
            key in self.by_name.get(name, ())
            or any(hashed.match(name) for hashed in self.hashed.get(key, ()))
            or any(key == each and names.match(name) for names, each in self.with_patterns)
        )

    def types(self, name: str) -> frozenset[str]:
        """The types of the keys of a name; those of all hashed entries as long as they were not searched."""
        readable = {key.type for key in self.find_readable(name)}
        hashed = self._unhashed.get(name)
        return frozenset(readable | (self._hashed_types if hashed is None else {key.type for key in hashed}))

    def _find_hashed(self, name: str) -> tuple[HostKey, ...]:
        found = self._unhashed.get(name)
        if found is None:
            found = tuple(
                key for key, names in self.hashed.items() if any(each.match(name) for each in names)
            )
            self._unhashed[name] = found
        return found

    def revokes(self, name: str, key: HostKey) -> bool:
        """Whether the key is marked as revoked for a name."""
        return self._marked[REVOKED].has(name, key)

    def authorities(self, name: str) -> frozenset[HostKey]:
        """The keys whose certificates prove that a host has this name."""
        return self._marked[AUTHORITY].keys(name)

    def _add(self, text: str, key: HostKey, marked: _Marked | None) -> bool:
        terms = text.lower().split(",")
        self.names += len(terms)
        if any(len(term) > NAME_CHARS for term in terms):
            return False
        if not text.startswith("|") and not any(char in text for char in "*?!"):
            if marked is not None:
                marked.add_plain(key, terms)
            for name in terms if marked is None else ():
                self.learn(name, key)
            return True
        if text.startswith("|"):
            return self._add_hashed(_hashed(text), key, marked)
        self.patterns += len(terms)
        if marked is not None:
            marked.add(key, _patterns(terms))
        else:
            self.with_patterns.append((_patterns(terms), key))
        return True

    def _add_hashed(self, name: _Hashed | None, key: HostKey, marked: _Marked | None) -> bool:
        if name is None:
            return False
        if marked is not None:
            marked.add(key, name)
        else:
            self.hashed.setdefault(key, []).append(name)
            self._hashed_types.add(key.type)
            self._unhashed = {}
        return True


def names_hosts(raw: bytes) -> bool:
    """Whether a line is about hosts that it names, whole or hashed, without patterns; or has nothing."""
    first = raw.removeprefix(REVOKED.encode()).split(maxsplit=1)[:1]
    return not any(field.startswith(b"@") or any(char in field for char in b"*?!") for field in first)


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


def _hashed(text: str) -> _Hashed | None:
    """A hashed name as ssh-keygen -H writes it: |1|SALT|DIGEST."""
    parts = text.split("|")
    if len(parts) != 4 or parts[:2] != ["", "1"]:
        return None
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in parts[2:])
    except ValueError:
        return None
    return _Hashed(salt, digest) if len(salt) == len(digest) == SHA1_BYTES else None


def _patterns(terms: list[str]) -> _Patterns:
    wanted = tuple(_glob(term) for term in terms if not term.startswith("!"))
    return _Patterns(wanted, tuple(_glob(term[1:]) for term in terms if term.startswith("!")))


def _glob(term: str) -> re.Pattern[str]:
    """OpenSSH knows only * and ?; brackets belong to [host]:port."""
    return re.compile(fnmatch.translate(term.replace("[", "[[]")))
