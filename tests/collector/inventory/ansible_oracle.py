"""What ansible-core itself makes of inventories and patterns, asked in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """
import json, sys
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.vars.manager import VariableManager

init_plugin_loader()
NAMES = (
    "ansible_host", "ansible_port", "ansible_user", "ansible_become", "ansible_ssh_private_key_file",
    "mapsweep_labels",
)

def answer(question):
    try:
        loader = DataLoader()
        inventory = InventoryManager(loader=loader, sources=[question["path"]])
        variables = VariableManager(loader=loader, inventory=inventory)
        hosts = {}
        for name, host in inventory.hosts.items():
            merged = variables.get_vars(host=host, include_hostvars=False)
            hosts[name] = {key: merged[key] for key in NAMES if key in merged}
            hosts[name]["groups"] = merged["group_names"]
    except Exception as error:
        return {"error": str(error)}
    chosen = []
    for pattern in question["patterns"]:
        try:
            chosen.append([host.name for host in inventory.get_hosts(pattern)])
        except Exception as error:
            chosen.append(None)
    groups = {name: [host.name for host in group.get_hosts()] for name, group in inventory.groups.items()}
    return {"hosts": hosts, "groups": groups, "chosen": chosen}

json.dump([answer(question) for question in json.load(sys.stdin)], sys.stdout, default=str)
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What Ansible says of one inventory. `error`: it refuses the file."""

    error: str
    hosts: dict[str, dict[str, object]]  # merged variables that concern reaching it, in the inventory's order
    groups: dict[str, list[str]]
    chosen: list[list[str] | None]  # for each pattern; None where Ansible refuses it


def ask(questions: Sequence[tuple[Path, Sequence[str]]], scratch: Path) -> list[Answer]:
    """Each inventory's hosts, groups, and the hosts that its patterns select."""
    scratch.mkdir(exist_ok=True)
    (scratch / "ansible.cfg").touch()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(scratch),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(scratch / "ansible.cfg"),
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1",
        "ANSIBLE_LOCALHOST_WARNING": "0",
    }
    finished = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        input=json.dumps([{"path": str(path), "patterns": list(patterns)} for path, patterns in questions]),
        capture_output=True,
        text=True,
        check=False,
        cwd=scratch,
        env=environment,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    return [
        Answer(each.get("error", ""), each.get("hosts", {}), each.get("groups", {}), each.get("chosen", []))
        for each in found
    ]
