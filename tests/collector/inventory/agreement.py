"""Whether an inventory means what ansible-core says that it means."""

from pathlib import Path
from typing import TYPE_CHECKING

from collector.inventory.inventory import Inventory
from domain.records import Connection, Host
from tests.collector.inventory.ansible_oracle import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_TRUE = ("y", "yes", "on", "1", "true", "t")


def agree(ours: Inventory, theirs: Answer) -> None:
    """The same hosts in the same order, in the same groups, and reached in the same way.

    A host that has an obstacle cannot be swept, so only its groups are compared.
    """
    same("accepted", "", theirs.error)
    same("hosts", list(ours.hosts), list(theirs.hosts))
    for name, given in theirs.hosts.items():
        host = ours.hosts[name]
        same(f"groups of {name}", list(host.groups), given["groups"])
        if name not in ours.obstacles:
            same(f"labels of {name}", dict(host.labels), given.get("mapsweep_labels") or {})
            same(f"order of the labels of {name}", list(host.labels), sorted(host.labels))
            same(f"how {name} is reached", _reached(host), _reached_by_ansible(name, given))
    same("groups", list(ours.groups), list(theirs.groups))
    for name, members in theirs.groups.items():
        put: Callable[[Iterable[str]], list[str]] = list if is_ordered(ours, name) else sorted
        same(f"hosts of {name}", put(ours.members(name)), put(members))


def same(what: str, ours: object, theirs: object) -> None:
    """AssertionError with both, if they are not equal."""
    if ours != theirs:
        raise AssertionError(f"{what}: {ours!r}; with Ansible {theirs!r}")


def is_ordered(inventory: Inventory, group: str) -> bool:
    """Whether Ansible's own order of a group's hosts is always the same: below two parents it is not."""
    level = [group]
    while level:
        parents = [name for name in level if inventory.groups[name].children]
        if len(parents) > 1:
            return False
        level = [child for name in parents for child in inventory.groups[name].children]
    return True


def _reached(host: Host) -> dict[str, object]:
    found: dict[str, object] = {"become": host.become, "local": host.connection is Connection.LOCAL}
    if host.connection is Connection.LOCAL:
        return found
    return found | {"address": host.address, "port": host.port, "user": host.user, "key": host.key_file}


def _reached_by_ansible(name: str, given: dict[str, object]) -> dict[str, object]:
    """What its connection makes of the variables: of two names for one thing the second wins."""

    def value(default: str, *names: str) -> str:
        found = [given[key] for key in names if given.get(key) is not None]
        return str(found[-1]) if found else default

    local = value("ssh", "ansible_connection") == "local"
    found: dict[str, object] = {"become": value("no", "ansible_become").lower() in _TRUE, "local": local}
    if local:
        return found
    key = value("", "ansible_private_key_file", "ansible_ssh_private_key_file")
    return found | {
        "address": value(name, "ansible_host", "ansible_ssh_host"),
        "port": int(value("22", "ansible_port", "ansible_ssh_port")),
        "user": value("", "ansible_user", "ansible_ssh_user"),
        "key": str(Path(key).expanduser().absolute()) if key else "",
    }
