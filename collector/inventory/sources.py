"""The sources of an inventory, as in Ansible: files in YAML or INI, programs, folders, lists of hosts."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from collector.inventory import host_range, program
from collector.inventory.ansible_config import AnsibleConfig
from collector.inventory.connection_variables import Place
from collector.inventory.gathering import Gathering, Section, leaf
from collector.inventory.group_graph import UNGROUPED
from collector.inventory.host_lists import is_host_list
from collector.inventory.ini_source import IniSource
from collector.inventory.inventory_file import EXPORT, InventoryFile
from collector.inventory.program_source import ProgramSource
from collector.inventory.vars_files import SUFFIXES
from domain import yaml_document
from domain.mistakes import Mistake, OperatorError
from domain.rights import refuse_if_all_may_write
from domain.yaml_document import Document, Mapping, Node, Scalar, Sequence, entries

SOURCES_MAX = 1_000  # with the files in folders
FOLDER_DEPTH_MAX = 20
# what a folder may hold besides inventories, as Ansible ignores it
_IGNORED = re.compile(
    r"\A\.|\A(?:host_vars|group_vars|vars_plugins)\Z"
    r"|(?:\.pyc|\.pyo|\.swp|\.bak|~|\.rpm|\.md|\.txt|\.rst|\.orig|\.cfg|\.retry)\Z"
)
_LIKE_INI = re.compile(r"\ufeff?\s*(?:\[[^\[\]{},]+\]\s*(?:#.*)?\Z|[^\s#;:]\S*\s+\w+=)")
# what an inventory has, and a file that lies beside one has not
_OF_INVENTORY = re.compile(
    r"\A\ufeff?\s*(?:\[[^\[\]{},]+\]\s*(?:#.*)?\Z|[\"']?(?:hosts|children|vars)[\"']?\s*:)|ansible_\w+\s*[=:]"
)
_LIKE_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*")
_SUFFIXES = {*SUFFIXES, ".ini", ".cfg", ".toml", ".txt", ".py", ".sh"}
_VAULT = b"$ANSIBLE_VAULT"


class Source(Protocol):
    """A source that has been read."""

    def into(self, gathering: Gathering) -> None:
        """Add its groups, hosts and variables."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A source with the folder that it is in, "" for a list of hosts."""

    source: Source
    folder: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What decides besides the sources: ansible.cfg, the playbook's folder, and whether programs may run.

    By default nothing does, and no program is run: a message must never make a worker run one.
    """

    config: AnsibleConfig = field(default_factory=AnsibleConfig)
    play_folder: Path | None = None  # its group_vars/ and host_vars/ override those beside the inventory
    runs_programs: bool = False
    ssh_config: tuple[Path, ...] = ()  # files of ssh_config, of which the first value counts


@dataclass(frozen=True, slots=True)
class YamlSource:
    """A YAML inventory."""

    document: Document

    def into(self, gathering: Gathering) -> None:
        InventoryFile(self.document, gathering)


@dataclass(frozen=True, slots=True)
class Empty:
    """A file with nothing in it but blanks and comments."""

    label: str

    def into(self, gathering: Gathering) -> None:
        """It adds nothing."""


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A file of a folder that has nothing of an inventory: Ansible passes over it too."""

    label: str

    def into(self, gathering: Gathering) -> None:
        gathering.warnings.append(f"{self.label}: is not an inventory, and was passed over")


@dataclass(frozen=True, slots=True)
class HostList:
    """Hosts with commas between: `web1,web2:2222`, or `web1,`."""

    text: str

    def into(self, gathering: Gathering) -> None:
        for part in self.text.split(","):
            written = part.strip()
            place = Place("-i", (written[:80],), 0)
            if not written or not gathering.is_name(written, place, "a host"):
                continue
            name, port = written, None
            if "[" not in written or written.startswith("["):
                name, port = host_range.split_port(written) or (written, None)
            if name not in gathering.graph.hosts:
                gathering.place_hosts([name], port, UNGROUPED, Section({}), place)


