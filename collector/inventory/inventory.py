"""The inventory: the hosts, their groups, and how each host is reached.

The format is Ansible's YAML format with Ansible's meaning, including `group_vars/` and `host_vars/` beside
the file. Only variables that concern reaching a host are kept.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from collector.inventory.connection_variables import Variable
from collector.inventory.group_graph import ALL, UNGROUPED, GroupGraph
from collector.inventory.inventory_file import InventoryFile
from collector.inventory.reach import reach
from collector.inventory.vars_files import SUFFIXES, VarsFolder
from domain import yaml_document
from domain.mistakes import Mistake, OperatorError
from domain.records import Connection, Host
from domain.yaml_document import Document

LOCALHOSTS = ("localhost", "127.0.0.1", "::1")  # Ansible knows these even without an entry


@dataclass(frozen=True, slots=True)
class Group:
    """A group: the hosts it names itself, and its children, in the order of the file."""

    name: str
    hosts: tuple[str, ...]
    children: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inventory:
    """Hosts and groups in Ansible's order. Obstacles of a host are reported when it is selected."""

    label: str
    hosts: Mapping[str, Host]
    groups: Mapping[str, Group]
    obstacles: Mapping[str, tuple[Mistake, ...]]  # by host; only hosts that have some
    warnings: tuple[str, ...]
    localhost: Host  # the first of LOCALHOSTS that the inventory names, or this machine without SSH

    def members(self, group: str) -> list[str]:
        """A group's hosts, its own first, then those of its descendants level by level, each once."""
        hosts: dict[str, None] = {}
        seen: dict[str, None] = {group: None}
        level: list[str] = [group]
        while level:
            for name in level:
                hosts.update(dict.fromkeys(self.groups[name].hosts))
            below = dict.fromkeys(child for name in level for child in self.groups[name].children)
            level = [name for name in below if name not in seen]
            seen.update(dict.fromkeys(level))
        return list(hosts)


def load(path: str | Path) -> Inventory:
    """The inventory in a file; OperatorError with every mistake in it."""
    path = Path(path).expanduser()
    if path.is_dir():
        raise OperatorError(Mistake(str(path), "is a folder", "give one inventory file"))
    if path.suffix not in ("", *SUFFIXES):
        raise OperatorError(
            Mistake(
                str(path),
                f"ends in {path.suffix}: a YAML inventory ends in {', '.join(SUFFIXES)}, or has no extension",
            )
        )
    file = InventoryFile(yaml_document.read(path))
    file.graph.settle()
    return _Assembly(path, file).inventory()


class _Assembly:
    """Makes the hosts from the graph; variables are merged once for all hosts with the same groups."""

    def __init__(self, path: Path, file: InventoryFile) -> None:
        self._label = path.name
        self._file = file
        self._graph: GroupGraph = file.graph
        self._group_vars = VarsFolder(path, "group_vars")
        self._host_vars = VarsFolder(path, "host_vars")
        self._group_file_variables: dict[str, dict[str, Variable]] = {}
        self._merged: dict[tuple[str, ...], tuple[tuple[str, ...], dict[str, Variable]]] = {}
        self._warnings: dict[str, None] = dict.fromkeys(file.warnings)
        self._obstacles: dict[str, tuple[Mistake, ...]] = {}

    def inventory(self) -> Inventory:
        both = self._graph.groups.keys() & self._graph.hosts.keys()
        for name in sorted(both):
            if self._graph.hosts[name].groups.keys() <= {ALL, UNGROUPED}:
                # Ansible would put the group's hosts into `ungrouped`, and lose the host
                problem = f"{name} is a group, and a host that is in no group"
                self._file.mistakes.append(Mistake(self._label, problem, "rename one of them"))
            self._warnings[f"{self._label}: {name} is both a group and a host"] = None
        hosts = {name: self._host(name) for name in self._graph.hosts}
        localhost = next((hosts[name] for name in hosts if name in LOCALHOSTS), None) or self._localhost()
        if self._file.mistakes:
            raise OperatorError(*dict.fromkeys(self._file.mistakes))
        groups = {
            name: Group(name, tuple(node.hosts), tuple(node.children))
            for name, node in self._graph.groups.items()
        }
        return Inventory(self._label, hosts, groups, self._obstacles, tuple(self._warnings), localhost)

    def _host(self, name: str) -> Host:
        node = self._graph.hosts[name]
        groups, variables = self._of_groups(tuple(node.groups))
        return self._reached(name, variables | node.variables | self._of_files(self._host_vars, name), groups)

    def _localhost(self) -> Host:
        """This machine as every inventory has it: the variables of `all`, and no SSH."""
        _, variables = self._of_groups((ALL,))
        variables = {key: value for key, value in variables.items() if key != "ansible_connection"}
        host = self._reached(LOCALHOSTS[0], variables, ())
        return replace(host, address="127.0.0.1", port=22, user="", key_file="", connection=Connection.LOCAL)

    def _reached(self, name: str, variables: Mapping[str, Variable], groups: tuple[str, ...]) -> Host:
        reached = reach(name, variables, groups)
        if reached.obstacles:
            self._obstacles[name] = reached.obstacles
        self._warnings.update(dict.fromkeys(reached.warnings))
        return reached.host

    def _of_groups(self, direct: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, Variable]]:
        """The names of all groups above these and of these, and their merged variables."""
        if direct not in self._merged:
            graph = self._graph
            names = {*direct, *graph.ancestors(direct)} - {ALL}
            rising = [ALL, *sorted(names, key=graph.precedence)]
            variables: dict[str, Variable] = {}
            for name in rising:
                variables.update(graph.groups[name].variables)
            for name in rising:
                variables.update(self._of_group_files(name))
            self._merged[direct] = tuple(sorted(names)), variables
        return self._merged[direct]

    def _of_group_files(self, group: str) -> dict[str, Variable]:
        if group not in self._group_file_variables:
            self._group_file_variables[group] = self._of_files(self._group_vars, group)
        return self._group_file_variables[group]

    def _of_files(self, folder: VarsFolder, name: str) -> dict[str, Variable]:
        if not folder:
            return {}
        try:
            return self._variables_of(folder.documents(name))
        except OperatorError as error:
            self._file.mistakes.extend(error.mistakes)
            return {}

    def _variables_of(self, documents: Iterable[Document]) -> dict[str, Variable]:
        variables: dict[str, Variable] = {}
        for document in documents:
            self._warnings.update(dict.fromkeys(document.warnings))
            variables.update(self._file.file_variables(document))
        return variables
