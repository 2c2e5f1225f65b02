"""ssh_config fills in what the inventory does not give, as it does for the ssh that Ansible runs."""

from pathlib import Path

import pytest

from collector.inventory.inventory import Inventory, load
from collector.inventory.sources import Surroundings
from collector.session import Session
from collector.ssh.known_hosts import KnownHosts
from collector.sweep import collect
from domain.mistakes import OperatorError
from domain.records import Connection, Dump
from mapsweep.settings import settings
from mapsweep.settings.settings import surroundings
from tests.sshd import Sshd, keygen

CONFIG = """\
Host web1
  HostName 10.0.0.1
  Port 2222
  User deploy
  IdentityFile /k/one
  IdentityFile /k/two
  CertificateFile /k/one-cert.pub
  IdentitiesOnly yes
  HostKeyAlias web
Host 10.9.*
  User by-address
Host jump*
  ProxyJump bastion
"""


def loaded(folder: Path, inventory: str, config: str = CONFIG) -> Inventory:
    (folder / "hosts.ini").write_text(inventory)
    (folder / "config").write_text(config)
    (folder / "config").chmod(0o600)
    return load(folder / "hosts.ini", Surroundings(ssh_config=(folder / "config",)))


def test_an_alias(tmp_path: Path) -> None:
    host = loaded(tmp_path, "web1\n").hosts["web1"]
    assert (host.name, host.address, host.port, host.user) == ("web1", "10.0.0.1", 2222, "deploy")
    assert (host.key_file, host.key_files) == ("", ("/k/one", "/k/two"))
    assert (host.certificate_files, host.identities_only) == (("/k/one-cert.pub",), True)
    assert host.host_key_alias == "web"


@pytest.mark.parametrize("port", [22, 2200])
def test_the_inventory_wins(tmp_path: Path, port: int) -> None:
    line = f"web1 ansible_port={port} ansible_user=me ansible_ssh_private_key_file=/k/mine\n"
    host = loaded(tmp_path, line).hosts["web1"]
    assert (host.port, host.user, host.key_file, host.key_files) == (port, "me", "/k/mine", ())
    assert host.address == "10.0.0.1"


def test_the_address_is_what_ssh_is_given(tmp_path: Path) -> None:
    inventory = loaded(tmp_path, "web1 ansible_host=10.9.0.1\nother ansible_host=web1\n")
    assert (inventory.hosts["web1"].user, inventory.hosts["web1"].port) == ("by-address", 22)
    assert inventory.hosts["other"].address == "10.0.0.1"


def test_local_hosts_are_not_concerned(tmp_path: Path) -> None:
    inventory = loaded(tmp_path, "web1 ansible_connection=local\n", CONFIG + "Host *\n User all\n")
    assert inventory.hosts["web1"].connection is Connection.LOCAL
    assert (inventory.hosts["web1"].user, inventory.hosts["web1"].key_files) == ("", ())
    assert (inventory.localhost.user, inventory.localhost.host_key_alias) == ("", "")


def test_a_proxy_stops_only_the_host_that_has_it(tmp_path: Path) -> None:
    inventory = loaded(tmp_path, "web1\njump1\n")
    assert inventory.obstacles.keys() == {"jump1"}
    (mistake,) = inventory.obstacles["jump1"]
    assert str(mistake).startswith(f"{tmp_path}/config:13: proxyjump is not supported")


def test_where_values_are_from(tmp_path: Path) -> None:
    origins = loaded(tmp_path, "web1 ansible_user=me\n").origins("web1")
    assert str(origins["address"]) == f"{tmp_path}/config: hostname, line 2"
    assert str(origins["port"]) == f"{tmp_path}/config: port, line 3"
    assert str(origins["key_files"]) == f"{tmp_path}/config: identityfile, line 5"
    assert "hosts.ini" in str(origins["user"])
    given = loaded(tmp_path, "web1 ansible_port=22 ansible_ssh_private_key_file=/k\n").origins("web1")
    assert "hosts.ini" in str(given["port"])
    assert "key_files" not in given


def test_what_is_not_used_is_a_warning_once(tmp_path: Path) -> None:
    inventory = loaded(tmp_path, "web1\nweb2\n", "StrictHostKeyChecking no\n")
    (warning,) = inventory.warnings
    assert warning.startswith(f"{tmp_path}/config:1: stricthostkeychecking is not used")


def test_a_mistake_in_the_file_is_the_operators(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="config:1: port must be from 1 to 65535"):
        loaded(tmp_path, "web1\n", "Port ssh\n")


def test_without_files_nothing_changes(tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text("web1\n")
    host = load(tmp_path / "hosts.ini", Surroundings(ssh_config=(tmp_path / "missing",))).hosts["web1"]
    assert (host.address, host.port, host.key_files) == ("web1", 22, ())


@pytest.mark.slow
def test_an_alias_is_swept_with_all_that_ssh_config_says(tmp_path: Path, server: Sshd) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"fleet {(server.folder / 'hostkey.pub').read_text()}")
    keygen(tmp_path / "strange")
    config = (
        f"Host web*\n HostName 127.10.0.9\n Port {server.port}\n HostKeyAlias fleet\n IdentitiesOnly yes\n"
        f" IdentityFile {tmp_path}/%n\n IdentityFile {tmp_path}/strange\n IdentityFile {server.key_file}\n"
    )
    host = loaded(tmp_path, "web1\n", config).hosts["web1"]
    outcome = collect(host, Session(known_hosts=KnownHosts([known])))
    assert isinstance(outcome, Dump), outcome


def test_the_settings_name_the_files(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("Port 7\n")
    (tmp_path / "config").chmod(0o600)
    (tmp_path / "hosts.ini").write_text("web1\n")
    for files, port in ((f"[{tmp_path}/config]", 7), ("[]", 22)):
        (tmp_path / "mapsweep.yaml").write_text(f"ssh: {{config: {files}}}\n")
        around = surroundings(settings.load(tmp_path / "mapsweep.yaml", {}), {}, runs_programs=False)
        assert load(tmp_path / "hosts.ini", around).hosts["web1"].port == port