def opened(sources: Iterable[str], surroundings: Surroundings) -> list[Opened]:
    """Every source, read, in Ansible's order; OperatorError with the mistakes of all that cannot be read."""
    found: list[Opened] = []
    mistakes: list[Mistake] = []
    for path, label, is_named in _files(sources):
        if len(found) >= SOURCES_MAX:
            mistakes.append(Mistake(label, f"is one more than {SOURCES_MAX} sources", "name fewer"))
            break
        try:
            if path is None:
                found.append(Opened(HostList(label), ""))
            else:
                source = _opened(path, label, surroundings, is_named=is_named)
                found.append(Opened(source, str(path.absolute().parent)))
        except OperatorError as error:
            mistakes.extend(error.mistakes if path is None or not is_named else _meant(path, error))
    empty = [each.source for each in found if isinstance(each.source, Empty)]
    if not mistakes and len(empty) == len(found):
        remedy = "name at least one group with hosts"
        mistakes.extend(Mistake(each.label, "is empty", remedy) for each in empty)
    if mistakes:
        raise OperatorError(*mistakes)
    if not found:
        raise OperatorError(Mistake(", ".join(sources), "has no inventory in it", "name a file"))
    return found


def vars_folders(sources: Iterable[str]) -> list[Path]:
    """The folders that may have group_vars/ and host_vars/, in the order of the sources; a later one wins."""
    folders: dict[Path, None] = {}
    for source in sources:
        if is_host_list(source):
            continue
        path = Path(source).expanduser().absolute()
        folder = Path(os.path.realpath(path if path.is_dir() else path.parent))
        folders.pop(folder, None)
        folders[folder] = None
    return list(folders)


def _files(sources: Iterable[str]) -> Iterator[tuple[Path | None, str, bool]]:
    """The files of all sources, their names in messages, and whether each is named itself, not its folder.

    No path for a list of hosts.
    """
    given = list(sources)
    for source in given:
        path = Path(source).expanduser()
        if is_host_list(source):
            yield None, source, True
        elif path.is_dir():
            yield from ((each, str(each.relative_to(path.parent)), False) for each in _below(path, 1))
        else:
            yield path, path.name if len(given) == 1 else str(source), True


def _below(folder: Path, depth: int) -> Iterator[Path]:
    """Every file of a folder that Ansible would read, by name, folders within it included."""
    if depth > FOLDER_DEPTH_MAX:
        raise OperatorError(Mistake(str(folder), f"is more than {FOLDER_DEPTH_MAX} folders deep"))
    for path in sorted(folder.iterdir()):
        if _IGNORED.search(path.name):
            continue
        if path.is_dir():
            yield from _below(path, depth + 1)
        else:
            yield path


def _opened(path: Path, label: str, surroundings: Surroundings, *, is_named: bool) -> Source:
    """One file in the format that it has; OperatorError if it has none, or if all may write it."""
    refuse_if_all_may_write(path, label)
    if path.suffix == ".toml":
        raise OperatorError(Mistake(label, "is TOML, which is not read", EXPORT.format(path)))
    if program.is_program(path):
        return _program(path, label, surroundings)
    root: Node | None = None
    error: OperatorError | None = None
    if path.suffix in ("", *SUFFIXES):
        try:
            document = yaml_document.read(path, label)
        except OperatorError as refused:
            if not path.is_file():
                raise
            error = refused
        else:
            root = document.root
            if isinstance(root, Mapping) and root.pairs:
                _refuse_plugin(root, path, label)
                return YamlSource(document)
            if _is_nothing(root):
                return Empty(label)
            problem = "is not an inventory: its top level must be a mapping of groups"
            error = OperatorError(Mistake(label, problem, EXPORT.format(path)))
    if not is_named and _lies_beside(path, root):
        return PassedOver(label)
    return IniSource(label, _lines(path, label)) if error is None else _ini_instead(path, label, error)


