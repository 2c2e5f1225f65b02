"""Each thing on the way to a host broken for real: FAIL with the remedy; the remedy applied, OK."""

import json
import shlex
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mapsweep.terminal.exits import Exit
from tests.collector.proc_tree import add_facts, add_process
from tests.fresh_hosts import PATIENT
from tests.mapsweep.conftest import Here
from tests.mapsweep.doctor.visits import applied, visit
from tests.ports import free_port
from tests.sshd import Sshd, keygen, serve


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with serve(tmp_path_factory.mktemp("doctor")) as server:
        yield server


@contextmanager
def web_server() -> Iterator[int]:
    """A port that answers as no SSH server does."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
    thread.join(60)


class Fleet:
    """An inventory and settings that are written anew after each change."""

    def __init__(self, folder: Path, sshd: Sshd, root: Path | None = None) -> None:
        self.folder, self.sshd, self.root = folder, sshd, root
        self.known_hosts = folder / "ssh/known_hosts"
        self.hosts: dict[str, dict[str, Any]] = {}
        self.settings: dict[str, Any] = {"limits": PATIENT | {"dns_s": 5, "attempts": 1}}

    def add(self, name: str, number: int, *, known: bool = True, **variables: object) -> None:
        host = self.sshd.host(number)
        way = {"host": host.address, "port": host.port, "ssh_private_key_file": host.key_file} | variables
        self.hosts[name] = {f"ansible_{key}": value for key, value in way.items()}
        if self.root is not None:
            self.hosts[name]["mapsweep_root"] = str(self.root)
        if known:
            self.known_hosts.parent.mkdir(exist_ok=True)
            key = (self.sshd.folder / "hostkey.pub").read_text().rsplit(" ", 1)[0]
            with self.known_hosts.open("a") as file:
                file.write(f"[{host.address}]:{host.port} {key}\n")

    def set(self, name: str, **variables: object) -> None:
        self.hosts[name] |= {f"ansible_{key}": value for key, value in variables.items()}

    def options(self) -> tuple[str | Path, ...]:
        inventory, settings = self.folder / "fleet.yaml", self.folder / "mapsweep.yaml"
        inventory.write_text(json.dumps({"all": {"hosts": self.hosts}}))
        ssh = {"known_hosts": [str(self.known_hosts)], "use_agent": False}
        settings.write_text(json.dumps({"runs": str(self.folder / "runs"), "ssh": ssh, **self.settings}))
        return "-i", inventory, "--config", settings, "--sample", "64"


@pytest.fixture
def fleet(tmp_path: Path, sshd: Sshd, made_root: Path) -> Fleet:
    return Fleet(tmp_path, sshd, made_root)


def test_what_is_broken_on_the_way_is_named_and_the_remedy_cures_it(
    fleet: Fleet, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keygen(tmp_path / "locked", passphrase="open sesame")
    keygen(tmp_path / "stranger")
    authorised = fleet.sshd.folder / "authorized_keys"
    with authorised.open("a") as file:
        file.write((tmp_path / "locked.pub").read_text())
    with web_server() as web:
        fleet.add("good", 0)
        fleet.add("nameless", 1, host="no-such-host.invalid")
        fleet.add("closed", 2, port=free_port())
        fleet.add("website", 3, host="127.0.0.1", port=web)
        fleet.add("keyless", 4, ssh_private_key_file=str(tmp_path / "nothing"))
        fleet.add("locked", 5, ssh_private_key_file=str(tmp_path / "locked"))
        fleet.add("stranger", 6, ssh_private_key_file=str(tmp_path / "stranger"))
        fleet.add("procless", 7)
        fleet.hosts["procless"]["mapsweep_root"] = str(tmp_path)
        first = visit(here, *fleet.options())
    assert first.code == Exit.USAGE  # a key file of the inventory is not on this machine
    assert first.document["answered"] == ["good"]
    stopped = {
        detail.split(":")[0]: check["name"]
        for check in first.document["hosts"]
        if check["level"] == "FAIL"
        for detail in check["details"]
    }
    assert stopped == {
        "nameless": "name",
        "closed": "port",
        "website": "ssh",
        "keyless": "key",
        "locked": "key",
        "stranger": "login",
        "procless": "probe",
    }
    assert all(check["remedy"] for check in first.document["hosts"] if check["level"] == "FAIL")

    fleet.set("nameless", host=fleet.sshd.host(1).address)
    for name in ("closed", "website"):
        fleet.set(name, port=fleet.sshd.port)
    fleet.set("website", host=fleet.sshd.host(3).address)
    fleet.set("keyless", ssh_private_key_file=str(fleet.sshd.key_file))
    monkeypatch.setenv("MAPSWEEP_KEY_PASSPHRASE", "open sesame")
    (login,) = first.named("login")
    host = fleet.sshd.host(6)
    assert f"ssh-copy-id -i {tmp_path / 'stranger'}.pub -p {host.port} " in login["commands"][0]
    with authorised.open("a") as file:  # as ssh-copy-id does
        file.write((tmp_path / "stranger.pub").read_text())
    fleet.hosts["procless"]["mapsweep_root"] = str(fleet.root)
    second = visit(here, *fleet.options())
    assert (second.code, second.document["answered"]) == (Exit.OK, list(fleet.hosts))


def test_hosts_that_cannot_be_swept_fail_and_the_others_are_tried(fleet: Fleet, here: Here) -> None:
    fleet.add("good", 0)
    fleet.add("windows", 1, connection="winrm")
    first = visit(here, "--hosts", "all", *fleet.options())
    assert (first.code, first.document["answered"]) == (Exit.SOME_FAILED, ["good"])
    assert (first.document["chosen"], first.document["expected"]["hosts"]) == (2, 1)
    (check,) = (each for each in first.document["hosts"] if each["level"] == "FAIL")
    assert (check["name"], check["details"]) == ("inventory", ["windows"])
    assert check["text"].endswith("the connection 'winrm' is not supported: 1 of 2 hosts")
    assert "use ssh or local" in check["remedy"]
    (command,) = check["commands"]
    assert "--hosts 'all,!windows'" in command
    second = json.loads(applied(command))
    assert (second["exit_code"], second["answered"]) == (Exit.OK, ["good"])

    del fleet.hosts["good"]
    none = visit(here, *fleet.options())
    assert (none.code, none.document["chosen"], none.document["sample"]) == (Exit.ALL_FAILED, 1, [])
    (check,) = none.document["hosts"]
    assert (check["level"], check["commands"]) == ("FAIL", [])


def test_an_unknown_key_is_shown_and_the_printed_command_adds_it(fleet: Fleet, here: Here) -> None:
    fleet.add("new", 10, known=False)
    first = visit(here, *fleet.options())
    check = first.one("host key")
    assert check["level"] == "FAIL"
    assert first.level("login") == "UNKNOWN"
    fingerprint = check["details"][0].split()[-1]
    assert fingerprint.startswith("SHA256:")
    assert fingerprint in applied(check["commands"][0])
    second = visit(here, *fleet.options())
    assert (second.code, second.level("host key")) == (Exit.OK, "OK")


def test_the_command_that_accepts_new_keys_keeps_them_for_the_sweep(fleet: Fleet, here: Here) -> None:
    fleet.add("new", 11, known=False)
    fleet.known_hosts.parent.mkdir()
    fleet.known_hosts.touch()
    first = visit(here, *fleet.options())
    assert first.code == Exit.ALL_FAILED
    accepting = first.one("host key")["commands"][-1]
    assert accepting.endswith("--accept-new-host-keys")
    said = applied(accepting)
    assert "new: its host key was new, and was accepted: ssh-ed25519" in said
    assert "stream" not in said  # which is of what login shells print
    second = visit(here, *fleet.options())
    assert (second.code, second.level("host key")) == (Exit.OK, "OK")


def test_where_no_known_hosts_file_is_there_the_printed_command_asks_the_same_hosts(
    fleet: Fleet, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if Path("/etc/ssh/ssh_known_hosts").exists():
        pytest.skip("this machine has host keys for all accounts")
    monkeypatch.setenv("HOME", str(tmp_path))
    fleet.add("new", 18, known=False)
    fleet.add("other", 19, known=False)
    fleet.settings["ssh"] = {"use_agent": False}
    first = visit(here, *fleet.options(), "--hosts", "new")
    (check,) = [each for each in first.named("settings") if each["level"] == "FAIL"]
    assert "none of them is there" in check["text"]
    (accepting,) = check["commands"]
    assert "new: its host key was new, and was accepted" in applied(accepting)
    kept = (tmp_path / "runs/accepted_keys").read_text()
    assert fleet.sshd.host(18).address in kept
    assert fleet.sshd.host(19).address not in kept


def test_a_changed_key_is_forgotten_by_the_printed_command(fleet: Fleet, here: Here, tmp_path: Path) -> None:
    fleet.add("other", 12)
    keygen(tmp_path / "older")
    host = fleet.sshd.host(12)
    key = (tmp_path / "older.pub").read_text().rsplit(" ", 1)[0]
    fleet.known_hosts.write_text(f"[{host.address}]:{host.port} {key}\n")
    first = visit(here, *fleet.options(), "--accept-new-host-keys")  # which must not accept that
    check = first.one("host key")
    assert check["text"].startswith("hostkey_changed")
    (replacing,) = check["commands"]
    assert "SHA256:" in applied(replacing)  # of the new key, to be compared
    assert visit(here, *fleet.options()).code == Exit.OK


def test_what_a_host_lacks_is_told_and_is_fine_once_it_is_there(
    tmp_path: Path, here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()

    def install(*names: str) -> None:
        for name in names:
            (tools / name).symlink_to(str(shutil.which(name)))

    install("sh", "grep", "nice", "uname")
    (tmp_path / "host").mkdir()
    with serve(tmp_path / "host", f"SetEnv PATH={tools}") as server:
        fleet = Fleet(tmp_path, server)
        fleet.add("bare", 0)
        first = visit(here, *fleet.options())
        assert (first.code, first.level("awk"), first.level("gzip")) == (Exit.OK, "WARN", "WARN")
        assert first.one("awk")["details"] == ["bare"]
        for name, package in (("awk", "gawk"), ("gzip", "gzip")):
            (command,) = first.one(name)["commands"]
            assert f"-p {server.port} -- root@{server.host(0).address}" in command
            assert f"apt-get install -y {package} ||" in command
        install("awk", "gzip")
        second = visit(here, *fleet.options())
    assert (second.level("awk"), second.level("gzip")) == ("OK", "OK")
    assert second.document["expected"]["received_bytes"] < first.document["expected"]["received_bytes"] / 2


def test_a_changed_key_is_forgotten_where_it_was_accepted(fleet: Fleet, here: Here, tmp_path: Path) -> None:
    fleet.add("other", 13, known=False)
    keygen(tmp_path / "older")
    host = fleet.sshd.host(13)
    key = (tmp_path / "older.pub").read_text().rsplit(" ", 1)[0]
    for file in (fleet.known_hosts, tmp_path / "runs/accepted_keys"):
        file.parent.mkdir()
        file.write_text(f"[{host.address}]:{host.port} {key}\n")
    check = visit(here, *fleet.options(), "--accept-new-host-keys").one("host key")
    assert check["text"].startswith("hostkey_changed")
    (forgetting,) = check["commands"]
    applied(forgetting)
    said = visit(here, *fleet.options(), "--accept-new-host-keys")
    assert (said.code, said.level("host key")) == (Exit.OK, "OK")
    assert f"new keys are kept in {tmp_path / 'runs/accepted_keys'}" in said.one("host keys")["text"]


def test_a_host_with_a_hostkeyalias_is_known_by_it(fleet: Fleet, here: Here, tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    host = fleet.sshd.host(14)
    config.write_text(f"Host aliased\n HostName {host.address}\n Port {host.port}\n HostKeyAlias cluster\n")
    config.chmod(0o600)
    fleet.hosts["aliased"] = {"ansible_ssh_private_key_file": host.key_file}
    known = {"known_hosts": [str(fleet.known_hosts)], "use_agent": False}
    fleet.settings["ssh"] = known | {"config": [str(config)]}
    fleet.known_hosts.parent.mkdir()
    fleet.known_hosts.touch()
    check = visit(here, *fleet.options()).one("host key")
    assert check["text"].startswith("hostkey_unknown")
    applied(check["commands"][0])
    assert fleet.known_hosts.read_text().startswith("cluster ")
    assert visit(here, *fleet.options()).code == Exit.OK
    keygen(tmp_path / "older")
    fleet.known_hosts.write_text(f"cluster {(tmp_path / 'older.pub').read_text()}")
    check = visit(here, *fleet.options()).one("host key")
    assert check["text"].startswith("hostkey_changed")
    applied(check["commands"][0])
    assert (tmp_path / "older.pub").read_text().split()[1] not in fleet.known_hosts.read_text()
    assert visit(here, *fleet.options()).code == Exit.OK


def test_clones_that_share_a_host_key_are_told_until_one_has_its_own(
    fleet: Fleet, here: Here, tmp_path: Path
) -> None:
    for number, name in enumerate(("template", "clone"), 15):
        root = tmp_path / name
        add_process(root, 7)
        add_facts(root)
        (root / "proc/sys/kernel/random/boot_id").write_text(f"boot of {name}\n")
        fleet.add(name, number)
        fleet.hosts[name]["mapsweep_root"] = str(root)
    first = visit(here, *fleet.options())
    assert first.code == Exit.OK  # each is known by its name
    whole, cloned = first.named("host key")
    assert (whole["level"], cloned["level"], cloned["details"]) == ("OK", "WARN", ["template", "clone"])
    assert "the same on 2 hosts" in cloned["text"]
    assert "ssh-keygen -A" in cloned["remedy"]
    (forgetting,) = cloned["commands"]
    (tmp_path / "own").mkdir()
    with serve(tmp_path / "own") as anew:
        fleet.set("clone", port=anew.port, ssh_private_key_file=str(anew.key_file))
        applied(forgetting)
        assert f"[{fleet.sshd.host(16).address}]:" not in fleet.known_hosts.read_text()
        applied(visit(here, *fleet.options()).one("host key")["commands"][0])
        second = visit(here, *fleet.options())
    assert (second.code, second.level("host key")) == (Exit.OK, "OK")


def test_a_locked_key_is_unlocked_by_the_printed_command_without_an_agent(
    fleet: Fleet, here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    keygen(tmp_path / "id", passphrase="open sesame")
    with (fleet.sshd.folder / "authorized_keys").open("a") as file:
        file.write((tmp_path / "id.pub").read_text())
    fleet.add("locked", 17, ssh_private_key_file=str(tmp_path / "id"))
    fleet.settings["ssh"] = {"known_hosts": [str(fleet.known_hosts)], "use_agent": False}
    unused = visit(here, *fleet.options()).one("key")
    assert (unused["text"].split(":")[0], unused["commands"]) == ("key_encrypted", [])
    assert "MAPSWEEP_KEY_PASSPHRASE" in unused["remedy"]
    fleet.settings["ssh"]["use_agent"] = True
    (unlocking,) = visit(here, *fleet.options()).one("key")["commands"]
    (tmp_path / "asked").write_text("#!/bin/sh\necho open sesame\n")
    (tmp_path / "asked").chmod(0o700)
    again = shlex.join(["mapsweep", "doctor", "--json", *map(str, fleet.options())])
    script = f"{{ {unlocking}; }} >&2 && {again}; code=$?; ssh-agent -k >&2; exit $code"
    said = applied(script, SSH_ASKPASS=str(tmp_path / "asked"), SSH_ASKPASS_REQUIRE="force")
    assert json.loads(said)["answered"] == ["locked"]


def test_a_login_shell_that_prints_and_a_sweep_that_takes_too_long_are_told(
    tmp_path: Path, here: Here
) -> None:
    shell = tmp_path / "shell"
    shell.write_text('#!/bin/sh\necho Welcome to the fleet.\nsleep 3\neval "$SSH_ORIGINAL_COMMAND"\n')
    shell.chmod(0o755)
    (tmp_path / "host").mkdir()
    with serve(tmp_path / "host", f"ForceCommand {shell}") as server:
        fleet = Fleet(tmp_path, server)
        for number in range(40):
            fleet.add(f"chatty{number}", number)
        options = (*fleet.options(), "--sample", "1")
        fleet.settings |= {"deadline_s": 60, "limits": PATIENT | {"concurrency": 1}}
        fleet.options()
        first = visit(here, *options)
        assert (first.level("stream"), first.level("time"), first.code) == ("WARN", "FAIL", Exit.USAGE)
        assert "should print nothing" in first.one("stream")["remedy"]
        assert "raise --concurrency or deadline_s" in first.one("time")["remedy"]
        shell.write_text('#!/bin/sh\neval "$SSH_ORIGINAL_COMMAND"\n')
        fleet.settings |= {"deadline_s": 3600, "limits": PATIENT | {"concurrency": 40}}
        fleet.options()
        second = visit(here, *options)
    assert (second.code, second.named("stream"), second.level("time")) == (Exit.OK, [], "OK")
