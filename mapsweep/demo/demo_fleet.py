"""The demo fleet: recorded hosts and this one, over SSH on loopback addresses, with a real inventory."""

import io
import lzma
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from domain.records import Host, Limits
from mapsweep.demo.loopback import Behaviour, LoopbackFleet, LoopbackHost

RECORDINGS = "recordings/fleet.tar.xz"
THIS_MACHINE = "localhost"
REFUSES_THE_KEY = "vault-01"
NEVER_ANSWERS = "lost-01"
NETWORK = "127.66.0."  # in 127.0.0.0/8, all of which is loopback on Linux; hosts are numbered from 1

# One attempt and a short wait for the greeting, because one host of the demo never answers. All other limits
# are long: the servers share this machine with the sweep, it may be busy, and no other host is to fail.
LIMITS = Limits(banner_s=6.0, kex_s=60.0, auth_s=60.0, exec_s=120.0, idle_s=120.0, total_s=300.0, attempts=1)

INVENTORY_HEAD = """\
# The demo fleet: written by `mapsweep demo`, deleted when it ends. Your own inventory has the same form.
all:
  vars:
    ansible_ssh_private_key_file: {key_file}
  children:
"""


@dataclass(frozen=True, slots=True)
class DemoFleet:
    """The inputs of a sweep of the fleet."""

    inventory: Path
    known_hosts: Path
    limits: Limits


@contextmanager
def serving() -> Iterator[DemoFleet]:
    """The fleet while the block runs; afterwards nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="mapsweep-demo-") as folder:
        recorded = Path(folder) / "hosts"
        with LoopbackFleet(members(recorded, unpack(recorded)), Path(folder)) as fleet:
            inventory = Path(folder) / "inventory.yaml"
            inventory.write_text(inventory_text(fleet.hosts(), fleet.key_file), encoding="utf-8")
            yield DemoFleet(inventory, fleet.known_hosts_file, LIMITS)


def unpack(folder: Path) -> tuple[str, ...]:
    """Unpack the recorded hosts into one folder each; gives their names."""
    packed = files("mapsweep.demo").joinpath(RECORDINGS).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(packed))) as archive:
        for member in archive:
            content = archive.extractfile(member)
            if content is not None:
                path = folder / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
    return tuple(sorted(path.name for path in folder.iterdir()))


def members(folder: Path, recorded: Sequence[str]) -> tuple[LoopbackHost, ...]:
    """This machine, the recorded hosts, one that refuses the key, and one that never answers."""
    addresses = (f"{NETWORK}{number}" for number in range(1, 255))
    return (
        LoopbackHost(THIS_MACHINE, next(addresses)),
        *(LoopbackHost(name, next(addresses), root=str(folder / name)) for name in recorded),
        LoopbackHost(REFUSES_THE_KEY, next(addresses), Behaviour.REFUSES_KEY),
        LoopbackHost(NEVER_ANSWERS, next(addresses), Behaviour.NEVER_ANSWERS),
    )


def inventory_text(hosts: Sequence[Host], key_file: Path) -> str:
    """The hosts in Ansible's YAML, in groups named after the first part of the name: app-03 is in app."""
    groups: dict[str, list[Host]] = {}
    for host in hosts:
        groups.setdefault(host.name.partition("-")[0], []).append(host)
    text = INVENTORY_HEAD.format(key_file=key_file)
    for group, its_hosts in groups.items():
        # a group must not have the name of a host
        text += f"    {group if group != THIS_MACHINE else 'here'}:\n      hosts:\n"
        for host in its_hosts:
            text += f"        {host.name}:\n          ansible_host: {host.address}\n"
            text += f"          ansible_port: {host.port}\n"
            if host.root:
                text += f"          mapsweep_root: {host.root}\n"
    return text
