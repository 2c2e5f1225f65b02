"""Three servers that nobody knows yet, in mount namespaces of their own; one needs sudo for its processes."""

import contextlib
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.own_etc import OWN_ETC
from tests.sshd import Sshd, serve

# for a machine on which much else is executed
PATIENT = {
    **{f"{stage}_s": 120 for stage in ("tcp", "banner", "kex", "auth", "exec", "idle")},
    "total_s": 600,
}
ACCOUNT = "nobody"  # gets a shell there, and may do nothing
_WITHIN = f"""\
{OWN_ETC}mount --bind "$1" /etc/sudoers || exit 77
mount --bind "$2" /etc/passwd || exit 77
mount --bind "$5" /etc/sudoers.d || exit 77
if test -n "$4"; then mount -t proc -o "$4" proc /proc || exit 77; fi
if test -s "$3"; then mount --bind "$3" /proc/stat || exit 77; fi
shift 5
exec "$@"
"""


@dataclass(frozen=True, slots=True)
class FreshHost:
    """A server whose account has a shell, and the files that are put in place of its own."""

    server: Sshd
    sudoers: Path
    proc_stat: Path  # empty: its own

    def variables(self, number: int, *, become: bool = False) -> dict[str, object]:
        """As an inventory has them."""
        host = self.server.host(number)
        return {
            "ansible_host": host.address,
            "ansible_port": host.port,
            "ansible_user": ACCOUNT,
            "ansible_ssh_private_key_file": host.key_file,
            **({"ansible_become": True} if become else {}),
        }


@contextlib.contextmanager
def fresh_host(*, proc_stat: str = "", proc_options: str = "") -> Iterator[FreshHost]:
    """Starts one; its host key is in no known_hosts. It takes root.

    It has a folder of its own: those of pytest are closed to other accounts by each pytest that starts.
    `proc_options` are those of a /proc of its own, never of this machine's: a remount would change that one.
    """
    with tempfile.TemporaryDirectory(prefix="mapsweep-host-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # the account has to reach its authorized_keys
        with _served(folder, proc_stat, proc_options) as host:
            yield host


@contextlib.contextmanager
def _served(folder: Path, proc_stat: str, proc_options: str) -> Iterator[FreshHost]:
    sudoers, passwd, clock, script = (folder / name for name in ("sudoers", "passwd", "stat", "within"))
    sudoers.write_text("root ALL=(ALL) ALL\n@includedir /etc/sudoers.d\n")
    rules = folder / "sudoers.d"
    rules.mkdir()
    sudoers.chmod(0o440)
    lines = Path("/etc/passwd").read_text().splitlines()
    shells = [
        f"{line.rpartition(':')[0]}:/bin/sh" if line.startswith(f"{ACCOUNT}:") else line for line in lines
    ]
    passwd.write_text("\n".join(shells) + "\n")
    clock.write_text(proc_stat)
    script.write_text(_WITHIN)
    places = (str(script), str(sudoers), str(passwd), str(clock), proc_options, str(rules))
    with serve(folder, within=("unshare", "--mount", "/bin/sh", *places)) as server:
        server.known_hosts.unlink()
        yield FreshHost(server, sudoers, clock)


def inventory(path: Path, hosts: dict[str, dict[str, object]]) -> Path:
    """An inventory of these hosts; JSON is YAML."""
    path.write_text(json.dumps({"all": {"hosts": hosts}}))
    return path
