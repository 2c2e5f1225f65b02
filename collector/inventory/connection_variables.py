"""The inventory's variables that count here: their names, their aliases and their types.

They say how a host is reached, and are Ansible's (connection plugins ssh, paramiko_ssh and local, become
plugin sudo); two are mapsweep's own. All others are ignored.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from domain.mistakes import Mistake
from domain.records import Labels
from domain.yaml_document import Encrypted, Leaf, Plain

PORT_MAX = 65_535
VALUE_CHARS_MAX = 4_096

# Aliases in Ansible's order: the last one that has a value wins.
HOST = ("ansible_host", "ansible_ssh_host")
PORT = ("ansible_port", "ansible_ssh_port")
USER = ("ansible_user", "ansible_ssh_user")
KEY_FILE = ("ansible_private_key_file", "ansible_ssh_private_key_file")
HOST_KEY_CHECKING = ("ansible_host_key_checking", "ansible_ssh_host_key_checking")
BECOME_USER = ("ansible_become_user", "ansible_sudo_user")
PASSWORD = ("ansible_password", "ansible_ssh_pass", "ansible_ssh_password")
PASSPHRASE = ("ansible_private_key_passphrase", "ansible_ssh_private_key_passphrase")
PRIVATE_KEY = ("ansible_private_key", "ansible_ssh_private_key")
BECOME_PASSWORD = ("ansible_become_password", "ansible_become_pass", "ansible_sudo_pass")
BECOME_IGNORED = ("ansible_become_exe", "ansible_sudo_exe", "ansible_become_flags", "ansible_sudo_flags")
SSH_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
LABELS = "mapsweep_labels"  # read in `collector.inventory.labels`: its value is a mapping
SECRETS = (
    (PASSWORD, "a password", "use a key or the agent"),
    (PASSPHRASE, "a key's passphrase", "use the agent, or the setting for the passphrase"),
)
NOT_SUPPORTED = {
    "ansible_ssh_executable": "another ssh program is not supported",
    "ansible_ssh_pkcs11_provider": "PKCS#11 is not supported",
    "ansible_paramiko_host": "this alias is not supported",
    "ansible_paramiko_port": "this alias is not supported",
    "ansible_paramiko_user": "this alias is not supported",
    "ansible_paramiko_private_key_file": "this alias is not supported",
    "ansible_paramiko_proxy_command": "a proxy command is not supported",
}
_OFTEN_GIVEN = (
    *HOST,
    *PORT,
    *USER,
    *KEY_FILE,
    "ansible_become",
    "ansible_connection",
    LABELS,
    "mapsweep_root",
)
_TRUE = {"y", "yes", "on", "1", "true", "t", "1.0"}
_FALSE = {"n", "no", "off", "0", "false", "f", "0.0"}
_TEMPLATE = re.compile(r"\{[{%#]")


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a value: file, path of keys, line."""

    label: str
    path: tuple[str, ...]
    line: int

    def __str__(self) -> str:
        """`FILE: path.of.keys, line N`, without what is not known: a program's answer has no lines."""
        line = f"line {self.line}" if self.line else ""
        return f"{self.label}: {', '.join(part for part in ('.'.join(self.path), line) if part)}"


@dataclass(frozen=True, slots=True)
class Variable:
    """A connection variable: its value in its type, or the reason why it cannot be used."""

    value: str | int | float | bool | Labels | None  # None: as if it was not given
    place: Place
    obstacle: str = ""
    remedy: str = ""
    template: str = ""  # the text of a Jinja template, which is resolved where it only names other variables

    def mistake(self) -> Mistake:
        return Mistake(str(self.place), self.obstacle, self.remedy)


Reader: TypeAlias = Callable[[Leaf], "str | int | bool"]  # ValueError: a wrong type or value


def counts(name: str) -> bool:
    """Whether a variable of this name is read."""
    return name in _READERS or name == LABELS


@lru_cache(maxsize=4096)
def meant_by(name: str) -> str:
    """The variable that a name which is not read comes within one slip of the keyboard of; "" if none."""
    return next((each for each in _OFTEN_GIVEN if _is_slip(name, each)), "")


