"""The systemd unit and the container that a process's cgroup names."""

from dataclasses import dataclass
from typing import Final

from procmaps.lazy_pattern import compiled
from procmaps.remembered import remembered

LONG_BYTES: Final = 2048  # of version 1, with a path for each controller
CONTAINER_ID_SHOWN: Final = 12  # hex digits, as docker ps prints them

# docker-ID.scope, cri-containerd-ID.scope, crio-ID.scope, libpod-ID.scope; bare in /docker/ID
_CONTAINER = compiled(rb"(?:^|[/:-])(?:[a-z][a-z-]*-)?([0-9a-f]{64})(?:\.scope)?(?=/|$)")
_ECS = compiled(rb"/ecs/(?:[^/]+/)?([0-9a-f]{32})-[0-9]+(?=/|$)")
_POD = compiled(rb"pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12})(?=[./]|$)")
_LXC = compiled(rb"/(?:lxc\.payload\.|lxc/)([^/]+)")
_MACHINE = compiled(rb"/machine\.slice/(?:machine-|systemd-nspawn@)([^/]+?)\.(?:scope|service)")
_UNIT = compiled(rb"([^/]+\.(?:service|scope))(?=/|$)")
_INSTANCE = compiled(rb"@.*(?=\.service$)")


@dataclass(frozen=True, slots=True)
class Membership:
    """The names in a cgroup path; b"" if there are none."""

    unit: bytes
    container: bytes  # an instance, not an image
    pod: bytes  # the uid of a Kubernetes pod


def unit_template(unit: bytes) -> bytes:
    """The unit without its instance: foo@1.service is foo@.service."""
    return _INSTANCE.sub(b"@", unit)


@remembered(4096, LONG_BYTES)  # the processes of a service share their cgroup
def membership(cgroup: bytes) -> Membership:
    """From the text of /proc/PID/cgroup, version 1, 2 or both."""
    paths = _paths(cgroup)
    container = pod = b""
    for path in paths:
        container = container or _container(path)
        found = _POD.search(path)
        pod = pod or (found[1].replace(b"_", b"-") if found else b"")
    unit = b""
    for path in paths:
        units: list[bytes] = _UNIT.findall(path)
        services = [name for name in units if name.endswith(b".service")]
        # the innermost service, because user@1000.service only manages a session
        unit = unit or next((name for name in reversed(services) if not name.startswith(b"user@")), b"")
        unit = unit or (units[-1] if units else b"")
    return Membership(unit, container, pod)


def _paths(cgroup: bytes) -> list[bytes]:
    """The paths in it, systemd's own hierarchy first, then the unified one, then the longest."""
    ranked: list[tuple[int, int, bytes]] = []
    for line in cgroup.split(b"\n"):
        fields = line.split(b":", 2)
        if len(fields) == 3 and fields[2] not in (b"", b"/"):
            first = 0 if fields[1] == b"name=systemd" else 1 if not fields[1] else 2
            ranked.append((first, -len(fields[2]), fields[2]))
    return [path for _, _, path in sorted(ranked)]


def _container(path: bytes) -> bytes:
    found = _CONTAINER.findall(path)
    if found:
        # the innermost container runs the process (kind, docker in docker)
        innermost: bytes = found[-1]
        return innermost[:CONTAINER_ID_SHOWN]
    for pattern in (_ECS, _LXC, _MACHINE):
        named = pattern.search(path)
        if named:
            return named[1][:CONTAINER_ID_SHOWN] if pattern is _ECS else named[1]
    return b""
