"""Reads an inventory file into a graph of groups, and notes every mistake with its place."""

import re
from typing import NamedTuple, TypeAlias

from collector.inventory import connection_variables, host_range, labels
from collector.inventory.connection_variables import Place, Variable
from collector.inventory.group_graph import ALL, UNGROUPED, GroupGraph
from domain.mistakes import Mistake, OperatorError
from domain.yaml_document import Document, Leaf, Mapping, Node, Scalar, Sequence, entries, plain, value

Path: TypeAlias = tuple[str, ...]

NAME_CHARS_MAX = 1_000
SECTIONS = ("hosts", "children", "vars")
PRIORITY = "ansible_group_priority"
_EXPORT = "convert it with: ansible-inventory -i FILE --list --yaml"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class _Section(NamedTuple):
    """The variables of a section that concern hosts."""

    variables: dict[str, Variable]
    priority: int | None


class InventoryFile:
    """One pass over the document in its order, because the order decides which value wins, as in Ansible."""

    def __init__(self, document: Document) -> None:
        self.graph = GroupGraph()
        self.mistakes: list[Mistake] = []
        self.warnings: list[str] = list(document.warnings)
        self._label = document.label
        self._read(document.root)

    def _read(self, root: Node | None) -> None:
        if (
            root is None
            or (isinstance(root, Scalar) and not _leaf(root))
            or root == Mapping((), root.line, plain=True)
        ):
            self.mistakes.append(Mistake(self._label, "is empty", "name at least one group with hosts"))
        elif not isinstance(root, Mapping):
            self.mistakes.append(
                Mistake(
                    self._label,
                    "is not an inventory: its top level must be a mapping of groups",
                    _EXPORT,
                )
            )
        else:
            for key, node in entries(root):
                if self._text(key) == "plugin" and _leaf(node):
                    self._mistake(
                        ("plugin",),
                        key,
                        "is the configuration of an inventory plugin, not an inventory",
                        _EXPORT,
                    )
                else:
                    self._group(key, node, ())

    def _group(self, key: Node, node: Node, path: Path) -> str:
        """Read the definition of a group; gives its name."""
        name = self._text(key)
        path = (*path, name)
        if not _is_section(node):
            self._warn(path, node, "is not a group's definition and was skipped")
            return name
        if not self._is_name(key, path, "a group"):
            return ""
        self.graph.add_group(name)
        for section_key, section in entries(node) if isinstance(node, Mapping) else ():
            section_name = self._text(section_key)
            if section_name not in SECTIONS:
                self._warn(
                    (*path, section_name), section_key, f"is not one of {', '.join(SECTIONS)}; it was skipped"
                )
                continue
            self._section(section_name, section, name, (*path, section_name))
        return name

    def _section(self, section: str, node: Node, group: str, path: Path) -> None:
        """One of a group's three sections."""
        items = self._items(node, path)
        if section == "vars":
            self._assign(group, self._variables(items, path))
            return
        for key, item in entries(items):
            if section == "hosts":
                self._host(key, item, group, path)
            else:
                self._child(key, item, group, path)

    def _items(self, node: Node, path: Path) -> Mapping:
        """The entries of a section; a single text is one entry without a value."""
        if isinstance(node, Mapping):
            return node
        if isinstance(node, Scalar) and isinstance(_leaf(node), str):
            return Mapping(((node, Scalar("", "", node.line)),), node.line, plain=True)
        if not _is_section(node):
            kind = "a list" if isinstance(node, Sequence) else "a single value"
            self._mistake(path, node, f"must be a mapping, not {kind}", "write each name as a key: `name:`")
        return Mapping((), node.line, plain=True)

    def _child(self, key: Node, node: Node, parent: str, path: Path) -> None:
        child = self._group(key, node, path)
        if not child:
            return
        graph = self.graph
        if child in graph.groups:
            try:
                if parent == UNGROUPED or (child == UNGROUPED and parent != ALL):
                    raise ValueError(f"{UNGROUPED} can only be a child of {ALL}, and cannot have children")  # noqa: TRY301  # one place tells
                graph.add_child(parent, child)
            except ValueError as error:
                self._mistake((*path, child), key, str(error))
        elif child in graph.hosts:
            graph.add_host(child, parent)
        else:
            self._mistake((*path, child), node, "is neither a group nor a host")

    def _host(self, key: Node, node: Node, group: str, path: Path) -> None:
        text = self._text(key)
        path = (*path, text)
        if not self._is_name(key, path, "a host"):
            return
        if not isinstance(node, Mapping) and not _is_empty(node):
            self._mistake(path, node, "must be a mapping of the host's variables")
            return
        try:
            read = host_range.read(text)
        except ValueError as error:
            self._mistake(path, key, str(error))
            return
        if len(self.graph.hosts) + len(read.names) > host_range.HOSTS_MAX:
            self._mistake(path, key, f"the inventory has more than {host_range.HOSTS_MAX} hosts")
            return
        section = self._variables(node, path) if isinstance(node, Mapping) else _Section({}, None)
        for name in read.names:
            if self.graph.add_host(name, group) and read.port:
                self._assign(name, self._port(read.port, key, path))
            self._assign(name, section)

    def _port(self, port: int, key: Node, path: Path) -> _Section:
        """A port beside the name; it is used only where the host is named for the first time."""
        variable = self._variable("ansible_port", Scalar(str(port), "", key.line), path, self._label)
        return _Section({} if variable is None else {"ansible_port": variable}, None)

    def _assign(self, owner: str, section: _Section) -> None:
        """A name of both a group and a host means the group here, as in Ansible."""
        group = self.graph.groups.get(owner)
        if group is None:
            self.graph.hosts[owner].variables.update(section.variables)
            return
        group.variables.update(section.variables)
        if section.priority is not None:
            group.priority = section.priority

    def _variables(self, mapping: Mapping, path: Path, label: str = "") -> _Section:
        """The variables that count, and the priority, among those that a section gives."""
        variables: dict[str, Variable] = {}
        priority = None
        for key, node in entries(mapping):
            name = self._text(key)
            if connection_variables.counts(name):
                variable = self._variable(name, node, path, label or self._label)
                if variable is not None:
                    variables[name] = variable
            elif name == PRIORITY:
                priority = self._priority(node, (*path, name))
        return _Section(variables, priority)

    def file_variables(self, document: Document) -> dict[str, Variable]:
        """The variables that count in a file of variables; its mistakes are added to the inventory's."""
        if isinstance(document.root, Mapping):
            return self._variables(document.root, (), document.label).variables
        if document.root is not None and not _is_empty(document.root):
            self.mistakes.append(Mistake(document.label, "must be a mapping of variables"))
        return {}

    def _variable(self, name: str, node: Node, path: Path, label: str) -> Variable | None:
        """A variable that counts, in its type; None if it is a mistake."""
        place = Place(label, (*path, name), node.line)
        try:
            if name == connection_variables.LABELS:
                return labels.read(node, place)
            return connection_variables.read(name, plain(node), place)
        except ValueError as error:
            self.mistakes.append(Mistake(str(place), str(error)))
        except OperatorError as error:
            self.mistakes.extend(error.mistakes)
        return None

    def _priority(self, node: Node, path: Path) -> int | None:
        number = _leaf(node)
        if isinstance(number, int | float) or (isinstance(number, str) and number.strip("+-").isdigit()):
            return int(number)
        self._mistake(path, node, "must be a whole number")
        return None

    def _is_name(self, key: Node, path: Path, what: str) -> bool:
        text = _leaf(key)
        if not isinstance(text, str):
            self._mistake(path, key, f"the name of {what} must be text", "put it in quotation marks")
        elif not text:
            self._mistake(path, key, f"the name of {what} is empty")
        elif _CONTROL.search(text) or len(text) > NAME_CHARS_MAX:
            self._mistake(
                path,
                key,
                f"the name of {what} must be printable and at most {NAME_CHARS_MAX} characters long",
            )
        else:
            return True
        return False

    def _text(self, key: Node) -> str:
        return key.text if isinstance(key, Scalar) else ""

    def _mistake(self, path: Path, node: Node, problem: str, remedy: str = "") -> None:
        self.mistakes.append(Mistake(self._place(path, node), problem, remedy))

    def _warn(self, path: Path, node: Node, what: str) -> None:
        self.warnings.append(f"{self._place(path, node)}: {what}")

    def _place(self, path: Path, node: Node) -> str:
        return str(Place(self._label, path, node.line))


def _leaf(node: Node) -> Leaf:
    """The value of a scalar; its text if the value does not fit its type, None for a list or a mapping."""
    if not isinstance(node, Scalar):
        return None
    try:
        return value(node)
    except ValueError:
        return node.text


def _is_section(node: Node) -> bool:
    return isinstance(node, Mapping) or (isinstance(node, Scalar) and _leaf(node) is None)


def _is_empty(node: Node) -> bool:
    """Whether the value means no variables: null, "", 0, false, []."""
    return not node.items if isinstance(node, Sequence) else not _leaf(node)
