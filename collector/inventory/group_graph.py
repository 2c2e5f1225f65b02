"""Groups, their children and their hosts while an inventory is read, in Ansible's order and depth."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from collector.inventory.connection_variables import Place, Variable

ALL, UNGROUPED = "all", "ungrouped"


@dataclass(slots=True)
class GroupNode:
    """A group being read."""

    name: str
    hosts: dict[str, None] = field(default_factory=dict)  # an ordered set, like the next two
    children: dict[str, None] = field(default_factory=dict)
    parents: dict[str, None] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    priority: int = 1
    depth: int = 0


@dataclass(slots=True)
class HostNode:
    """A host being read."""

    name: str
    groups: dict[str, None] = field(default_factory=dict)  # groups that name it, in their order
    variables: dict[str, Variable] = field(default_factory=dict)
    folder: str = ""  # of the source that names it first, like the place
    place: Place | None = None


class GroupGraph:
    """All groups and hosts in the order in which they are first named."""

    def __init__(self) -> None:
        self.groups: dict[str, GroupNode] = {}
        self.hosts: dict[str, HostNode] = {}
        self.add_group(ALL)
        self.add_group(UNGROUPED)
        self.add_child(ALL, UNGROUPED)

    def add_group(self, name: str) -> None:
        if name not in self.groups:
            self.groups[name] = GroupNode(name)

    def add_host(self, name: str, group: str) -> bool:
        """Puts a host into a group; True if the host had not been named before."""
        new = name not in self.hosts
        if new:
            self.hosts[name] = HostNode(name)
        self.groups[group].hosts[name] = None
        self.hosts[name].groups[group] = None
        return new

    def add_child(self, parent: str, child: str) -> None:
        """ValueError if the child already contains the parent, as `all` does."""
        if child in (parent, ALL) or child in self.ancestors((parent,)):
            raise ValueError(f"the groups {parent} and {child} would contain each other")
        self.groups[parent].children[child] = None
        self.groups[child].parents[parent] = None

    def ancestors(self, names: Iterable[str]) -> dict[str, None]:
        """Every group above these; one of these is included only if it is above another."""
        found: dict[str, None] = {}
        waiting = [parent for name in names for parent in self.groups[name].parents]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = None
                waiting.extend(self.groups[name].parents)
        return found

    def settle(self) -> None:
        """Complete the graph: `all` above every group, `ungrouped` for hosts that are in no other group."""
        for name in self.groups:
            if name != ALL and not self.groups[name].parents:
                self.add_child(ALL, name)
        ungrouped = self.groups[UNGROUPED]
        for host in self.hosts.values():
            if host.groups.keys() <= {ALL, UNGROUPED}:
                ungrouped.hosts[host.name] = None
                host.groups[UNGROUPED] = None
            else:
                ungrouped.hosts.pop(host.name, None)
                host.groups.pop(UNGROUPED, None)
        self._measure_depths()

    def precedence(self, name: str) -> tuple[int, int, str]:
        """A sort key: the variables of a later group override those of an earlier one."""
        group = self.groups[name]
        return group.depth, group.priority, name

    def _measure_depths(self) -> None:
        """A group's depth is its longest way down from `all`."""
        parents_left = {name: len(group.parents) for name, group in self.groups.items()}
        ready = [name for name, count in parents_left.items() if not count]
        while ready:
            group = self.groups[ready.pop()]
            for child in group.children:
                self.groups[child].depth = max(self.groups[child].depth, group.depth + 1)
                parents_left[child] -= 1
                if not parents_left[child]:
                    ready.append(child)
