"""What ssh would do for a host: the files of ssh_config, applied to one host after another.

paramiko reads these files too, but without Include and places, and it runs the commands of `Match exec`.
The meaning here is that of OpenSSH 9.2; the tests compare it with `ssh -G`.
"""

import getpass
import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from collector.ssh_config import tokens
from collector.ssh_config.conditions import Target, Verdict
from collector.ssh_config.config_file import READ, TOLD, ConfigFile, Reader, Section, Setting, flag
from domain.mistakes import Mistake

_NONE: Final = "none"
_MANY: Final = frozenset(("identityfile", "certificatefile"))
_PROXIES: Final = frozenset(("proxyjump", "proxycommand"))
INSTEAD_OF_A_JUMP: Final = (
    "run mapsweep on the jump host, or give an address that this machine reaches; see docs/ssh.md"
)
FILES_MAX: Final = 100  # of IdentityFile and of CertificateFile for one host, as in ssh


@dataclass(frozen=True, slots=True)
class Answer:
    """What the files say of one host; "" and None: nothing."""

    host_name: str = ""
    user: str = ""
    port: int | None = None
    key_files: tuple[str, ...] = ()
    certificate_files: tuple[str, ...] = ()
    identities_only: bool = False
    host_key_alias: str = ""
    origins: Mapping[str, Setting] = field(
        default_factory=dict
    )  # the first line, by the name of a field above
    obstacles: tuple[Mistake, ...] = ()
    warnings: tuple[str, ...] = ()


class ClientConfig:
    """The files in the order in which they count; of several values the first counts."""

    def __init__(self, files: Iterable[ConfigFile] = (), local: "LocalSide | None" = None) -> None:
        self._files = tuple(files)
        self._local = local or LocalSide.of_this_machine()

    def __bool__(self) -> bool:
        return bool(self._files)

    def answer(self, name: str, user: str = "", port: int | None = None) -> Answer:
        """For a host as it would be named to ssh; `user` and `port` are those that are given beside it."""
        return _Walk(name, user, port, self._local).answer(self._files)


@dataclass(frozen=True, slots=True)
class LocalSide:
    """This account and this machine, as tokens and conditions need them."""

    user: str
    uid: int
    home: Path
    host_name: str
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)

    @classmethod
    def of_this_machine(cls) -> "LocalSide":
        """Without a name of the account where it has none."""
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = ""
        return cls(user, os.getuid(), _expanded(Path("~")) or Path("/"), socket.gethostname(), os.environ)


def _expanded(path: Path) -> Path | None:
    """The path without ~; None where this account has no folder of its own."""
    try:
        return path.expanduser()
    except RuntimeError:
        return None


