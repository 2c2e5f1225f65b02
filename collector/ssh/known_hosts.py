"""The known host keys: read once, indexed by name, shared by all threads."""

import base64
import fnmatch
import hmac
import itertools
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from archive.regular_file import opened
from domain.mistakes import Mistake, OperatorError

SSH_PORT: Final = 22
FILE_BYTES: Final = 64 * 2**20  # of each file
LINES: Final = 500_000  # of each file, including comments
LINE_BYTES: Final = 64 * 2**10
NAMES: Final = 1_000_000  # of all files
PATTERNS: Final = 10_000  # names with * or ?, and negated ones, of all files; each is tried for each host
NAME_CHARS: Final = 1024
SHOWN_COUNT: Final = 5  # unreadable lines that the warning names
SHA1_BYTES: Final = 20  # of a hashed name's salt and of its digest


class Policy(StrEnum):
    """What to do about an unknown key."""

    STRICT = "strict"
    ACCEPT_NEW = "accept-new"  # kept in a file of mapsweep; a changed key is still refused
    OFF = "off"  # any key except a revoked one


class KeyCheck(StrEnum):
    """What the files say about the key of one host."""

    KNOWN = "known"
    UNKNOWN = "hostkey_unknown"
    TYPE_UNKNOWN = "hostkey_type_unknown"  # keys of other types are known for the host
    CHANGED = "hostkey_changed"  # another key of this type is known for the host
    REVOKED = "hostkey_revoked"


class HostKey(NamedTuple):
    """A public key: its type and its wire form."""

    type: str
    blob: bytes


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


class _Index:
    """The entries of several files."""

    def __init__(self) -> None:
        self.by_name: dict[str, list[HostKey]] = {}
        self.others: list[tuple[_Names, HostKey]] = []  # hashed names and patterns
        self.revoked_names: dict[HostKey, set[str]] = {}
        self.revoked_others: dict[HostKey, list[_Names]] = {}
        self.names = 0
        self.patterns = 0  # among the names

    def add(self, raw: bytes) -> bool:
        """Add one line; False if it cannot be used."""
        fields = raw.decode("utf-8", "surrogateescape").split()
        if not fields or fields[0].startswith("#"):
            return True
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        key = _key(fields)
        if key is None or marker not in ("", "@revoked", "@cert-authority"):
            return False
        # host certificates are not requested, so a line about them is skipped without a warning
        return marker == "@cert-authority" or self._add(fields[0], key, revoked=marker == "@revoked")

    def learn(self, name: str, key: HostKey) -> None:
        """Add one plain name."""
        self.by_name.setdefault(name, []).append(key)

    def find(self, name: str) -> tuple[HostKey, ...]:
        """Every key of a name; each hashed entry costs an HMAC."""
        found = [*self.by_name.get(name, ()), *(key for names, key in self.others if names.match(name))]
        return tuple(dict.fromkeys(found))

    def revokes(self, name: str, key: HostKey) -> bool:
        """Whether the key is marked as revoked for a name."""
        return name in self.revoked_names.get(key, ()) or any(
            names.match(name) for names in self.revoked_others.get(key, ())
        )

    def _add(self, text: str, key: HostKey, *, revoked: bool) -> bool:
        terms = text.lower().split(",")
        self.names += len(terms)
        if any(len(term) > NAME_CHARS for term in terms):
            return False
        if not text.startswith("|") and not any(char in text for char in "*?!"):
            if revoked:
                self.revoked_names.setdefault(key, set()).update(terms)
            for name in () if revoked else terms:
                self.learn(name, key)
            return True
        names: _Names | None
        if text.startswith("|"):
            names = _hashed(text)
        else:
            self.patterns += len(terms)
            names = _patterns(terms)
        if names is None:
            return False
        if revoked:
            self.revoked_others.setdefault(key, []).append(names)
        else:
            self.others.append((names, key))
        return True


