"""A real systemd of the tests' own, process 1 of its namespaces, over a copy of this machine's files.

Its root is an overlay of `/`, so units run as they are written, under all their restrictions. The network is
this machine's: the servers of the tests are reached on loopback addresses. mapsweep is installed in
/opt/mapsweep, where the units look for it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

CLONE = Path(__file__).parents[1]
UNITS = CLONE / "deploy/systemd"
SYSTEMD = "/lib/systemd/systemd"
BOOTS_WITHIN_S = 180
CGROUPS = Path("/sys/fs/cgroup")
NOT_SYSTEMDS = {"cpuset", "freezer"}  # hierarchies of version 1 in which systemd makes no groups

# Runs in new namespaces, with a new folder as $1, and becomes systemd. Units of the machine that change what
# namespaces share (its clock, its sysctls, its devices) are not wanted by anything here.
INIT = r"""
set -eu
mount -t tmpfs -o mode=755 none "$1"
cd "$1"
mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
cd root
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mount -t cgroup2 cgroup2 sys/fs/cgroup
else
  mount -t tmpfs -o mode=755 none sys/fs/cgroup
  mkdir sys/fs/cgroup/systemd
  mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
  for controller in memory pids cpu devices; do
    mkdir "sys/fs/cgroup/$controller"
    mount -t cgroup -o "$controller" cgroup "sys/fs/cgroup/$controller"
  done
