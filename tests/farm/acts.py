"""What causes a trouble on a host, and what an operator does about it: the acts of cures.py."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from collector import sudoers
from collector.ssh.keys import Credentials
from collector.ssh.policy import Policy
from tests.farm.patient import Patient
from tests.sshd import keygen


def tools(patient: Patient, *names: str) -> str:
    """The SetEnv line by which the host has these tools alone."""
    folder = patient.folder / "tools"
    folder.mkdir(exist_ok=True)
    for name in names:
        if not (folder / name).exists():
            found = shutil.which(name)
            assert found is not None
            (folder / name).symlink_to(found)
    return f"SetEnv PATH={folder}"


@contextmanager
def one_unknown_connection(patient: Patient) -> Iterator[None]:
    """A connection that does not log in, as many of them fill MaxStartups.

    One that was made to see whether the server is ready may still count: then this one is refused at first.
    """
    while True:
        with socket.create_connection((patient.host.address, patient.host.port)) as sock:
            if sock.recv(4, socket.MSG_WAITALL) == b"SSH-":
                yield
                return
        time.sleep(0.05)


def lacks_tools(patient: Patient) -> None:
    patient.server.restart(tools(patient, "sh", "nice"))


def has_grep(patient: Patient) -> None:
    patient.server.restart(tools(patient, "grep"))


def lacks_sudo(patient: Patient) -> None:
    patient.asked(become=True)
    patient.server.restart(tools(patient, "sh", "awk", "grep"))


def lacks_sudo_with_a_rule(patient: Patient) -> None:
    patient.asked(user=patient.account)
    patient.files.give_shells({patient.account: "/bin/sh"})
    patient.files.allow(sudoers.rule(patient.account))
    lacks_sudo(patient)


def probe_killed(patient: Patient) -> None:
    line = tools(patient, "sh", "grep")
    awk = patient.folder / "tools" / "awk"
    awk.write_text("#!/bin/sh\nkill -9 $$\n")
    awk.chmod(0o755)
    patient.server.restart(line)


def probe_lives(patient: Patient) -> None:
    (patient.folder / "tools" / "awk").unlink()
    patient.server.restart(tools(patient, "awk"))


def no_authorized_key(patient: Patient) -> None:
    (patient.folder / "authorized_keys").write_text("")


def key_authorized(patient: Patient) -> None:
    with (patient.folder / "authorized_keys").open("a") as file:
        file.write((patient.folder / "key.pub").read_text())


def forced_by_key(patient: Patient) -> None:
    public = (patient.folder / "key.pub").read_text()
    (patient.folder / "authorized_keys").write_text(f'command="exit 4" {public}')


def freed_of_command(patient: Patient) -> None:
    no_authorized_key(patient)
    key_authorized(patient)


def another_host_key_is_known(patient: Patient) -> None:
    keygen(patient.folder / "other")
    public = (patient.folder / "other.pub").read_text()
    patient.known(f"[{patient.host.address}]:{patient.host.port} {public}")


def another_type_is_known(patient: Patient) -> None:
    keygen(patient.folder / "other", "ecdsa")
    public = (patient.folder / "other.pub").read_text()
    patient.known(f"[{patient.host.address}]:{patient.host.port} {public}")


def host_key_replaced(patient: Patient) -> None:
    name = f"[{patient.host.address}]:{patient.host.port}"
    command = ["ssh-keygen", "-R", name, "-f", str(patient.server.known_hosts)]
    subprocess.run(command, capture_output=True, check=True)
    patient.scan()


def host_key_revoked(patient: Patient) -> None:
    patient.known(f"@revoked * {(patient.folder / 'hostkey.pub').read_text()}")


def new_host_key(patient: Patient) -> None:
    for name in ("hostkey", "hostkey.pub"):
        (patient.folder / name).unlink()
    keygen(patient.folder / "hostkey")
    patient.server.restart()
    patient.scan()


def accepted_keys_cannot_be_kept(patient: Patient) -> None:
    patient.known("")
    (patient.folder / "state").symlink_to(patient.folder / "not mounted")
    patient.policy, patient.accepted = Policy.ACCEPT_NEW, patient.folder / "state" / "accepted"


def accepted_keys_can_be_kept(patient: Patient) -> None:
    (patient.folder / "not mounted").mkdir()


def keeps_the_first_key(patient: Patient) -> None:
    patient.policy, patient.accepted = Policy.ACCEPT_NEW, patient.folder / "state" / "accepted"


def damaged_key(patient: Patient) -> None:
    whole = patient.server.key_file.read_text()
    (patient.folder / "copy").write_text(whole)
    patient.server.key_file.write_text(whole[:100])


def whole_key(patient: Patient) -> None:
    patient.server.key_file.write_text((patient.folder / "copy").read_text())


def locked_key(patient: Patient) -> None:
    command = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", str(patient.server.key_file)]
    subprocess.run(command, check=True, capture_output=True)


def passphrase_given(patient: Patient) -> None:
    patient.credentials = Credentials("open sesame", use_agent=False, default_key_files=())


def damaged_certificate(patient: Patient) -> None:
    (patient.folder / "key-cert.pub").write_text("ssh-ed25519-cert-v01@openssh.com AAAA cut off\n")


def new_certificate(patient: Patient) -> None:
    keygen(patient.folder / "ca")
    (patient.folder / "key-cert.pub").unlink()
    own = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    command = ["ssh-keygen", "-q", "-s", str(patient.folder / "ca"), "-I", "test", "-n", own]
    subprocess.run([*command, str(patient.folder / "key.pub")], check=True, capture_output=True)
    no_authorized_key(patient)
    patient.server.restart(f"TrustedUserCAKeys {patient.folder}/ca.pub")


def no_certificate(patient: Patient) -> None:
    (patient.folder / "key-cert.pub").unlink()


def many_keys(patient: Patient) -> None:
    strangers = tuple(patient.folder / f"stranger{number}" for number in range(3))
    for path in strangers:
        keygen(path)
    keys = (*strangers, patient.server.key_file)
    patient.credentials = Credentials(use_agent=False, default_key_files=keys)
    patient.asked(key_file="")
    patient.server.restart("MaxAuthTries 2")


def no_tree(patient: Patient) -> None:
    patient.asked(root=str(patient.folder / "home"))
    (patient.folder / "home" / "proc").mkdir()


def stopped(patient: Patient) -> None:
    os.kill(patient.server.pid, signal.SIGSTOP)
    patient.limited(banner_s=1.0)


def goes_on(patient: Patient) -> None:
    os.kill(patient.server.pid, signal.SIGCONT)
    patient.limited()


def proc_hidden(patient: Patient) -> None:
    patient.asked(root="")
    within(patient, "mount", "-t", "tmpfs", "none", "/proc")


def proc_mounted(patient: Patient) -> None:
    within(patient, "mount", "-t", "proc", "proc", "/proc")


def within(patient: Patient, *command: str) -> None:
    """Runs a command on the host."""
    entered = ["nsenter", f"--mount=/proc/{patient.server.pid}/ns/mnt", *command]
    subprocess.run(entered, check=True, capture_output=True)


def through_sudo_with_a_root(patient: Patient) -> None:
    patient.asked(user=patient.account, become=True, root="/")
    patient.files.give_shells({patient.account: "/bin/sh"})
    patient.files.allow(sudoers.rule(patient.account))


def key_of_everybody(patient: Patient) -> None:
    patient.server.key_file.chmod(0o644)


def own_key(patient: Patient) -> None:
    patient.server.key_file.chmod(0o600)