class KnownHosts:
    """The content of known_hosts files, and the verdict under a policy. Only accept-new adds keys later."""

    def __init__(
        self,
        paths: Iterable[Path] = (),
        policy: Policy = Policy.STRICT,
        accepted_path: Path | None = None,
    ) -> None:
        """Reads the files that exist, and what accept-new has kept. An unusable line is skipped.

        OperatorError for a file that cannot be read, or is over a limit.
        """
        self.policy = policy
        self._unreadable: list[str] = []  # FILE:LINE of the first that were skipped
        self._unreadable_count = 0
        self._accepted_path = accepted_path
        self._learning = threading.Lock()
        self._index = _Index()
        for path in (*paths, *((accepted_path,) if accepted_path else ())):
            self._read(path)

    @property
    def warning(self) -> str:
        """The unreadable lines, for the operator; "" if there are none."""
        if not self._unreadable_count:
            return ""
        more = self._unreadable_count - len(self._unreadable)
        places = ", ".join(self._unreadable) + (f" and {more} more" if more else "")
        return f"host keys: unreadable lines were skipped: {places}"

    def _read(self, path: Path) -> None:
        try:
            with opened(path.expanduser()) as file:
                read_bytes = 0
                for number in itertools.count(1):
                    raw = file.readline(LINE_BYTES + 1)
                    if not raw:
                        return
                    read_bytes += len(raw)
                    if not self._index.add(raw):
                        self._leave_out(f"{path}:{number}")
                    if excess := self._excess(raw, number, read_bytes):
                        remedy = "is it a known_hosts file? If so, remove the lines that are not needed"
                        raise OperatorError(Mistake(f"{path}:{number}", excess, remedy))
        except FileNotFoundError:
            return
        except (OSError, RuntimeError) as error:  # RuntimeError: ~ of an unknown account
            problem = (isinstance(error, OSError) and error.strerror) or str(error)
            remedy = "give a file that this account may read, or remove it from ssh.known_hosts"
            raise OperatorError(Mistake(f"{path}", f"host keys cannot be read: {problem}", remedy)) from error

    def _excess(self, raw: bytes, number: int, read_bytes: int) -> str:
        """The limit that this line exceeds; "" if none."""
        limits = (
            (len(raw.rstrip(b"\r\n")), LINE_BYTES, "bytes in this line"),
            (number, LINES, "lines"),
            (read_bytes, FILE_BYTES, "bytes in the file"),
            (self._index.names, NAMES, "names"),
            (self._index.patterns, PATTERNS, "names with * or ?"),
        )
        return next((f"more than {limit} {what}" for amount, limit, what in limits if amount > limit), "")

    def _leave_out(self, place: str) -> None:
        self._unreadable_count += 1
        if self._unreadable_count <= SHOWN_COUNT:
            self._unreadable.append(place)

    def keys(self, address: str, port: int = SSH_PORT) -> tuple[HostKey, ...]:
        """Every known key of a host, in the order of the files; the name without the port is tried last."""
        found = self._index.find(host_name(address, port))
        return found or (self._index.find(host_name(address, SSH_PORT)) if port != SSH_PORT else ())

    def check(self, address: str, port: int, key: HostKey) -> KeyCheck:
        """The verdict on this key for this host, regardless of the policy."""
        name = host_name(address, port)
        if any(self._index.revokes(each, key) for each in {name, host_name(address, SSH_PORT)}):
            return KeyCheck.REVOKED
        known = self._index.find(name)
        if key in known or (not known and key in self.keys(address, port)):
            return KeyCheck.KNOWN
        if not known:
            return KeyCheck.UNKNOWN
        return KeyCheck.CHANGED if any(k.type == key.type for k in known) else KeyCheck.TYPE_UNKNOWN

    def admit(self, address: str, port: int, key: HostKey) -> KeyCheck:
        """The verdict under the policy; KNOWN means accepted. accept-new keeps the key of a new host."""
        verdict = self.check(address, port, key)
        if self.policy is Policy.OFF and verdict is not KeyCheck.REVOKED:
            return KeyCheck.KNOWN
        if self.policy is Policy.ACCEPT_NEW and verdict is KeyCheck.UNKNOWN:
            self._learn(host_name(address, port), key)
            return KeyCheck.KNOWN
        return verdict

    def _learn(self, name: str, key: HostKey) -> None:
        with self._learning:
            if self._accepted_path is not None:
                self._accepted_path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with self._accepted_path.open("a", encoding="utf-8", errors="surrogateescape") as file:
                    file.write(line(name, key))
            self._index.learn(name, key)


def host_name(address: str, port: int) -> str:
    """The name of a host in known_hosts files."""
    address = address.lower()
    return address if port == SSH_PORT else f"[{address}]:{port}"


def line(name: str, key: HostKey) -> str:
    """One entry in the format of the files."""
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
