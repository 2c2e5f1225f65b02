"""Files of ssh_config: read into sections, with the files that they include, within limits."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path
from typing import Final, TypeAlias

from archive.regular_file import opened
from collector.ssh_config import words
from collector.ssh_config.conditions import HostCondition, MatchCondition, read_match
from domain.mistakes import Mistake, OperatorError

FILE_BYTES: Final = 16 * 2**20
LINES: Final = 500_000  # of all files
FILES: Final = 4_096
DEPTH: Final = 16  # of Include, as in ssh
SYSTEM_FOLDER: Final = Path("/etc/ssh")
PORT_MAX: Final = 65_535

# What is read. IdentityFile and CertificateFile may be given several times; of the others the first counts.
READ: Final = frozenset(
    (
        "hostname",
        "user",
        "port",
        "identityfile",
        "certificatefile",
        "identitiesonly",
        "hostkeyalias",
        "proxyjump",
        "proxycommand",
        "canonicalizehostname",
    )
)
# What would change who answers or how keys are checked, and is not used: its operator is told.
TOLD: Final = frozenset(
    (
        "stricthostkeychecking",
        "userknownhostsfile",
        "globalknownhostsfile",
        "knownhostscommand",
        "revokedhostkeys",
        "identityagent",
        "pkcs11provider",
        "bindaddress",
        "bindinterface",
    )
)
_FLAGS: Final = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True, slots=True)
class Setting:
    """A line that is read: its keyword, its value, and its place as FILE:LINE."""

    keyword: str
    value: str
    place: str


@dataclass(slots=True)
class Section:
    """The lines below a Host or Match line, or before the first one (no condition)."""

    condition: HostCondition | MatchCondition | None
    place: str
    entries: "list[Setting | ConfigFile]" = field(default_factory=list)


@dataclass(slots=True)
class ConfigFile:
    """A file: its sections in order. Those that name hosts without patterns are found by the name."""

    sections: list[Section] = field(default_factory=list)
    _by_name: dict[str, list[int]] = field(default_factory=dict)
    _others: list[int] = field(default_factory=list)

    def index(self) -> None:
        """Makes the index, when all sections are there."""
        for number, section in enumerate(self.sections):
            names = section.condition.names if section.condition else ()
            for name in dict.fromkeys(names):
                self._by_name.setdefault(name, []).append(number)
            if not names:
                self._others.append(number)

    def candidates(self, name: str) -> Iterator[Section]:
        """The sections that may count for a host of this name, in the order of the file."""
        for number in sorted((*self._by_name.get(name, ()), *self._others)):
            yield self.sections[number]


Context: TypeAlias = tuple[Path, ...]  # the files that are being read, the innermost last


class Reader:
    """Reads files of ssh_config, and counts what it reads over all of them."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lines = 0
        self._files = 0

    def read(self, path: Path, context: Context = ()) -> ConfigFile:
        """A file with those that it includes; OperatorError for the first mistake in them."""
        self._files += 1
        if self._files > FILES or len(context) >= DEPTH:
            excess = f"{FILES} files" if self._files > FILES else f"{DEPTH} levels"
            raise _mistake(str(path), f"Include leads to more than {excess}", "include fewer files")
        file = ConfigFile([Section(None, str(path))])
        for number, line in enumerate(self._text(path).split("\n"), 1):
            place = f"{path}:{number}"
            try:
                self._take(file, line, place, (*context, path))
            except ValueError as error:
                raise _mistake(place, str(error), "`ssh -G HOST` checks the file") from None
        file.index()
        return file

    def _text(self, path: Path) -> str:
        try:
            with opened(path) as stream:
                _check_rights(path, os.fstat(stream.fileno()))
                content = stream.read(FILE_BYTES + 1)
        except OSError as error:
            problem = f"cannot be read: {error.strerror or error}"
            raise _mistake(str(path), problem, "let this account read it, or see ssh.config") from error
        self._lines += content.count(b"\n")
        if len(content) > FILE_BYTES or self._lines > LINES:
            excess = f"{FILE_BYTES} bytes in the file" if len(content) > FILE_BYTES else f"{LINES} lines"
            raise _mistake(str(path), f"more than {excess}", "is it a file of ssh_config? See ssh.config")
        return content.decode("utf-8", "surrogateescape")

    def _take(self, file: ConfigFile, line: str, place: str, context: Context) -> None:
        keyword, values = words.split(line)
        if not keyword:
            return
        if keyword in ("host", "match"):
            file.sections.append(Section(_condition(keyword, values), place))
        elif keyword == "include":
            if not values:
                raise ValueError("Include needs a file")
            for path in self._included(values, context[0]):
                file.sections[-1].entries.append(self.read(path, context))
        elif keyword in READ | TOLD:
            file.sections[-1].entries.append(Setting(keyword, _value(keyword, values, line), place))

    def _included(self, patterns: list[str], outermost: Path) -> Iterator[Path]:
        """The files that patterns name, in ssh's order, from ~/.ssh or /etc/ssh."""
        folder = SYSTEM_FOLDER if outermost.is_relative_to(SYSTEM_FOLDER) else self._home / ".ssh"
        for pattern in patterns:
            if pattern.startswith("~/"):
                path = self._home / pattern[2:]
            else:
                path = Path(pattern).expanduser() if pattern.startswith("~") else folder / pattern
            # patterns as the shell has them, in an absolute path, in the order of their names
            found = glob(str(path))  # noqa: PTH207 - Path.glob takes no absolute pattern
            yield from (Path(each) for each in sorted(found) if not Path(each).is_dir())


def _condition(keyword: str, values: list[str]) -> HostCondition | MatchCondition:
    if keyword == "match":
        return read_match(values)
    if not values or "" in values:
        raise ValueError("Host needs a name or a pattern")
    return HostCondition(tuple(values))


def _value(keyword: str, values: list[str], line: str) -> str:
    """The value of a line, checked; ValueError for one that ssh refuses."""
    if keyword in ("proxycommand", "knownhostscommand"):
        values = [line.strip().partition(" ")[2].strip()]  # it is the rest of the line
    if not values or not values[0]:
        raise ValueError(f"{keyword} needs a value")
    if keyword in READ and len(values) > 1:
        raise ValueError(f"{keyword} has more than one value")
    if any(not value.isprintable() for value in values):
        raise ValueError(f"{keyword} has a character that cannot be printed")
    if keyword == "port" and not (
        values[0].isascii() and values[0].isdigit() and 1 <= int(values[0][:9]) <= PORT_MAX
    ):
        raise ValueError(f"port must be from 1 to {PORT_MAX}, not {values[0][:20]!r}")
    if keyword == "identitiesonly" and values[0].lower() not in _FLAGS:
        raise ValueError(f"identitiesonly must be yes or no, not {values[0][:20]!r}")
    return " ".join(values)


def flag(value: str) -> bool:
    """Whether a checked value is yes."""
    return _FLAGS.get(value.lower(), False)


def _check_rights(path: Path, status: os.stat_result) -> None:
    """As ssh does: whoever may write the file decides where a sweep goes."""
    if status.st_uid not in (0, os.geteuid()):
        raise _mistake(str(path), "belongs to another account", "give it to this account, or see ssh.config")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise _mistake(str(path), "other accounts may write it", f"chmod go-w {path}")


def _mistake(place: str, problem: str, remedy: str) -> OperatorError:
    return OperatorError(Mistake(place, problem, remedy))
