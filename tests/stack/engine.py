"""A container engine of the stack's own: it listens on a socket in its folder and leaves nothing behind."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ANSWERS_WITHIN_S = 60
COMMAND_S = 900
BRIDGE = Path("/sys/class/net/docker0")


@dataclass(frozen=True, slots=True)
class Engine:
    """A dockerd that runs, and the compose project in `project`."""

    folder: Path
    project: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """For docker and docker-compose."""
        own = {
            "DOCKER_HOST": f"unix://{self.folder}/docker.sock",
            "DOCKER_BUILDKIT": "0",
            "COMPOSE_PROJECT_NAME": "mapsweep-stack",
        }
        return dict(os.environ) | own | dict(self.variables)

    def docker(self, *arguments: str) -> str:
        """What a docker command prints."""
        return self._run("docker", *arguments)

    def compose(self, *arguments: str) -> str:
        """What a docker-compose command prints; the project's file and the stack's are merged."""
        files = ("--file", "docker-compose.yml", "--file", "stack.yml")
        return self._run("docker-compose", *files, *arguments)

    def _run(self, *command: str) -> str:
        ended = subprocess.run(
            command,
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_S,
        )
        if ended.returncode:
            raise SystemExit(f"{' '.join(command)}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}")
        return ended.stdout

    def state(self, service: str) -> str:
        """`running healthy 0`: state, health and number of restarts of a service's container."""
        shown = "{{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{end}} {{.RestartCount}}"
        return self.docker("inspect", "--format", shown, self.container(service)).strip()

    def container(self, service: str) -> str:
        """The id of a service's container, also where it has ended."""
        return self.compose("ps", "--quiet", service).split()[0]

    def main_process(self, service: str) -> int:
        """The pid of what a service runs, the child of the engine's init."""
        init = self.docker("inspect", "--format", "{{.State.Pid}}", self.container(service)).strip()
        return int(Path(f"/proc/{init}/task/{init}/children").read_text().split()[0])

    @property
    def archive(self) -> Path:
        """The folder of the runs, in the volume."""
        return self.folder / "data/volumes/mapsweep-stack_archive/_data/runs"


@contextlib.contextmanager
def engine(folder: Path, project: Path, variables: Mapping[str, str]) -> Iterator[Engine]:
    """Start dockerd, and end it with its images, volumes and bridge."""
    had_bridge = BRIDGE.exists()
    drivers = Path("/proc/filesystems").read_text().split()
    started = Engine(folder, project, variables)
    with (folder / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(
            [
                "dockerd",
                f"--data-root={folder}/data",
                f"--exec-root={folder}/exec",
                f"--pidfile={folder}/dockerd.pid",
                f"--host=unix://{folder}/docker.sock",
                f"--storage-driver={'overlay2' if 'overlay' in drivers else 'vfs'}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        _await(daemon, folder)
        try:
            yield started
        finally:
            with contextlib.suppress(SystemExit):
                started.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")
    finally:
        daemon.terminate()
        daemon.wait(ANSWERS_WITHIN_S)
        if not had_bridge and BRIDGE.exists():
            subprocess.run(["ip", "link", "delete", "docker0"], check=False)
        for mounted in _mounts_below(folder):
            subprocess.run(["umount", "--lazy", mounted], check=False)


def _mounts_below(folder: Path) -> list[str]:
    """What dockerd leaves mounted, the deepest first."""
    mounts = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return sorted((each for each in mounts if each.startswith(f"{folder}/")), reverse=True)


def _await(daemon: "subprocess.Popen[bytes]", folder: Path) -> None:
    until = time.monotonic() + ANSWERS_WITHIN_S
    while not (folder / "docker.sock").exists() or b"API listen" not in (folder / "dockerd.log").read_bytes():
        if daemon.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"dockerd does not start:\n{(folder / 'dockerd.log').read_text()[-3000:]}")
        time.sleep(0.2)
