"""The inventory: the hosts, their groups, and how each host is reached.

The sources and their meaning are Ansible's, including `group_vars/` and `host_vars/` and what ansible.cfg
decides. Only variables that concern reaching a host are kept, and those that their templates name.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from collector.inventory import sources, ssh_values
from collector.inventory.connection_variables import Place, Variable
from collector.inventory.gathering import Gathering
from collector.inventory.group_graph import ALL, UNGROUPED, GroupGraph
from collector.inventory.host_lists import is_host_list
from collector.inventory.reach import places, reach
from collector.inventory.resolving import Resolver, Scope
from collector.inventory.sources import Opened, Surroundings
from collector.inventory.vars_files import VarsFolder
from collector.inventory.warned import Warned, Warnings
from collector.ssh_config import client_config
from collector.ssh_config.client_config import ClientConfig
from domain.mistakes import Mistake, OperatorError
from domain.records import Host
from domain.yaml_document import Document

PLACE_CHARS_MAX = 200
ROUNDS_MAX = 20  # of templates that name variables that are templates
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
    origins: Callable[[str], Mapping[str, Place | None]] = field(repr=False, compare=False)
    # of a host: the place that gives each field of its record; None where nothing does

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


def load(given: str | Path | Sequence[str | Path], surroundings: Surroundings | None = None) -> Inventory:
    """The inventory that all sources give together; OperatorError with every mistake in them.

    A source is a file in YAML or INI, a program, a folder of these, or hosts with commas between. A later one
    overrides an earlier one. Only a program that `surroundings` allow is run.
    """
    named = [str(each) for each in ([given] if isinstance(given, str | Path) else given)]
    try:
        return _loaded(named, surroundings or Surroundings())
    except OSError as error:
        place = str(error.filename or ", ".join(named))[:PLACE_CHARS_MAX]
        problem = f"cannot be read: {os.strerror(error.errno or 0)}"
        raise OperatorError(Mistake(place, problem, "let this account read it, or name another")) from error


def _loaded(named: Sequence[str], surroundings: Surroundings) -> Inventory:
    ssh = client_config.load(surroundings.ssh_config)
    opened = sources.opened(named, surroundings)
    folders = sources.vars_folders(named)
    wanted: frozenset[str] = frozenset()
    for _ in range(ROUNDS_MAX):
        assembly = _Assembly(named, opened, wanted, folders, surroundings, ssh=ssh)
        inventory = assembly.inventory()
        if not assembly.unread:
            break
        wanted |= assembly.unread  # templates name them: once more, and keep them
    return inventory


class _Assembly:
    """Makes the hosts from the graph; variables are merged once for all hosts with the same groups."""

    def __init__(
        self,
        named: Sequence[str],
        opened: Iterable[Opened],
        wanted: frozenset[str],
        folders: Sequence[Path],
        surroundings: Surroundings,
        *,
        ssh: ClientConfig,
    ) -> None:
        self._ssh = ssh
        is_path = len(named) == 1 and not is_host_list(named[0])
        self._label = Path(named[0]).name if is_path else ", ".join(named)
        self._gathering = Gathering(wanted)
        for each in opened:
            self._gathering.folder = each.folder
            each.source.into(self._gathering)
        self._graph: GroupGraph = self._gathering.graph
        self._graph.settle()
        self._group_vars, self._host_vars = _vars_folders(folders, surroundings.play_folder)
        self._defaults = surroundings.config.variables
        self._play_folder = surroundings.play_folder
        self._resolver = Resolver(self._scope_of)
        self._group_file_variables: dict[tuple[int, str], dict[str, Variable]] = {}
        self._merged: dict[tuple[str, ...], tuple[tuple[str, ...], dict[str, Variable]]] = {}
        self._warnings = Warnings((*surroundings.config.warnings, *self._gathering.warnings))
        self._obstacles: dict[str, tuple[Mistake, ...]] = {}

    @property
    def unread(self) -> frozenset[str]:
        """Variables that templates name and that were passed over."""
        return self._gathering.unread

    def inventory(self) -> Inventory:
        both = self._graph.groups.keys() & self._graph.hosts.keys()
        for name in sorted(both):
            host = self._graph.hosts[name]
            if host.groups.keys() <= {ALL, UNGROUPED}:
                # Ansible would put the group's hosts into `ungrouped`, and lose the host
                problem = f"{name} is a group, and a host that is in no group"
                place = str(host.place or self._label)
                self._gathering.mistakes.append(Mistake(place, problem, "rename one of them"))
            self._warnings.add([Warned("", f"{self._label}: {name} is both a group and a host")])
        hosts = {name: self._host(name) for name in self._graph.hosts}
        localhost = next((hosts[name] for name in hosts if name in LOCALHOSTS), None) or self._localhost()
        if self._gathering.mistakes:
            raise OperatorError(*dict.fromkeys(self._gathering.mistakes))
        groups = {
            name: Group(name, tuple(node.hosts), tuple(node.children))
            for name, node in self._graph.groups.items()
        }
        return Inventory(
            self._label, hosts, groups, self._obstacles, self._warnings.texts(), localhost, self._origins
        )

    def _host(self, name: str) -> Host:
        groups, _ = self._of_groups(tuple(self._graph.hosts[name].groups))
        return self._reached(self._scope(name), groups, name, self._ssh)

    def _scope(self, name: str) -> Scope:
        """A host's merged variables, with those that Ansible gives by itself."""
        node = self._graph.hosts[name]
        _, variables = self._of_groups(tuple(node.groups))
        merged = variables | node.variables
        for folder in self._host_vars:
            merged |= self._of_files(folder, name)
        magic = {"inventory_hostname": name, "inventory_hostname_short": name.partition(".")[0]}
        if node.folder:
            magic["inventory_dir"] = node.folder
        if self._play_folder is not None:
            magic["playbook_dir"] = str(self._play_folder)
        return Scope(merged, magic)

    def _scope_of(self, name: str) -> Scope | None:
        return self._scope(name) if name in self._graph.hosts else None

    def _origins(self, name: str) -> Mapping[str, Place | None]:
        scope = self._scope_of(name)
        if scope is None:  # this machine, without an entry
            return dict.fromkeys(places({}, {}))
        resolved = self._resolver.resolved(scope)
        host = reach(name, resolved, (), self._defaults).host
        return ssh_values.places(places(resolved, self._defaults), host, self._ssh)

    def _localhost(self) -> Host:
        """This machine as every inventory has it: the variables of `all`, and no SSH."""
        _, variables = self._of_groups((ALL,))
        local = Variable("local", Place(self._label, (), 0))  # so that no address is looked for
        scope = Scope(variables | {"ansible_connection": local}, {"inventory_hostname": LOCALHOSTS[0]})
        return replace(self._reached(scope, (), LOCALHOSTS[0], ClientConfig()), address="127.0.0.1")

    def _reached(self, scope: Scope, groups: tuple[str, ...], name: str, ssh: ClientConfig) -> Host:
        resolved = self._resolver.resolved(scope)

        def port_is_given() -> bool:
            return places(resolved, self._defaults)["port"] is not None

        reached = ssh_values.applied(reach(name, resolved, groups, self._defaults), ssh, port_is_given)
        if reached.obstacles:
            self._obstacles[name] = reached.obstacles
        self._warnings.add(reached.warnings)
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
            for within in ((ALL,), rising[1:]):  # as in Ansible: all of `all`, then the other groups
                for number, folder in enumerate(self._group_vars):
                    for name in within:
                        variables.update(self._of_group_files(number, folder, name))
            self._merged[direct] = tuple(sorted(names)), variables
        return self._merged[direct]

    def _of_group_files(self, number: int, folder: VarsFolder, group: str) -> dict[str, Variable]:
        key = number, group
        if key not in self._group_file_variables:
            self._group_file_variables[key] = self._of_files(folder, group)
        return self._group_file_variables[key]

    def _of_files(self, folder: VarsFolder, name: str) -> dict[str, Variable]:
        if not folder:
            return {}
        try:
            return self._variables_of(folder.documents(name))
        except OperatorError as error:
            self._gathering.mistakes.extend(error.mistakes)
            return {}

    def _variables_of(self, documents: Iterable[Document]) -> dict[str, Variable]:
        variables: dict[str, Variable] = {}
        for document in documents:
            self._warnings.add(Warned("", each) for each in document.warnings)
            variables.update(self._gathering.file_variables(document))
        return variables


def _vars_folders(
    folders: Sequence[Path], play_folder: Path | None
) -> tuple[list[VarsFolder], list[VarsFolder]]:
    """The folders of variables of groups, and of hosts, in the order in which they override each other."""
    every = [each for each in folders if each != play_folder]
    if play_folder is not None:
        every.append(play_folder)
    labelled = len(every) > 1
    groups, hosts = (
        [VarsFolder(each, kind, str(each / kind) if labelled else "") for each in every]
        for kind in ("group_vars", "host_vars")
    )
    return groups, hosts