def missing(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Those that do not exist."""
    return tuple(path for path in paths if (full := _expanded(path)) is None or not os.path.lexists(full))


def load(paths: Iterable[Path], local: LocalSide | None = None) -> ClientConfig:
    """The files that exist; OperatorError for a mistake in one, or one that other accounts may write."""
    local = local or LocalSide.of_this_machine()
    there = [path for path in map(_expanded, paths) if path is not None and os.path.lexists(path)]
    reader = Reader(local.home)
    return ClientConfig([reader.read(path) for path in there], local)


class _Walk:
    """One pass over the files for one host."""

    def __init__(self, name: str, user: str, port: int | None, local: LocalSide) -> None:
        self._name = name
        self._given_user = user
        self._given_port = port
        self._local = local
        self._first: dict[str, Setting] = {}
        self._many: dict[str, list[Setting]] = {keyword: [] for keyword in _MANY}
        self._told: dict[str, Setting] = {}
        self._obstacles: list[Mistake] = []

    def answer(self, files: Iterable[ConfigFile]) -> Answer:
        for file in files:
            self._visit(file)
        self._check_reach()
        host_name = self._host_name()
        values = self._values(host_name)
        user, port = self._first.get("user"), self._first.get("port")
        alias, only = self._first.get("hostkeyalias"), self._first.get("identitiesonly")
        return Answer(
            host_name=host_name if "hostname" in self._first else "",
            user="" if user is None or self._given_user else user.value,
            port=None if port is None or self._given_port else int(port.value),
            key_files=self._files("identityfile", values),
            certificate_files=self._files("certificatefile", values),
            identities_only=only is not None and flag(only.value),
            host_key_alias=alias.value.lower() if alias is not None else "",  # as ssh makes it
            origins=self._origins(),
            obstacles=tuple(self._obstacles),
            warnings=tuple(
                f"{setting.place}: {setting.keyword} is not used: {_instead(setting.keyword)}"
                for setting in self._told.values()
            ),
        )

    def _visit(self, file: ConfigFile) -> None:
        for section in file.candidates(self._name):
            verdict = section.condition.verdict(self._target()) if section.condition else Verdict.YES
            if verdict is Verdict.CANNOT_TELL and _matters(section):
                problem = "only ssh itself can tell whether this Match holds (exec, final and the like)"
                remedy = "use Host or Match host, or exclude the host with '!'"
                self._obstacles.append(Mistake(section.place, problem, remedy))
            if verdict is Verdict.YES:
                for entry in section.entries:
                    if isinstance(entry, ConfigFile):
                        self._visit(entry)
                    else:
                        self._take(entry)

    def _take(self, setting: Setting) -> None:
        keyword = setting.keyword
        if keyword in _MANY:
            known = self._many[keyword]
            if len(known) < FILES_MAX and all(setting.value != each.value for each in known):
                known.append(setting)
        elif keyword in TOLD:
            self._told.setdefault(keyword, setting)
        elif not (keyword in _PROXIES and self._first.keys() & _PROXIES):
            self._first.setdefault(keyword, setting)

    def _target(self) -> Target:
        set_user = self._first.get("user")
        user = self._given_user or (set_user.value if set_user else self._local.user)
        return Target(self._name, self._host_name(), user, self._local.user)

    def _host_name(self) -> str:
        setting = self._first.get("hostname")
        if setting is None:
            return self._name
        return self._expanded(setting, {"h": self._name}).lower()

    def _values(self, host_name: str) -> dict[str, str]:
        """What the tokens of names of files stand for."""
        user, port = self._first.get("user"), self._first.get("port")
        alias = self._first.get("hostkeyalias")
        local = self._local
        return {
            "d": str(local.home),
            "h": host_name,
            "i": str(local.uid),
            "k": alias.value.lower() if alias else self._name,
            "L": local.host_name.partition(".")[0],
            "l": local.host_name,
            "n": self._name,
            "p": str(self._given_port or (port.value if port else 22)),
            "r": self._given_user or (user.value if user else local.user),
            "u": local.user,
        }

    def _files(self, keyword: str, values: Mapping[str, str]) -> tuple[str, ...]:
        names: dict[str, None] = {}
        for setting in self._many[keyword]:
            if setting.value.lower() != _NONE and (name := self._expanded(setting, values, is_file=True)):
                names[name] = None
        return tuple(names)

    def _expanded(self, setting: Setting, values: Mapping[str, str], *, is_file: bool = False) -> str:
        """A value with its tokens replaced; "" and an obstacle if one of them means nothing."""
        try:
            if is_file:
                return tokens.file_name(setting.value, values, self._local.home, self._local.environment)
            return tokens.replaced(setting.value, values)
        except ValueError as error:
            mistake = Mistake(setting.place, f"{setting.keyword} {error}", "write the value itself")
            if mistake not in self._obstacles:
                self._obstacles.append(mistake)
            return ""

    def _check_reach(self) -> None:
        """What would lead elsewhere, and is not supported."""
        for keyword in (*_PROXIES, "canonicalizehostname"):
            setting = self._first.get(keyword)
            if setting is not None and setting.value.lower() not in (_NONE, "no", "false"):
                remedy = INSTEAD_OF_A_JUMP if keyword in _PROXIES else "write the whole name in HostName"
                self._obstacles.append(Mistake(setting.place, f"{keyword} is not supported", remedy))

    def _origins(self) -> dict[str, Setting]:
        fields = {
            "host_name": "hostname",
            "user": "user",
            "port": "port",
            "identities_only": "identitiesonly",
            "host_key_alias": "hostkeyalias",
        }
        found = {name: self._first[word] for name, word in fields.items() if word in self._first}
        if self._given_user:
            found.pop("user", None)
        if self._given_port:
            found.pop("port", None)
        many = {"key_files": "identityfile", "certificate_files": "certificatefile"}
        return found | {name: self._many[word][0] for name, word in many.items() if self._many[word]}


def _matters(section: Section) -> bool:
    """Whether something in the section would be read."""
    return any(
        any(map(_matters, entry.sections)) if isinstance(entry, ConfigFile) else entry.keyword in READ
        for entry in section.entries
    )


def _instead(keyword: str) -> str:
    match keyword:
        case "stricthostkeychecking" | "knownhostscommand" | "revokedhostkeys":
            return "the setting ssh.host_key_policy decides how host keys are checked"
        case "userknownhostsfile" | "globalknownhostsfile":
            return "the setting ssh.known_hosts names the files of host keys"
        case "identityagent" | "pkcs11provider":
            return "keys come from files, and from the agent in SSH_AUTH_SOCK"
        case _:
            return "the system's routes decide"
