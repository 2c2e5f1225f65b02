"""The farm: a real sshd with a fault per range of addresses, fake servers, and healthy hosts."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from domain.records import Host
from tests import sshd
from tests.farm.fakes import Fake
from tests.farm.kinds import OF_FAKES, OF_SSHD, SUDO_ELSEWHERE, Kind
from tests.sudo_host import SudoHost

STRANGERS: Final = 4
HEALTHY: Final = "healthy"
# what a healthy host sends, with its nonce in the place of NONCE
MEMORY: Final = "NONCE maps 7\n1000-2000 rw-p 00000000 00:00 0\n\nNONCE end 0\nlisted=1 sent=1 kernel=0\n"
IDENTITY: Final = "NONCE comm 7\nsh\n\nNONCE end 0\nsent=1\n"


@dataclass(frozen=True)
class Farm:
    """The servers, as hosts of a sweep."""

    server: sshd.Sshd
    ports: dict[str, int]  # of the fakes, by the name of their kind
    strangers: tuple[Path, ...]

    def healthy(self, count: int) -> tuple[Host, ...]:
        """Hosts that answer, always with the same bytes."""
        return tuple(
            Host(f"{HEALTHY} {n}", f"127.20.0.{1 + n}", self.server.port, key_file=str(self.server.key_file))
            for n in range(count)
        )

    def ill(self, kind: Kind, count: int) -> tuple[Host, ...]:
        """Hosts of one kind."""
        place = (*OF_SSHD, *OF_FAKES).index(kind)
        port = self.ports.get(kind.name, self.server.port)
        key = str(self.server.key_file) if kind.own_key else ""
        return tuple(
            Host(
                f"{kind.name} {n}",
                f"127.20.{1 + place}.{1 + n}",
                port,
                user=kind.account,
                key_file=key,
                become=kind.become,
            )
            for n in range(count)
        )


@contextlib.contextmanager
def farm(folder: Path) -> Iterator[Farm]:
    """All servers, until the block ends."""
    _write_tools(folder)
    (folder / "replay").write_text(_replay())
    lines = ["Match LocalAddress 127.20.0.0/24", f"ForceCommand sh {folder}/replay"]
    for place, kind in enumerate(OF_SSHD):
        lines += [f"Match LocalAddress 127.20.{1 + place}.0/24"]
        lines += [line.replace("FOLDER", str(folder)) for line in kind.lines]
    strangers = tuple(folder / f"stranger{n}" for n in range(STRANGERS))
    for path in strangers:
        sshd.keygen(path)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(sshd.serve(folder, *lines, hosts=0, within=_own_accounts(folder)))
        key = (folder / "hostkey.pub").read_text().rsplit(" ", 1)[0]
        server.known_hosts.write_text(f"[127.20.*]:{server.port} {key}\n")
        ports = {
            kind.name: stack.enter_context(Fake(kind.script)).port
            for kind in OF_FAKES
            if kind.script is not None
        }
        yield Farm(server, ports, strangers)


def _own_accounts(folder: Path) -> tuple[str, ...]:
    """The command that gives accounts of this machine a shell and their lines of sudoers; only root can."""
    if os.geteuid() != 0:
        return ()
    files = SudoHost(folder)
    kinds = [kind for kind in OF_SSHD if kind.account]
    files.prepare("".join(f"{kind.sudoers}\n" for kind in kinds), {kind.account: "/bin/sh" for kind in kinds})
    return files.within


def _write_tools(folder: Path) -> None:
    """The PATHs of some hosts: a sudo that speaks another language, and nothing at all."""
    for name in ("elsewhere", "nothing"):
        (folder / name).mkdir()
    sudo = folder / "elsewhere" / "sudo"
    sudo.write_text(f"#!/bin/sh\necho '{SUDO_ELSEWHERE}' >&2\nexit 1\n", encoding="utf-8")
    sudo.chmod(0o755)


def _replay() -> str:
    parts = (
        f"printf '{text}' | sed s/NONCE/$nonce/ | gzip -1n\n".replace("\n", "\\n", text.count("\n"))
        for text in (MEMORY, IDENTITY)
    )
    return 'read -r nonce\necho "$nonce begin 1"\n' + "".join(parts)
