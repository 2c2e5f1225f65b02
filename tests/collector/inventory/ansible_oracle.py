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
from ansible.template import Templar
from ansible.vars.manager import VariableManager

init_plugin_loader()
NAMES = (
    "ansible_host", "ansible_ssh_host", "ansible_port", "ansible_ssh_port", "ansible_user",
    "ansible_ssh_user", "ansible_private_key_file", "ansible_ssh_private_key_file", "ansible_become",
    "ansible_connection", "mapsweep_labels",
)

def said(value, templar):
    if not (isinstance(value, str) and "{{" in value):
        return value
    try:
        return templar.template(value)
    except Exception as error:
        return {"untemplated": str(error)}

def answer(question):
    try:
        loader = DataLoader()
        loader.set_basedir(question["play_folder"])
        inventory = InventoryManager(loader=loader, sources=question["sources"])
        variables = VariableManager(loader=loader, inventory=inventory)
        hosts = {}
        for name, host in inventory.hosts.items():
            merged = variables.get_vars(host=host, include_hostvars=False)
            templar = Templar(loader=loader, variables=merged)
            hosts[name] = {key: said(merged[key], templar) for key in NAMES if key in merged}
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
    hosts: dict[str, dict[str, object]]
    # merged variables that concern reaching it, in the inventory's order, with the values of their templates;
    # {"untemplated": reason} where a template has none
    groups: dict[str, list[str]]
    chosen: list[list[str] | None]  # for each pattern; None where Ansible refuses it


@dataclass(frozen=True, slots=True)
class Question:
    """Sources of any format, and the folder of the playbook."""

    sources: Sequence[Path | str]
    play_folder: Path


def ask(questions: Sequence[tuple[Path, Sequence[str]]], scratch: Path) -> list[Answer]:
    """Each YAML inventory's hosts, groups, and the hosts that its patterns select."""
    asked = [_asked(Question([path], scratch), patterns) for path, patterns in questions]
    return _ask(asked, scratch, "yaml")


def ask_of_sources(sources: Sequence[Path | str], play_folder: Path, scratch: Path) -> Answer:
    """What several sources of any format give together, with the variables beside a playbook."""
    return ask_all([Question(sources, play_folder)], scratch)[0]


def ask_all(questions: Sequence[Question], scratch: Path) -> list[Answer]:
    """The same for many, in one process: to start one costs more than to read an inventory."""
    return _ask([_asked(each, ()) for each in questions], scratch, "host_list,script,yaml,ini")


def _asked(question: Question, patterns: Sequence[str]) -> dict[str, object]:
    return {
        "sources": [str(each) for each in question.sources],
        "patterns": list(patterns),
        "play_folder": str(question.play_folder),
    }


def _ask(asked: Sequence[dict[str, object]], scratch: Path, plugins: str) -> list[Answer]:
    scratch.mkdir(exist_ok=True)
    (scratch / "ansible.cfg").touch()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(scratch),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(scratch / "ansible.cfg"),
        "ANSIBLE_INVENTORY_ENABLED": plugins,
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1",
        "ANSIBLE_LOCALHOST_WARNING": "0",
    }
    finished = subprocess.run(
        [sys.executable, "-c", _SCRIPT],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        cwd=scratch,
        env=environment,
        timeout=600,
    )
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    return [
        Answer(each.get("error", ""), each.get("hosts", {}), each.get("groups", {}), each.get("chosen", []))
        for each in found
    ]
