"""Reads a YAML inventory into a gathering, and notes every mistake with its place."""

from typing import TypeAlias

from collector.inventory.connection_variables import Place
from collector.inventory.gathering import Gathering, Section, is_empty, leaf
from domain.yaml_document import Document, Mapping, Node, Scalar, Sequence, entries

Path: TypeAlias = tuple[str, ...]

SECTIONS = ("hosts", "children", "vars")
EXPORT = "convert it with: ansible-inventory -i {} --list --yaml > hosts.yaml"


class InventoryFile:
    """One pass over the document in its order, because the order decides which value wins, as in Ansible."""

    def __init__(self, document: Document, gathering: Gathering) -> None:
        self._gathering = gathering
        self._label = document.label
        gathering.warnings.extend(document.warnings)
        if isinstance(document.root, Mapping):
            for key, node in entries(document.root):
                self._group(key, node, ())

    def _group(self, key: Node, node: Node, path: Path) -> str:
        """Read the definition of a group; gives its name."""
        name = self._text(key)
        path = (*path, name)
        if not _is_section(node):
            remedy = "; its hosts are keys below `hosts:`" if isinstance(node, Sequence) else ""
            self._warn(path, node, f"is not a group's definition and was skipped{remedy}")
            return name
        if not self._is_name(key, path, "a group"):
            return ""
        self._gathering.graph.add_group(name)
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
            self._gathering.assign(group, self._section_of(items, path))
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
        if isinstance(node, Scalar) and isinstance(leaf(node), str):
            return Mapping(((node, Scalar("", "", node.line)),), node.line, plain=True)
        if not _is_section(node):
            kind = "a list" if isinstance(node, Sequence) else "a single value"
            self._mistake(path, node, f"must be a mapping, not {kind}", "write each name as a key: `name:`")
        return Mapping((), node.line, plain=True)

    def _child(self, key: Node, node: Node, parent: str, path: Path) -> None:
        child = self._group(key, node, path)
        if not child:
            return
        graph = self._gathering.graph
        if child in graph.groups:
            self._gathering.add_child(parent, child, Place(self._label, (*path, child), key.line))
        elif child in graph.hosts:
            graph.add_host(child, parent)
        else:
            self._mistake((*path, child), node, "is neither a group nor a host")

    def _host(self, key: Node, node: Node, group: str, path: Path) -> None:
        text = self._text(key)
        path = (*path, text)
        if not self._is_name(key, path, "a host"):
            return
        if not isinstance(node, Mapping) and not is_empty(node):
            self._mistake(path, node, "must be a mapping of the host's variables")
            return
        section = self._section_of(node, path) if isinstance(node, Mapping) else Section({})
        self._gathering.add_hosts(text, group, section, Place(self._label, path, key.line))

    def _section_of(self, mapping: Mapping, path: Path) -> Section:
        return self._gathering.section(mapping, path, self._label)

    def _text(self, key: Node) -> str:
        return key.text if isinstance(key, Scalar) else ""

    def _is_name(self, key: Node, path: Path, what: str) -> bool:
        return self._gathering.is_name(leaf(key), Place(self._label, path, key.line), what)

    def _mistake(self, path: Path, node: Node, problem: str, remedy: str = "") -> None:
        self._gathering.mistake(Place(self._label, path, node.line), problem, remedy)

    def _warn(self, path: Path, node: Node, what: str) -> None:
        self._gathering.warnings.append(f"{Place(self._label, path, node.line)}: {what}")


def _is_section(node: Node) -> bool:
    return isinstance(node, Mapping) or (isinstance(node, Scalar) and leaf(node) is None)
