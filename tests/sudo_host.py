"""A host of its own for sshd: a mount namespace with a sudoers and a passwd that tests write."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.own_etc import OWN_ETC

# The folder's parents are closed to other accounts, and pytest sees that they stay so: they are covered.
NAMESPACE: Final = f"""\
umask 022
{OWN_ETC}mount --bind "$1/sudoers" /etc/sudoers &&
mount --bind "$1/passwd" /etc/passwd &&
mount --bind "$1" /mnt &&
mount -t tmpfs -o mode=755 none "$2" &&
mkdir -p "$1" &&
mount --move /mnt "$1" || exit 77
shift 2
exec "$@"
"""


@dataclass(frozen=True)
class SudoHost:
    """Files in `folder` that stand for those of /etc; they are written in place, as a mount asks for."""

    folder: Path

    @property
    def within(self) -> tuple[str, ...]:
        """The command that runs another one on this host. It needs root."""
        covered = self.folder.parents[-3]
        return ("unshare", "--mount", "/bin/sh", f"{self.folder}/within", str(self.folder), str(covered))

    def prepare(self, sudoers: str = "", shells: Mapping[str, str] | None = None) -> None:
        """Writes all files; all accounts of the host can read the folder then."""
        self.folder.chmod(0o711)
        (self.folder / "within").write_text(NAMESPACE)
        (self.folder / "sudoers").touch(mode=0o440)
        self.allow(sudoers)
        self.give_shells(shells or {})

    def allow(self, sudoers: str) -> None:
        """Another text of sudoers."""
        (self.folder / "sudoers").write_text(sudoers)

    def give_shells(self, shells: Mapping[str, str]) -> None:
        """This machine's accounts, some of them with another login shell."""
        lines = []
        for line in Path("/etc/passwd").read_text().splitlines():
            rest, _, shell = line.rpartition(":")
            lines.append(f"{rest}:{shells.get(line.partition(':')[0], shell)}\n")
        (self.folder / "passwd").write_text("".join(lines))
