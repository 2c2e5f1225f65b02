"""What the sources of an inventory give together: one graph of groups, the mistakes and the warnings.

Sources are read in their order into the same gathering, because a later value overrides an earlier one, as in
Ansible.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from collector.inventory import connection_variables, host_range, labels, templates
from collector.inventory.connection_variables import Place, Variable
from collector.inventory.group_graph import ALL, UNGROUPED, GroupGraph
from domain.mistakes import Mistake, OperatorError
from domain.yaml_document import Document, Leaf, Mapping, Node, Scalar, Sequence, entries, plain, value

NAME_CHARS_MAX = 1_000
PRIORITY = "ansible_group_priority"
MAGIC = frozenset(("inventory_hostname", "inventory_hostname_short", "inventory_dir", "playbook_dir"))
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Section(NamedTuple):
    """The variables of a group or a host that concern hosts, and the group's priority."""

    variables: dict[str, Variable]
    priority: int | None = None


class Gathering:
    """The graph that the sources fill; `wanted` are the variables that templates of others name."""

    def __init__(self, wanted: frozenset[str] = frozenset()) -> None:
        self.graph = GroupGraph()
        self.mistakes: list[Mistake] = []
        self.warnings: list[str] = []
        self._told: set[str] = set()
        self.named: set[str] = set()  # variables that templates name
        self.folder = ""  # of the source that is being read
        self._wanted = wanted

    @property
    def unread(self) -> frozenset[str]:
        """Variables that templates name and that were passed over."""
        return frozenset(
            name for name in self.named - self._wanted - MAGIC if not connection_variables.counts(name)
        )

    def mistake(self, place: Place, problem: str, remedy: str = "") -> None:
        self.mistakes.append(Mistake(str(place), problem, remedy))

    def add_hosts(self, text: str, group: str, section: Section, place: Place) -> None:
        """The hosts that `name`, `name:port` or a range stands for, with their variables."""
        try:
            read = host_range.read(text)
        except ValueError as error:
            self.mistake(place, str(error))
            return
        if len(self.graph.hosts) + len(read.names) > host_range.HOSTS_MAX:
            self.mistake(place, f"the inventory has more than {host_range.HOSTS_MAX} hosts")
            return
        self.place_hosts(read.names, read.port, group, section, place)

    def place_hosts(
        self, names: Iterable[str], port: int | None, group: str, section: Section, place: Place
    ) -> None:
        """Hosts of these very names; the port is used only where a host is named for the first time."""
        for name in names:
            if self.graph.add_host(name, group):
                node = self.graph.hosts[name]
                node.folder, node.place = self.folder, place
                if port:
                    self.assign(name, self._port(port, place))
            self.assign(name, section)

    def add_child(self, parent: str, child: str, place: Place) -> None:
        """Puts a group into another one; a mistake if they would contain each other."""
        if parent == UNGROUPED or (child == UNGROUPED and parent != ALL):
            problem = f"{UNGROUPED} can only be a child of {ALL}, and cannot have children"
            self.mistake(place, problem, "name its hosts in a group of their own")
            return
        try:
            self.graph.add_child(parent, child)
        except ValueError as error:
            self.mistake(place, str(error), f"take {child} out of the children of {parent}")

    def assign(self, owner: str, section: Section) -> None:
        """A name of both a group and a host means the group here, as in Ansible."""
        group = self.graph.groups.get(owner)
        if group is None:
            self.graph.hosts[owner].variables.update(section.variables)
            return
        group.variables.update(section.variables)
        if section.priority is not None:
            group.priority = section.priority

    def section(self, mapping: Mapping, path: tuple[str, ...], label: str) -> Section:
        """The variables that count, and the priority, among those that a mapping gives."""
        variables: dict[str, Variable] = {}
        priority = None
        for key, node in entries(mapping):
            name = key.text if isinstance(key, Scalar) else ""
            if name == PRIORITY:
                priority = self._priority(node, Place(label, (*path, name), node.line))
            elif connection_variables.counts(name) or name in self._wanted:
                variable = self._variable(name, node, Place(label, (*path, name), node.line))
                if variable is not None:
                    variables[name] = variable
            elif meant := connection_variables.meant_by(name):
                self._warn_once(name, f"is not read; did you mean {meant}?", Place(label, path, key.line))
        return Section(variables, priority)

    def _warn_once(self, name: str, what: str, place: Place) -> None:
        """Of a name that many hosts give only the first place is told."""
        if name not in self._told:
            self._told.add(name)
            self.warnings.append(f"{place}: {name} {what}")

    def file_variables(self, document: Document) -> dict[str, Variable]:
        """The variables that count in a file of variables."""
        if isinstance(document.root, Mapping):
            return self.section(document.root, (), document.label).variables
        if document.root is not None and not is_empty(document.root):
            self.mistakes.append(Mistake(document.label, "must be a mapping of variables"))
        return {}

    def is_name(self, text: Leaf, place: Place, what: str) -> bool:
        """Whether a text can name a host or a group; a mistake if not."""
        if not isinstance(text, str):
            self.mistake(place, f"the name of {what} must be text", "put it in quotation marks")
        elif not text:
            self.mistake(place, f"the name of {what} is empty")
        elif _CONTROL.search(text) or len(text) > NAME_CHARS_MAX:
            self.mistake(
                place,
                f"the name of {what} must be printable and at most {NAME_CHARS_MAX} characters long",
            )
        else:
            return True
        return False

    def _port(self, port: int, place: Place) -> Section:
        at = Place(place.label, (*place.path, "ansible_port"), place.line)
        variable = self._variable("ansible_port", Scalar(str(port), "", place.line), at)
        return Section({} if variable is None else {"ansible_port": variable})

    def _variable(self, name: str, node: Node, place: Place) -> Variable | None:
        """A variable in its type; None if it is a mistake."""
        try:
            if name == connection_variables.LABELS:
                return labels.read(node, place)
            if not connection_variables.counts(name):
                variable = connection_variables.other(plain(node), place)
            else:
                variable = connection_variables.read(name, plain(node), place)
        except ValueError as error:
            self.mistakes.append(Mistake(str(place), str(error)))
            return None
        except OperatorError as error:
            self.mistakes.extend(error.mistakes)
            return None
        if variable.template:
            self.named |= templates.names(variable.template)
        return variable

    def _priority(self, node: Node, place: Place) -> int | None:
        number = leaf(node)
        if isinstance(number, int | float) or (isinstance(number, str) and number.strip("+-").isdigit()):
            return int(number)
        self.mistake(place, "must be a whole number")
        return None


def leaf(node: Node) -> Leaf:
    """The value of a scalar; its text if the value does not fit its type, None for a list or a mapping."""
    if not isinstance(node, Scalar):
        return None
    try:
        return value(node)
    except ValueError:
        return node.text


def is_empty(node: Node) -> bool:
    """Whether the value means no variables: null, "", 0, false, []."""
    return not node.items if isinstance(node, Sequence) else not leaf(node)
