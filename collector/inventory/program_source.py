"""Reads the answer of an inventory program into a gathering, as Ansible's `script` plugin does."""

from collections.abc import Mapping as Given
from dataclasses import replace

from collector.inventory.connection_variables import Place
from collector.inventory.gathering import Gathering, Section
from domain import yaml_document
from domain.yaml_document import Mapping

_META = "_meta"
_KEYS = ("hosts", "vars", "children")


class ProgramSource:
    """The document of `--list`: groups, and the variables of hosts in `_meta.hostvars`."""

    def __init__(self, label: str, document: Given[str, object]) -> None:
        self._label = label
        self._document = document

    def into(self, gathering: Gathering) -> None:
        """Add its groups, hosts and variables."""
        hosts: dict[str, None] = {}
        for name, content in self._document.items():
            if name != _META:
                self._group(gathering, name, content, hosts)
        given = self._hostvars(gathering)
        for host in hosts:
            gathering.assign(host, self._section(gathering, given.get(host), (_META, "hostvars", host)))

    def _group(self, gathering: Gathering, name: str, content: object, hosts: dict[str, None]) -> None:
        if not gathering.is_name(name, self._place(name), "a group"):
            return
        gathering.graph.add_group(name)
        is_short = False
        if not isinstance(content, dict):
            content = {"hosts": content}
        elif not content.keys() & set(_KEYS):
            content, is_short = {"hosts": [name], "vars": content}, True
        for host in self._names(gathering, content, name, "hosts"):
            if gathering.is_name(host, self._place(name, "hosts", host), "a host"):
                gathering.place_hosts([host], None, name, Section({}), self._place(name, "hosts", host))
                hosts[host] = None
        if "vars" in content:
            section = self._section(gathering, content["vars"], (name, "vars"))
            gathering.assign(name, _without_templates(section) if is_short else section)
        for child in self._names(gathering, content, name, "children"):
            place = self._place(name, "children", child)
            if gathering.is_name(child, place, "a group"):
                gathering.graph.add_group(child)
                gathering.add_child(name, child, place)

    def _names(self, gathering: Gathering, content: Given[str, object], group: str, key: str) -> list[str]:
        names = content.get(key, [])
        if isinstance(names, list) and all(isinstance(each, str) for each in names):
            return names
        gathering.mistake(self._place(group, key), "must be a list of names")
        return []

    def _hostvars(self, gathering: Gathering) -> Given[str, object]:
        meta = self._document.get(_META)
        given = meta.get("hostvars") if isinstance(meta, dict) else None
        if isinstance(given, dict):
            return given
        gathering.mistake(self._place(_META, "hostvars"), "must be an object of hosts")
        return {}

    def _section(self, gathering: Gathering, given: object, path: tuple[str, ...]) -> Section:
        try:
            mapping = yaml_document.tree({} if given is None else given, 0)
        except ValueError as error:
            gathering.mistake(self._place(*path), str(error))
            return Section({})
        if not isinstance(mapping, Mapping):
            gathering.mistake(self._place(*path), "must be an object of variables")
            return Section({})
        return gathering.section(mapping, path, self._label)

    def _place(self, *path: str) -> Place:
        return Place(self._label, tuple(each[:80] for each in path), 0)


def _without_templates(section: Section) -> Section:
    """Ansible does not evaluate the templates of a group that is only an object of variables."""
    return Section(
        {key: replace(each, template="") for key, each in section.variables.items()}, section.priority
    )
