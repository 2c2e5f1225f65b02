"""The identity of each process: its executable, service, container and runtime."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from procmaps.arguments import base_name, is_title, signature
from procmaps.cgroups import Membership, membership, unit_template
from procmaps.facts import display
from procmaps.own_probe import RUNTIME, of_probe
from procmaps.runtimes import programs_of
from procmaps.tables import Snapshot


@dataclass(frozen=True, slots=True)
class IdentityTable:
    """One entry per process, in the order of the ProcessTable; "" if unknown."""

    exe: tuple[str, ...]  # path, from the mapped files or the arguments
    comm: tuple[str, ...]
    signature: tuple[str, ...]  # main class or script, and flag names, no values
    service: tuple[str, ...]  # the name under which processes are compared in the fleet
    unit: tuple[str, ...]  # the systemd unit, with its instance
    container: tuple[str, ...]  # the container's id: an instance, not an image
    pod: tuple[str, ...]  # the uid of a Kubernetes pod
    runtime: tuple[
        str, ...
    ]  # "jvm 17", "python3.11", "node", "go", ...; RUNTIME of the sweep's own processes
    started_at_s: npt.NDArray[np.float64]  # since the epoch, by the host's clock; NaN where unknown

    def __len__(self) -> int:
        return len(self.exe)


def identify(snapshot: Snapshot) -> IdentityTable:
    """The identity of each process of a host.

    A service is the systemd unit without its instance. In a container, in a login session or without systemd,
    it is the executable with its argument signature. The sweep's own processes are a service of their own.
    """
    processes, facts = snapshot.processes, snapshot.facts
    programs = programs_of(snapshot.maps, len(processes))
    exes = [
        path or _from_arguments(argv) or comm
        for path, argv, comm in zip(programs.executable, processes.argv, processes.comm, strict=True)
    ]
    signatures = [signature(argv) for argv in processes.argv]
    memberships = [membership(cgroup) for cgroup in processes.cgroup]
    own = of_probe(processes).tolist()
    names = map(_service, exes, signatures, memberships)
    services = [RUNTIME.encode() if is_own else name for is_own, name in zip(own, names, strict=True)]
    ticks = processes.start_ticks
    known = (ticks >= 0) & (facts.boot_time_s > 0) & (facts.clock_ticks > 0)
    started_at_s = np.where(known, facts.boot_time_s + ticks / max(facts.clock_ticks, 1), np.nan)
    return IdentityTable(
        exe=tuple(map(display, exes)),
        comm=tuple(map(display, processes.comm)),
        signature=tuple(map(display, signatures)),
        service=tuple(map(display, services)),
        unit=tuple(display(member.unit) for member in memberships),
        container=tuple(display(member.container) for member in memberships),
        pod=tuple(display(member.pod) for member in memberships),
        runtime=tuple(
            RUNTIME if is_own else runtime for is_own, runtime in zip(own, programs.runtime, strict=True)
        ),
        started_at_s=started_at_s,
    )


def _from_arguments(argv: tuple[bytes, ...]) -> bytes:
    """The program at the beginning of the arguments; for a title, the words before the colon."""
    if not argv:
        return b""
    if is_title(argv):
        return argv[0].partition(b":")[0].partition(b" ")[0]
    return argv[0].removeprefix(b"-")  # a login shell


def _service(exe: bytes, arguments: bytes, member: Membership) -> bytes:
    if member.unit.endswith(b".service") and not member.container and not member.unit.startswith(b"user@"):
        return unit_template(member.unit)
    return b" ".join(filter(None, (base_name(exe), arguments)))
