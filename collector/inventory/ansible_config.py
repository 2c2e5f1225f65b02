"""ansible.cfg: the settings in it that decide how a host is reached, and where the inventory is.

It is looked for as Ansible does: $ANSIBLE_CONFIG, the working directory, the account's home, /etc/ansible.
"""

import configparser
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from collector.inventory import connection_variables
from collector.inventory.connection_variables import Place, Variable
from domain.mistakes import Mistake, OperatorError
from domain.rights import refuse_if_all_may_write

FILE_BYTES_MAX = 2**20
VARIABLE = "ANSIBLE_CONFIG"
_NAME = "ansible.cfg"
_SYSTEM = Path("/etc/ansible")
# the connection variable that each key stands in for, where the inventory does not give it
_KEYS = {
    ("defaults", "remote_user"): "ansible_user",
    ("defaults", "remote_port"): "ansible_port",
    ("defaults", "private_key_file"): "ansible_private_key_file",
    ("defaults", "transport"): "ansible_connection",
    ("privilege_escalation", "become"): "ansible_become",
    ("privilege_escalation", "become_user"): "ansible_become_user",
    ("privilege_escalation", "become_method"): "ansible_become_method",
    ("defaults", "host_key_checking"): "ansible_host_key_checking",
    ("ssh_connection", "host_key_checking"): "ansible_ssh_host_key_checking",
    ("ssh_connection", "ssh_args"): "ansible_ssh_args",
    ("ssh_connection", "ssh_common_args"): "ansible_ssh_common_args",
    ("ssh_connection", "ssh_extra_args"): "ansible_ssh_extra_args",
}
_FLAGS = ("ansible_become", *connection_variables.HOST_KEY_CHECKING)
_SHOWN_CHARS_MAX = 80


@dataclass(frozen=True, slots=True)
class AnsibleConfig:
    """What ansible.cfg decides; empty without one."""

    path: Path | None = None
    inventory: tuple[str, ...] = ()  # absolute paths, and lists of hosts
    variables: Mapping[str, Variable] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def find(environment: Mapping[str, str], folder: Path) -> AnsibleConfig:
    """The first ansible.cfg in Ansible's order; OperatorError if it cannot be read or has a wrong value.

    One in a working directory that everybody may write into is not read, with a warning.
    """
    warnings: list[str] = []
    for path in _places(environment, folder):
        if not path.is_file() or not os.access(path, os.R_OK):
            continue
        if (
            path.parent == folder
            and folder.stat().st_mode & stat.S_IWOTH
            and not _is_named(path, environment)
        ):
            warnings.append(
                f"{path}: not read, because everybody may write into its folder; to use it, name it in"
                f" {VARIABLE}"
            )
            continue
        return read(path, tuple(warnings))
    return AnsibleConfig(warnings=tuple(warnings))


def read(path: Path, warnings: tuple[str, ...] = ()) -> AnsibleConfig:
    """The settings of one file; OperatorError with the line for what cannot be parsed."""
    text = _text(path)
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";",), strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise OperatorError(Mistake(str(path), " ".join(error.message.split()))) from error
    variables: dict[str, Variable] = {}
    mistakes: list[Mistake] = []
    for (section, key), name in _KEYS.items():
        written = parser.get(section, key, fallback="").strip().strip("\"'")
        if not written:
            continue
        if key == "private_key_file":
            written = _path(written, path.parent)
        place = Place(str(path), (section, key), _line(text, section, key))
        try:
            variables[name] = connection_variables.read(name, written, place)
        except ValueError as error:
            if name not in _FLAGS:
                mistakes.append(Mistake(str(place), str(error)))
                continue
            variables[name] = Variable(False, place)  # the value that Ansible reads
            said = f"{place}: {written[:_SHOWN_CHARS_MAX]!r} is read as false, as Ansible does"
            warnings = (*warnings, f"{said}; write True or False, and ';' before a comment")
    if mistakes:
        raise OperatorError(*mistakes)
    sources = parser.get("defaults", "inventory", fallback="")
    return AnsibleConfig(path, _sources(sources, path.parent), variables, warnings)


def _places(environment: Mapping[str, str], folder: Path) -> list[Path]:
    places = [folder / _NAME, Path("~/.ansible.cfg").expanduser(), _SYSTEM / _NAME]
    if given := environment.get(VARIABLE):
        named = Path(given).expanduser().absolute()
        places.insert(0, named / _NAME if named.is_dir() else named)
    return places


def _is_named(path: Path, environment: Mapping[str, str]) -> bool:
    return bool(environment.get(VARIABLE)) and path == _places(environment, path.parent)[0]


def _text(path: Path) -> str:
    refuse_if_all_may_write(path)
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise OperatorError(Mistake(str(path), f"cannot be read: {os.strerror(error.errno or 0)}")) from error
    if len(content) > FILE_BYTES_MAX:
        raise OperatorError(Mistake(str(path), f"is larger than {FILE_BYTES_MAX} bytes"))
    return content.decode("utf-8", "replace")


def _line(text: str, section: str, key: str) -> int:
    """The line of a key; 0 if it is written in a way that is not found."""
    within, found = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("[") and "]" in line:
            within = line[1 : line.index("]")]
        elif within == section and line.replace(":", "=").partition("=")[0].strip().lower() == key:
            found = number
    return found


def _sources(written: str, folder: Path) -> tuple[str, ...]:
    """The inventory key: paths with commas between, relative to the file; or a list of hosts."""
    return tuple(_path(part.strip(), folder) for part in written.split(",") if part.strip())


def _path(written: str, folder: Path) -> str:
    """A path as Ansible reads it: ~, $NAME and {{CWD}} are replaced, and it is relative to the file."""
    named = os.path.expandvars(written.replace("{{CWD}}", str(Path.cwd())))
    return str(folder / Path(named).expanduser())
