"""The commands against what stops hosts, to be copied to a shell on this machine."""

import os
import re
import shlex
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from collector.greeting import known_as
from collector.ssh.keys import DEFAULT_KEY_FILES
from collector.ssh.known_hosts import SSH_PORT, KnownHosts, host_name
from collector.sweep import FILES_A_HOST, FILES_KEPT_FREE
from domain.records import Connection, Host
from mapsweep.doctor.tried_keys import tried_key
from mapsweep.executors import ACCEPT_NEW

HOSTS: Final = "--hosts"
COMMANDS_SHOWN: Final = 3  # hosts for which a command is written out
AWK: Final = "gawk"  # the package, by the name that all distributions know
PACKAGE_MANAGERS: Final = (
    ("apt-get", "install", "-y"),
    ("dnf", "install", "-y"),
    ("yum", "install", "-y"),
    ("zypper", "-n", "install"),
    ("apk", "add"),
)


@dataclass(frozen=True, slots=True)
class Here:
    """What the commands name of this machine."""

    known_hosts: str  # the file to which a key is added
    account: str  # that runs mapsweep, "" if it has no name
    again: tuple[str, ...]  # this very command, without the option that accepts keys
    accepts_keys: bool = True  # False where workers sweep, whose settings alone decide
    has_agent: bool = True  # SSH_AUTH_SOCK names one
    asks_agent: bool = True  # the setting ssh.use_agent
    host_key_files: tuple[Path, ...] = ()  # all files in which keys of hosts are known
    inventory: tuple[str, ...] = ()  # the options of this very command that name it, and the settings
    default_keys: tuple[Path, ...] = DEFAULT_KEY_FILES  # of this account, for hosts that name none

    def account_of(self, host: Host) -> str:
        """The account that logs in."""
        return host.user or self.account or "ACCOUNT"

    def again_with(self, pattern: str) -> str:
        """This very command for another pattern."""
        words = iter(self.again)
        kept = [word for word in words if word != HOSTS or next(words, None) is None]
        return shlex.join((*kept, HOSTS, pattern))


def accepting(here: Here) -> tuple[str, ...]:
    """This very command, with the option that keeps the first key of each new host; none with workers."""
    return (shlex.join((*here.again, ACCEPT_NEW)),) if here.accepts_keys else ()


def commands(reason: str, stopped: Sequence[tuple[Host, str]], here: Here) -> tuple[str, ...]:
    """What cures a reason on hosts, each with the detail of its failure.

    Once for all where one command does, else for the first few hosts.
    """
    if reason == "too_many_open_files":
        return (f"ulimit -n {FILES_KEPT_FREE + FILES_A_HOST * len(stopped)}",)
    made = _BY_REASON.get(reason)
    if made is None:
        return ()
    hosts = [replace(host, key_file=tried_key(host, detail, here.default_keys)) for host, detail in stopped]
    each = dict.fromkeys(made(host, here) for host in hosts)
    lines = tuple(filter(None, each))[:COMMANDS_SHOWN]
    if reason == "hostkey_unknown":
        return (*lines, *accepting(here))
    if reason in _SET_IN_INVENTORY:
        return (*lines, _origin([host for host, _ in stopped], here))
    return lines


def _origin(hosts: Sequence[Host], here: Here) -> str:
    """Says where the inventory, or ssh_config, gives the account and the key file."""
    names = [host.name for host in hosts[:COMMANDS_SHOWN]]
    return shlex.join(("mapsweep", "hosts", "--origin", *here.inventory, "--", *names))


def sudoers_line(host: Host, here: Here) -> str:
    """Allows the probe as root, through another account of the host that may."""
    account = shlex.quote(here.account_of(host))
    return f"mapsweep sudoers {account} | {_ssh(host, 'root')} 'tee /etc/sudoers.d/mapsweep'"


def installing(host: Host, package: str) -> str:
    """Installs a package on a host by whichever package manager it has."""
    tries = " || ".join(shlex.join((*manager, package)) for manager in PACKAGE_MANAGERS)
    if host.connection is Connection.LOCAL:
        return f"sudo sh -c {shlex.quote(tries)}"
    return f"{_ssh(host, 'root')} {shlex.quote(tries)}"


def _ssh(host: Host, account: str) -> str:
    port = ("-p", str(host.port)) if host.port != SSH_PORT else ()
    return shlex.join(("ssh", *port, "--", f"{account}@{host.address}"))


def _given_a_shell(host: Host, here: Here) -> str:
    wanted = shlex.join(("usermod", "-s", "/bin/sh", "--", here.account_of(host)))
    return f"{_ssh(host, 'root')} {shlex.quote(wanted)}"


def _given_a_tool(host: Host, _here: Here) -> str:
    return installing(host, AWK)


def _routed(host: Host, _here: Here) -> str:
    """How this machine would send to the host's address, which a name is looked up for."""
    try:
        ip_address(host.address)
    except ValueError:
        addresses = shlex.join(("getent", "ahosts", "--", host.address))
        return f"ip route get \"$({addresses} | awk 'NR == 1 {{ print $1 }}')\""
    return shlex.join(("ip", "route", "get", host.address))