def _lies_beside(path: Path, root: Node | None) -> bool:
    """Whether a file of a folder has nothing of an inventory: a README, a playbook, a key.

    Its first line is none of an inventory, so that Ansible gets nothing out of it either.
    """
    try:
        with path.open("rb") as file:
            text = file.read(yaml_document.FILE_BYTES_MAX).decode("utf-8-sig", "replace")
    except OSError:
        return False
    lines = text.splitlines()
    first = next((line for line in lines if not line.lstrip().startswith(("#", ";")) and line.strip()), "")
    tried = Gathering()
    IniSource("", [first]).into(tried)
    if not tried.mistakes:
        return False
    return isinstance(root, Sequence) or not any(map(_OF_INVENTORY.search, lines))


def _is_nothing(root: Node | None) -> bool:
    """Whether a document has only blanks, comments, a null or an empty mapping."""
    return (
        root is None or isinstance(root, Mapping) or (isinstance(root, Scalar) and leaf(root) in (None, ""))
    )


def _program(path: Path, label: str, surroundings: Surroundings) -> Source:
    if not os.access(path, os.X_OK):
        raise OperatorError(Mistake(label, "is a program that may not be run", f"chmod +x {path}"))
    if not surroundings.runs_programs:
        raise OperatorError(
            Mistake(
                label,
                "is a program; one is run only for a command that names it with -i or in its settings",
                EXPORT.format(path),
            )
        )
    return ProgramSource(label, program.answers(path, label))


def _refuse_plugin(root: Mapping, path: Path, label: str) -> None:
    for key, node in entries(root):
        name = leaf(node)
        if leaf(key) == "plugin" and name:
            place = Place(label, ("plugin",), key.line)
            problem = f"is the configuration of the inventory plugin {str(name)[:80]!r}, not an inventory"
            raise OperatorError(Mistake(str(place), problem, EXPORT.format(path)))


def _ini_instead(path: Path, label: str, error: OperatorError) -> Source:
    """A file that is not a YAML inventory may be INI; the error of the format that it resembles more."""
    lines = _lines(path, label)
    source, tried = IniSource(label, lines), Gathering()
    source.into(tried)
    if tried.mistakes and not any(map(_LIKE_INI.match, lines)):
        raise error
    return source


def _lines(path: Path, label: str) -> list[str]:
    """The lines of a text; one that is only a comment need not be UTF-8."""
    try:
        with path.open("rb") as file:
            content = file.read(yaml_document.FILE_BYTES_MAX + 1)
    except OSError as error:
        raise OperatorError(
            Mistake(label, f"cannot be read: {os.strerror(error.errno or 0)}", str(path))
        ) from error
    if len(content) > yaml_document.FILE_BYTES_MAX:
        raise OperatorError(Mistake(label, f"is larger than {yaml_document.FILE_BYTES_MAX} bytes"))
    if content.startswith(_VAULT):
        raise OperatorError(Mistake(label, "is encrypted with ansible-vault", EXPORT.format(path)))
    try:
        return content.decode().splitlines()
    except UnicodeDecodeError:
        return [_line(line, number, label) for number, line in enumerate(content.splitlines(), 1)]


def _meant(path: Path, error: OperatorError) -> Iterator[Mistake]:
    """The mistakes of a path; if it names no file, but a host could be called so, how a host is named."""
    is_host = isinstance(error.__cause__, FileNotFoundError) and path.suffix not in _SUFFIXES
    is_host = is_host and _LIKE_HOST.fullmatch(path.name) is not None
    for mistake in error.mistakes:
        hint = f"{mistake.remedy}; a host in place of a file is named with a comma: -i {path.name},"
        yield replace(mistake, remedy=hint) if is_host else mistake


def _line(line: bytes, number: int, label: str) -> str:
    try:
        return "" if line[:1] in (b"#", b";") else line.decode()
    except UnicodeDecodeError as error:
        place = str(Place(label, (), number))
        raise OperatorError(Mistake(place, "is not UTF-8", "save the file as UTF-8")) from error