def _is_slip(text: str, meant: str) -> bool:
    """Whether one letter is missing, added or another one, or two neighbours have changed places."""
    pairs = enumerate(zip(text, meant, strict=False))
    at = next((at for at, (one, other) in pairs if one != other), min(len(text), len(meant)))
    text, meant = text[at:], meant[at:]
    swapped = meant[:2][::-1] + meant[2:]
    return text != meant and (text[1:] in (meant, meant[1:]) or text in (meant[1:], swapped))


def read(name: str, value: Plain, place: Place) -> Variable:
    """A connection variable's value in its type; ValueError with the reason for a wrong one."""
    if value is None:
        return Variable(None, place)
    if isinstance(value, list | dict):
        raise ValueError("must be a single value, not a list or a mapping")  # noqa: TRY004  # as every wrong value
    return not_evaluated(value, place) or Variable(_READERS[name](value), place)


def other(value: Plain, place: Place) -> Variable:
    """A variable that only templates of others name."""
    if isinstance(value, list | dict):
        return Variable("", place, "is a list or a mapping", "write the value itself")
    if (variable := not_evaluated(value, place)) is not None:
        return variable
    return Variable(value if isinstance(value, str | int | float | bool | None) else str(value), place)


def not_evaluated(value: Leaf, place: Place) -> Variable | None:
    """What stands in the way where a value is only referred to; None where it stands there itself."""
    if isinstance(value, Encrypted):
        what = "is encrypted with ansible-vault"
    elif isinstance(value, str) and _TEMPLATE.search(value):
        what = "is a Jinja template"
    else:
        return None
    template = value if isinstance(value, str) else ""
    return Variable("", place, f"{what}, which is not evaluated here", "write the value itself", template)


def is_one_line(text: str, chars_max: int) -> bool:
    """Whether a text is one line, not too long, that can be written anywhere."""
    return len(text) <= chars_max and text.isprintable()


def _read_text(value: Leaf) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be text, not {value!r}: put it in quotation marks")  # noqa: TRY004  # as every wrong value
    if not is_one_line(value, VALUE_CHARS_MAX):
        raise ValueError(f"must be one line of at most {VALUE_CHARS_MAX} characters")
    return value


def _read_host(value: Leaf) -> str:
    text = _read_text(value)
    if not text or " " in text:
        raise ValueError(f"must be a host name or an address, not {text!r}")
    return text


def _read_port(value: Leaf) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:9])
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= PORT_MAX:
        raise ValueError(f"must be a port from 1 to {PORT_MAX}, not {value!r}")
    return value


def _read_flag(value: Leaf) -> bool:
    text = str(value).strip().lower() if isinstance(value, str | int | float) else ""
    if text in _TRUE | _FALSE:
        return text in _TRUE
    raise ValueError(f"must be true or false, not {value!r}")


def _read_root(value: Leaf) -> str:
    text = _read_text(value)
    if text and not (text.startswith("/") and text.isascii() and text.isprintable() and " " not in text):
        raise ValueError(f"must be an absolute path without blanks, not {text!r}")
    return text.rstrip("/")


def _read_secret(value: Leaf) -> bool:
    """Whether there is a secret; its value is not kept."""
    return value != ""


_READERS: Mapping[str, Reader] = (
    dict.fromkeys(HOST, _read_host)
    | dict.fromkeys(PORT, _read_port)
    | dict.fromkeys((*USER, *KEY_FILE, *BECOME_USER, *SSH_ARGUMENTS, *NOT_SUPPORTED), _read_text)
    | dict.fromkeys((*PASSWORD, *PASSPHRASE, *PRIVATE_KEY, *BECOME_PASSWORD), _read_secret)
    | dict.fromkeys(("ansible_become", *HOST_KEY_CHECKING), _read_flag)
    | dict.fromkeys(
        ("ansible_connection", "ansible_become_method", "ansible_shell_type", *BECOME_IGNORED), _read_text
    )
    | {"mapsweep_root": _read_root}
)
