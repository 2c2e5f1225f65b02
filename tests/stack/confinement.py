"""What confines the services, asked of the kernel and the engine and not of the compose file."""

import json
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from tests.stack.engine import Engine
from tests.stack.project import ACCOUNT
from tests.test_release import LOCK, locked

IMAGE = "mapsweep:local"
ARCHIVE = "mapsweep-stack_archive"
WITH_ARCHIVE = {"worker-collect", "worker-classify", "worker-report"}
BESIDE = {"mapsweep", "pip", "setuptools"}  # in the image's environment, but not in the lock
LISTED = (
    "import json, sys; from importlib.metadata import distributions;"
    "print(json.dumps(['%d.%d.%d' % sys.version_info[:3], {d.name: d.version for d in distributions()}]))"
)


def loose(stack: Engine, service: str) -> list[str]:
    """What does not confine a service that runs; none if all is well."""
    (container,) = json.loads(stack.docker("inspect", stack.container(service)))
    found = [*_process(int(container["State"]["Pid"])), *_limits(container["HostConfig"])]
    has_archive = any(mount.get("Name") == ARCHIVE for mount in container["Mounts"])
    if has_archive != (service in WITH_ARCHIVE):
        found.append(f"has the archive: {has_archive}")
    return [f"{service}: {each}" for each in found]


def _process(pid: int) -> list[str]:
    """Of its first process, and of the mounts that it sees."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    found = [f"{name} is {status[name]}" for name in ("Uid", "Gid") if set(status[name]) != {str(ACCOUNT)}]
    found += [
        f"{name} is {status[name]}" for name in ("CapEff", "CapPrm", "CapBnd") if int(status[name][0], 16)
    ]
    if status["NoNewPrivs"] != ["1"]:
        found.append("may gain privileges")
    mounts = {
        fields[4]: set(fields[5].split(","))
        for fields in map(str.split, Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
    }
    if "ro" not in mounts["/"]:
        found.append("writes its root")
    if not {"noexec", "nosuid", "nodev"} <= mounts["/tmp"]:
        found.append(f"/tmp is {mounts['/tmp']}")
    return found


def _limits(asked: dict[str, Any]) -> list[str]:
    """Of the engine for its container."""
    named = {name: asked[name] for name in ("Memory", "MemorySwap", "PidsLimit", "NanoCpus")}
    found = [f"{name} is {value}" for name, value in named.items() if not value or value < 0]
    return found + ([] if named["Memory"] == named["MemorySwap"] else ["swaps"])


def strangers(stack: Engine) -> list[str]:
    """Packages of the image that are not in the lock, or in another version, or not there at all."""
    listed = stack.docker("run", "--rm", "--entrypoint", "/opt/mapsweep/bin/python3", IMAGE, "-c", LISTED)
    python, installed = json.loads(listed)
    here = {(canonicalize_name(name), version) for name, version in installed.items()}
    wanted = set(locked(LOCK, python).items())
    return sorted(f"{name} {version}" for name, version in here ^ wanted if name not in BESIDE)
