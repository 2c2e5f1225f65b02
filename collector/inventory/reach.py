"""From merged variables to a host: what each connection variable means here, and what is not supported.

An unsupported variable that would change how a host is reached is an obstacle: it stops the run if the host
is selected, and is never silently ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from collector.inventory import ssh_arguments
from collector.inventory.connection_variables import (
    BECOME_IGNORED,
    BECOME_PASSWORD,
    BECOME_USER,
    HOST,
    HOST_KEY_CHECKING,
    KEY_FILE,
    LABELS,
    NOT_SUPPORTED,
    PORT,
    PRIVATE_KEY,
    SECRETS,
    SSH_ARGUMENTS,
    USER,
    Place,
    Variable,
)
from collector.inventory.warned import Warned
from collector.ssh_config.client_config import INSTEAD_OF_A_JUMP
from domain.mistakes import Mistake
from domain.records import Connection, Host, Labels

_CONNECTIONS = {
    "ssh": Connection.SSH,
    "smart": Connection.SSH,
    "paramiko": Connection.SSH,
    "paramiko_ssh": Connection.SSH,
    "local": Connection.LOCAL,
}


# a short cut: most hosts have none of these
_CHECKED = frozenset(
    (
        *(name for names, _, _ in SECRETS for name in names),
        *PRIVATE_KEY,
        *SSH_ARGUMENTS,
        *NOT_SUPPORTED,
        *HOST_KEY_CHECKING,
        "ansible_shell_type",
    )
)
_FIELDS = {
    "address": HOST,
    "port": PORT,
    "user": USER,
    "key_file": KEY_FILE,
    "become": ("ansible_become",),
    "connection": ("ansible_connection",),
    "root": ("mapsweep_root",),
    "labels": (LABELS,),
}
_OWN_POLICY = "the setting host_key_policy decides how host keys are checked"
_OWN_ALGORITHMS = "mapsweep chooses the algorithms itself"

Variables: TypeAlias = Mapping[str, Variable]


@dataclass(frozen=True, slots=True)
class Reached:
    """A host with its obstacles, and the warnings for its operator."""

    host: Host
    obstacles: tuple[Mistake, ...]
    warnings: tuple[Warned, ...]


def reach(name: str, variables: Variables, groups: tuple[str, ...], defaults: Variables) -> Reached:
    """The host that merged variables describe; `defaults` stand in for variables without a value."""
    return _Reading(variables, defaults).reached(name, groups)


def places(variables: Variables, defaults: Variables) -> dict[str, Place | None]:
    """Where the value of each field of a host is from; None where nothing gives it."""
    reading = _Reading(variables, defaults)
    found = {field: reading.given(*names) for field, names in _FIELDS.items()}
    return {field: None if variable is None else variable.place for field, variable in found.items()}


class _Reading:
    """Reads the variables of one host, and collects its obstacles."""

    def __init__(self, variables: Variables, defaults: Variables) -> None:
        self._variables = variables
        self._defaults = defaults
        self._obstacles: list[Mistake] = []
        self._warnings: list[Warned] = []

    def reached(self, name: str, groups: tuple[str, ...]) -> Reached:
        connection = self._connection()
        local = connection is Connection.LOCAL
        become = self._flag("ansible_become")
        host = Host(
            name=name,
            address=name if local else self._text(name, *HOST) or name,
            port=22 if local else self._port(),
            user="" if local else self._text("", *USER),
            key_file="" if local else self._key_file(),
            become=become,
            root=self._text("", "mapsweep_root"),
            connection=connection,
            groups=groups,
            labels=self._labels(),
        )
        if not (local or self._is_plain()):
            self._check_ssh()
        if become:
            self._check_become()
        return Reached(host, tuple(self._obstacles), tuple(self._warnings))

    def _is_plain(self) -> bool:
        return _CHECKED.isdisjoint(self._variables) and _CHECKED.isdisjoint(self._defaults)

    def given(self, *names: str) -> Variable | None:
        """The last alias that has a value, in Ansible's order."""
        found = None
        for name in names:
            variable = self._variables.get(name)
            if variable is not None and variable.value is not None:
                found = variable
        if found is None and self._defaults:
            return next((self._defaults[name] for name in names if name in self._defaults), None)
        return found

    def _text(self, default: str, *names: str) -> str:
        variable = self._usable(*names)
        return default if variable is None else str(variable.value)

    def _flag(self, name: str) -> bool:
        variable = self._usable(name)
        return variable is not None and bool(variable.value)

    def _port(self) -> int:
        variable = self._usable(*PORT)
        return variable.value if variable is not None and isinstance(variable.value, int) else 22

    def _labels(self) -> Labels:
        variable = self._usable(LABELS)
        return variable.value if variable is not None and isinstance(variable.value, tuple) else ()

    def _key_file(self) -> str:
        path = self._text("", *KEY_FILE)
        return str(Path(path).expanduser().absolute()) if path else ""

    def _usable(self, *names: str) -> Variable | None:
        variable = self.given(*names)
        if variable is None or not variable.obstacle:
            return variable
        self._obstacles.append(variable.mistake())
        return None

    def _connection(self) -> Connection:
        variable = self._usable("ansible_connection")
        if variable is None:
            return Connection.SSH
        plugin = str(variable.value)
        for collection in ("ansible.builtin.", "ansible.legacy."):
            plugin = plugin.removeprefix(collection)
        if plugin not in _CONNECTIONS:
            self._stop(
                variable,
                f"the connection {plugin!r} is not supported",
                "use ssh or local, or exclude the host with '!'",
            )
        return _CONNECTIONS.get(plugin, Connection.SSH)

    def _check_ssh(self) -> None:
        for names, problem, remedy in SECRETS:
            self._pass_by(self.given(*names), problem, remedy)
        key, remedy = self.given(*PRIVATE_KEY), "name its file in ansible_ssh_private_key_file"
        if key is not None and key.value:  # without it, another key would be tried than Ansible uses
            self._stop(key, "a private key is not taken from an inventory", remedy)
        else:
            self._pass_by(key, "a private key", remedy)
        for name in SSH_ARGUMENTS:
            variable = self._usable(name)
            if variable is not None:
                self._check_arguments(variable)
        for name, problem in NOT_SUPPORTED.items():
            variable = self._usable(name)
            if variable is not None and variable.value:
                is_jump = name == "ansible_paramiko_proxy_command"
                self._stop(variable, problem, INSTEAD_OF_A_JUMP if is_jump else "")
        checking = self.given(*HOST_KEY_CHECKING)
        if checking is not None and checking.value is False:
            self._warn(checking, _OWN_POLICY)
        shell = self.given("ansible_shell_type")
        if shell is not None and shell.value in ("powershell", "cmd"):
            self._stop(
                shell, f"a host with the shell {shell.value} has no /proc", "exclude the host with '!'"
            )

    def _check_become(self) -> None:
        method = self._usable("ansible_become_method")
        if method is not None and str(method.value).removeprefix("ansible.builtin.") != "sudo":
            self._stop(method, f"the become method {method.value!r} is not supported", "only sudo is")
        user = self._usable(*BECOME_USER)
        if user is not None and user.value != "root":
            self._stop(user, f"becoming {user.value!r} is not supported", "only root can read every process")
        self._pass_by(
            self.given(*BECOME_PASSWORD), "a sudo password", "allow the probe without one in sudoers"
        )
        for name in BECOME_IGNORED:
            variable = self.given(name)
            if variable is not None:
                self._warn(variable, "not used, the probe runs through `sudo -n`")

    def _pass_by(self, variable: Variable | None, what: str, remedy: str) -> None:
        """A secret is not used; what it is for is tried without it."""
        if variable is not None and (variable.value or variable.obstacle):
            self._warn(variable, f"not used, {what} is not taken from an inventory ({remedy})")

    def _check_arguments(self, variable: Variable) -> None:
        verdict = ssh_arguments.judge(str(variable.value))
        if verdict.unsupported:
            self._stop(
                variable,
                f"the ssh arguments {' '.join(verdict.unsupported)} are not supported",
                INSTEAD_OF_A_JUMP if verdict.jumps else "remove them, or exclude the host with '!'",
            )
        for unused, instead in ((verdict.host_keys, _OWN_POLICY), (verdict.algorithms, _OWN_ALGORITHMS)):
            if unused:
                self._warn(variable, f"{' '.join(unused)} is not used: {instead}")

    def _warn(self, variable: Variable, what: str) -> None:
        self._warnings.append(Warned(str(variable.place), what))

    def _stop(self, variable: Variable, problem: str, remedy: str = "") -> None:
        self._obstacles.append(Mistake(str(variable.place), problem, remedy))
