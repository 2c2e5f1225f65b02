"""What a fleet talks to, each real and each to be broken: SSH hosts, Redis, a mail server."""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.collector.proc_tree import add_facts, add_process
from tests.ports import free_port
from tests.smtp import Mailbox, mail_server
from tests.sshd import Sshd, serve

STARTS_WITHIN_S = 20
HOSTS_MAX = 60

# Opening a FIFO for reading blocks until somebody opens it for writing: no host polls while the gate is shut.
_GATE = """\
#!/bin/sh
set -- $SSH_CONNECTION
echo "$3" >>{folder}/logins
[ -p {folder}/shut ] && read -r _ 2>/dev/null <{folder}/shut
[ -p {folder}/shut-$3 ] && read -r _ 2>/dev/null <{folder}/shut-$3
exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"
"""


class Gate:
    """SSH hosts that count who logs in, and that let nobody's command begin while they are shut."""

    def __init__(self, sshd: Sshd, folder: Path) -> None:
        self._sshd = sshd
        self._folder = folder
        self._logins = folder / "logins"

    @property
    def known_hosts(self) -> Path:
        """The keys of the hosts."""
        return self._sshd.known_hosts

    def inventory(self, hosts: int) -> dict[str, dict[str, object]]:
        """The first hosts as an inventory has them: host000, host001, ..."""
        return {
            name: {
                "ansible_host": self._address(name),
                "ansible_port": self._sshd.port,
                "ansible_ssh_private_key_file": str(self._sshd.key_file),
                "mapsweep_root": str(self._folder / "trees" / name),
            }
            for name in map(host_name, range(hosts))
        }

    def logins(self) -> Counter[str]:
        """How often each host was logged in to since the last reset."""
        if not self._logins.exists():
            return Counter()
        counted = Counter(self._logins.read_text().split())
        return Counter({name: counted[self._address(name)] for name in map(host_name, range(HOSTS_MAX))})

    def shut(self, *names: str) -> None:
        """Let nobody's command begin on these hosts, or on all."""
        for path in self._shutters(names):
            os.mkfifo(path)

    def open(self, *names: str) -> None:
        """Let those go on who wait, and all who come."""
        for path in self._shutters(names):
            if path.exists():
                held = path.rename(path.with_name(f"opened-{path.name}"))
                # with a reader of our own, opening it does not wait for one
                reader = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
                os.close(os.open(held, os.O_WRONLY | os.O_NONBLOCK))
                os.close(reader)
                held.unlink()

    def reset(self) -> None:
        """Open all, and forget who logged in."""
        self.open(*(path.name.removeprefix("shut-") for path in self._folder.glob("shut-*")))
        self.open()
        self._logins.unlink(missing_ok=True)

    def _shutters(self, names: tuple[str, ...]) -> list[Path]:
        if not names:
            return [self._folder / "shut"]
        return [
            self._folder / f"shut-{self._address(name) if name.startswith('host') else name}"
            for name in names
        ]

    def _address(self, name: str) -> str:
        return self._sshd.host(int(name.removeprefix("host"))).address


def host_name(number: int) -> str:
    """The name of the `number`th host, from 0."""
    return f"host{number:03}"


@contextmanager
def gate(folder: Path) -> Iterator[Gate]:
    """The hosts while the block runs; each replays a tree with one process that has the host's name."""
    for name in map(host_name, range(HOSTS_MAX)):
        add_process(folder / "trees" / name, 7, name=name.encode())
        add_facts(folder / "trees" / name)
    script = folder / "gate.sh"
    script.write_text(_GATE.format(folder=folder))
    script.chmod(0o755)
    with serve(folder, f"ForceCommand {script}", hosts=HOSTS_MAX) as sshd:
        yield Gate(sshd, folder)


class PostOffice:
    """A mail server at one address, that can be down."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.mailbox = Mailbox()
        self.port = free_port()
        self._up: ExitStack | None = None

    def up(self) -> None:
        """Listen."""
        stack = ExitStack()
        stack.enter_context(mail_server(self._folder, "plain", self.mailbox, self.port))
        self._up = stack

    def down(self) -> None:
        """Listen no more."""
        if self._up is not None:
            self._up.close()
            self._up = None