fi
mount -t tmpfs -o mode=755 none dev
for device in null zero full random urandom tty; do
  : >"dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts dev/shm dev/mqueue dev/hugepages
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=1777 none dev/shm
rm -rf lib/systemd/system/*.wants etc/systemd/system/* opt/mapsweep var/lib/mapsweep etc/mapsweep
mkdir -p opt/python opt/mapsweep/bin opt/mapsweep/source opt/mapsweep/packages
mkdir -p etc/mapsweep etc/systemd/system/service.d
mount --bind "$2" opt/python
mount --bind "$3" opt/mapsweep/packages
mount --bind "$4" opt/mapsweep/source
echo /opt/python/lib >etc/ld.so.conf.d/python.conf
ldconfig -r .
echo "home = /opt/python/bin" >opt/mapsweep/pyvenv.cfg
ln -s "/opt/python/bin/$5" opt/mapsweep/bin/python
mkdir -p "opt/mapsweep/lib/$5/site-packages"
printf '%s\n' /opt/mapsweep/source /opt/mapsweep/packages >"opt/mapsweep/lib/$5/site-packages/mapsweep.pth"
cat >opt/mapsweep/bin/mapsweep <<END
#!/opt/mapsweep/bin/python
from mapsweep.cli import main
if __name__ == '__main__':
    main()
END
chmod 755 opt/mapsweep/bin/mapsweep
cp -r opt/mapsweep/source/deploy/systemd/. etc/systemd/system
systemd-sysusers --root="$PWD" - <etc/systemd/system/mapsweep.sysusers
mount -t tmpfs -o mode=1777 none tmp
mount -t tmpfs -o mode=755 none run
mount --make-rshared . # as process 1 does outside of containers; mounts of credentials rely on it
printf '[Service]\nStandardOutput=append:/run/%%n.log\nStandardError=inherit\n' \
  >etc/systemd/system/service.d/log.conf
printf '[Unit]\nDefaultDependencies=no\n' >etc/systemd/system/tests.target
exec env -i container=tests PATH=/usr/sbin:/usr/bin chroot . "$6" --system --unit=tests.target --show-status=0
"""


@dataclass(frozen=True, slots=True)
class Booted:
    """A systemd that runs."""

    pid: int
    root: Path  # its files, as processes outside of its namespaces see them
    upper: Path  # what has been written over the machine's files

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command as root beside the units, outside of their restrictions."""
        inside = (
            "nsenter",
            "-t",
            str(self.pid),
            "-m",
            "-p",
            "-i",
            "-u",
            "-C",
            "-r",
            "--",
            "env",
            "--chdir=/",
        )
        return subprocess.run(
            (*inside, *command),
            capture_output=True,
            text=True,
            check=check,
            timeout=600,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"},
        )

    def show(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()

    def log(self, unit: str) -> str:
        """What a service has written."""
        file = self.root / "run" / f"{unit}.log"
        return file.read_text() if file.exists() else ""

    def give(self, path: str, text: str, mode: int = 0o644) -> None:
        """Write a file of the machine."""
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode)
        file.chmod(mode)
        file.write_text(text)


@contextlib.contextmanager
def booted(folder: Path) -> Iterator[Booted]:
    """Boot, until the block ends; skips where that is not possible."""
    _skip_unless_possible()
    place = folder / "machine"
    place.mkdir()
    groups = _groups()
    arguments = (
        str(place),
        sys.base_prefix,
        sysconfig.get_path("purelib"),
        str(CLONE),
        f"python3.{sys.version_info.minor}",
        SYSTEMD,
    )
    enter = "; ".join(["set -eu", *(f"echo $$ >{group}/cgroup.procs" for group in groups), 'exec "$@"'])
    unshare = [
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--ipc",
        "--uts",
        "--cgroup",
        "--propagation",
        "private",
    ]
    with (folder / "boot.log").open("wb") as log:
        outer = subprocess.Popen(
            ["sh", "-c", enter, "sh", *unshare, "sh", "-c", INIT, "init", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield _answering(outer, folder)
    finally:
        outer.send_signal(signal.SIGKILL)  # the namespaces' process 1 gets it too, and with it all in them
        outer.wait()
        _remove(groups)


def _skip_unless_possible() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can boot a systemd in namespaces")
    needed = ("unshare", "nsenter", "systemctl", "systemd-analyze", "systemd-sysusers", "ldconfig")
    missing = [name for name in needed if shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin") is None]
    if missing or not Path(SYSTEMD).exists():
        pytest.skip(f"not installed: {', '.join(missing) or SYSTEMD}")
    if "overlay" not in Path("/proc/filesystems").read_text().split():
        pytest.skip("this kernel has no overlay file system")


def _groups() -> list[Path]:
    """Control groups of the systemd's own, made for it."""
    name = f"mapsweep-tests-{os.getpid()}"
    if (CGROUPS / "cgroup.controllers").exists():
        places = [CGROUPS / name]
    else:
        hierarchies = (each.parent.resolve() for each in CGROUPS.glob("*/cgroup.procs"))
        places = [each / name for each in sorted(set(hierarchies)) if each.name not in NOT_SYSTEMDS]
    if not places:
        pytest.skip("control groups are not mounted here")
    for place in places:
        place.mkdir()
    return places


def _remove(groups: Sequence[Path]) -> None:
    """Remove control groups with those below them; processes that were killed need a moment to be gone."""
    until = time.monotonic() + BOOTS_WITHIN_S
    for group in groups:
        while group.exists():
            for below in sorted((each for each in group.rglob("*") if each.is_dir()), reverse=True):
                with contextlib.suppress(OSError):
                    below.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()
            assert time.monotonic() < until, group
            time.sleep(0.02)


def _answering(outer: "subprocess.Popen[bytes]", folder: Path) -> Booted:
    """The systemd, once it takes commands."""
    until = time.monotonic() + BOOTS_WITHIN_S
    children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    while True:
        if outer.poll() is not None or time.monotonic() > until:
            pytest.fail(f"systemd does not boot: {(folder / 'boot.log').read_text()[-2000:]}")
        with contextlib.suppress(OSError, LookupError, subprocess.SubprocessError):
            pid = int(children.read_text().split()[0])
            machine = Booted(
                pid, Path(f"/proc/{pid}/root"), Path(f"/proc/{outer.pid}/root{folder}/machine/upper")
            )
            if machine.run("systemctl", "is-active", "tests.target", check=False).stdout.strip() == "active":
                return machine
        time.sleep(0.05)
