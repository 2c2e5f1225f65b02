"""One host with one trouble: what a cure can change about it, and about how it is asked."""

import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from collector.remote import collect
from collector.session import Session
from collector.ssh.keys import Credentials, Keyring
from collector.ssh.known_hosts import KnownHosts
from collector.ssh.policy import Policy
from domain.records import Dump, Failure, Host, Limits
from tests.sshd import Sshd
from tests.sudo_host import SudoHost

# far from what even a busy machine takes: a trouble that is a deadline sets its own
LIMITS = Limits(banner_s=60.0, kex_s=60.0, auth_s=60.0, exec_s=60.0, idle_s=60.0, total_s=300.0, attempts=1)


@dataclass
class Patient:
    """A real server, the host that it is in the inventory, and the settings of the sweep."""

    server: Sshd
    files: SudoHost
    host: Host
    limits: Limits = LIMITS
    credentials: Credentials = field(
        default_factory=lambda: Credentials(use_agent=False, default_key_files=())
    )
    policy: Policy = Policy.STRICT
    accepted: Path | None = None

    @property
    def folder(self) -> Path:
        """Of the server's files."""
        return self.server.folder

    @property
    def account(self) -> str:
        """The one that the host's own passwd and sudoers are about."""
        return "nobody"

    def asked(self, **fields: Any) -> None:
        """Changes the host's entry in the inventory. Through sudo it has no made root: that is refused."""
        whole = {"root": ""} if fields.get("become") else {}
        self.host = replace(self.host, **(whole | fields))

    def limited(self, **limits: Any) -> None:
        """Changes limits of the run."""
        self.limits = replace(LIMITS, **limits)

    def start_file(self, text: str) -> None:
        """The .bashrc of the account."""
        (self.folder / "home" / ".bashrc").write_text(text)

    def known(self, text: str) -> None:
        """All of known_hosts."""
        self.server.known_hosts.write_text(text)

    def scan(self) -> None:
        """Adds the host's keys to known_hosts, as an operator who has compared them."""
        command = ["ssh-keyscan", "-p", str(self.host.port), self.host.address]
        scan = subprocess.run(command, capture_output=True, text=True, check=True)
        with self.server.known_hosts.open("a") as file:
            file.write(scan.stdout)

    def sweep(self) -> Dump | Failure:
        """What the sweep makes of the host now."""
        known = KnownHosts([self.server.known_hosts], self.policy, self.accepted)
        keyring = Keyring(self.credentials)
        try:
            return collect(self.host, Session(self.limits, keyring=keyring, known_hosts=known))
        finally:
            keyring.close()