def _greeted(host: Host, _here: Here) -> str:
    return shlex.join(("ssh-keyscan", "-p", str(host.port), "--", host.address))


def _resolved(host: Host, _here: Here) -> str:
    return shlex.join(("getent", "ahosts", "--", host.address))


def _kept_key(host: Host, here: Here) -> str:
    """Adds the host's keys, and shows their fingerprints as ssh-keygen prints them on the host."""
    scan = _greeted(host, here)
    if host.host_key_alias:
        # whatever sed would read in it is a part of the name
        alias = re.sub(r"[\\/&]", r"\\\g<0>", host.host_key_alias)
        scan += f" | sed {shlex.quote(f's/^[^ ]*/{alias}/')}"
    file = Path(here.known_hosts)
    made = "" if file.parent.is_dir() else f"mkdir -pm 700 {shlex.quote(str(file.parent))} && "
    return f"{made}{scan} | tee -a {shlex.quote(here.known_hosts)} | ssh-keygen -lf -"


def _replaced_key(host: Host, here: Here) -> str:
    """In place of the old keys the new ones; nothing is forgotten of a host that shows none."""
    return f"{_greeted(host, here)} | grep -q . && {forgotten_key(host, here)} && {_kept_key(host, here)}"


def forgotten_key(host: Host, here: Here) -> str:
    """Removes the host's keys from each file that has some."""
    found = ((file, KnownHosts([file]).name_of(*known_as(host))) for file in here.host_key_files)
    named = {str(file): name for file, name in found if name} or {
        here.known_hosts: host_name(*known_as(host))
    }
    return " && ".join(shlex.join(("ssh-keygen", "-R", name, "-f", file)) for file, name in named.items())


def _authorised_key(host: Host, here: Here) -> str:
    """Copies the key that was offered; where no file is known, it is the agent's, and so copied.

    Nothing for an account that would be an option: ssh-copy-id hands it to ssh, and no -- before it.
    """
    if here.account_of(host).startswith("-"):
        return ""
    port = ("-p", str(host.port)) if host.port != SSH_PORT else ()
    public = host.key_file if host.key_file.endswith(".pub") else f"{host.key_file}.pub"
    key = ("-i", public) if host.key_file else ()
    copied = shlex.join(("ssh-copy-id", *key, *port, f"{here.account_of(host)}@{host.address}"))
    if not key or Path(public).exists():
        return copied
    return f"ssh-keygen -yf {shlex.quote(host.key_file)} > {shlex.quote(public)} && {copied}"


def _unlocked_key(host: Host, here: Here) -> str:
    if not here.asks_agent:
        return ""
    agent = "" if here.has_agent else 'eval "$(ssh-agent)" && '
    return agent + shlex.join(("ssh-add", *((host.key_file,) if host.key_file else ())))


def _made_key(_host: Host, _here: Here) -> str:
    return "ssh-keygen -t ed25519"


def _seen_sshd(host: Host, _here: Here) -> str:
    return shlex.join(("ssh", "-v", "-p", str(host.port), "--", host.address))


def _shown_key_file(host: Host, here: Here) -> str:
    """What ssh-keygen says of the file, or the mode with which this account may read it."""
    if not host.key_file:
        return ""
    try:
        status = Path(host.key_file).stat()
    except OSError:  # which ssh-keygen says, too
        status = None
    if status and status.st_uid == os.geteuid() and not status.st_mode & stat.S_IRUSR:
        return _kept_for_itself(host, here)
    return shlex.join(("ssh-keygen", "-yf", host.key_file))


def _kept_for_itself(host: Host, _here: Here) -> str:
    return shlex.join(("chmod", "600", host.key_file)) if host.key_file else ""


# whose cause may be what the inventory, or ssh_config, says
_SET_IN_INVENTORY: Final = frozenset({"auth_rejected", "key_unreadable"})
_BY_REASON: Final[dict[str, Callable[[Host, Here], str]]] = {
    "dns_not_found": _resolved,
    "dns_timeout": _resolved,
    "tcp_refused": _seen_sshd,
    "tcp_timeout": _seen_sshd,
    "tcp_unreachable": _routed,
    "tcp_failed": _seen_sshd,
    "not_ssh": _seen_sshd,
    "banner_timeout": _greeted,
    "kex_timeout": _seen_sshd,
    "protocol_error": _seen_sshd,
    "connection_lost": _seen_sshd,
    "hostkey_unknown": _kept_key,
    "hostkey_type_unknown": _kept_key,
    "hostkey_changed": _replaced_key,
    "auth_rejected": _authorised_key,
    "no_key": _made_key,
    "key_encrypted": _unlocked_key,
    "key_unreadable": _shown_key_file,
    "key_exposed": _kept_for_itself,
    "sudo_refused": sudoers_line,
    "sudo_password": sudoers_line,
    "sudo_not_allowed": sudoers_line,
    "sudo_tty": sudoers_line,
    "nologin": _given_a_shell,
    "no_tool": _given_a_tool,
}
