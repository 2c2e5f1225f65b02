"""A fleet with the names that fleets have: of hosts, units, containers, virtual machines; and addresses."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from archive import codec
from archive.run import MANIFEST, Run
from procmaps.cgroups import membership
from reports.closing.settle import settle
from tests.reports.fleet import CLOSED_AT, MIB, Answered, Process, heap, run_of, runs_in

HOSTS = (
    *(f"payroll-database-{role}.prod.acmecorp.com" for role in ("primary", "replica", "witness")),
    *(f"web{number:02}.dmz.acmecorp.com" for number in range(1, 6)),
    *(f"ip-10-20-{number}-7.eu-west-1.compute.internal" for number in range(1, 4)),
    *("k8s_node_blue_1", "K8S-Node-Green-2", "SRV-FILE-HQ", "i-0a1b2c3d4e5f60718", "mx1", "db", "vault.corp"),
    *("kafka-broker-3.kfk.acmecorp.com", "gitlab-runner-docker-01", "edge-fra1-r07-u22.acmecorp.com"),
    *(
        "zookeeper.zk.acmecorp.com",
        "10.20.30.40",
        "2001:db8:77::40",
        "payroll-batch",
        "jenkins-agent-x86-lnx",
    ),
)
_DOCKER = "3f4a5b6c7d8e9f0011223344556677889900aabbccddeeff0011223344556677"
_POD = "0f8fad5b_d9cb_469f_a165_70867728950e"
_BARE = "9a8b7c6d5e4f30211203f4e5d6c7b8a990817263544536271809fafbfcfdfeff"
# names that stay would make it no redaction; each stands in a unit, a path or the name of a process
CGROUPS = (
    rf"0::/system.slice/docker-{_DOCKER}.scope",
    rf"0::/kubepods.slice/kubepods-burstable-pod{_POD}.slice/cri-containerd-{_DOCKER[::-1]}.scope",
    rf"0::/machine.slice/libpod-{_BARE}.scope",
    rf"12:pids:/docker/{_BARE[::-1]}",
    r"0::/machine.slice/machine-qemu\x2d3\x2dledgervm.scope",
    r"0::/machine.slice/systemd-nspawn@buildbox\x2dseven.service",
    r"0::/lxc/treasury-proxy/system.slice/treasury-proxy-agent.service",
    r"0::/lxc.payload.hr_portal/system.slice/cron@hr-portal.service",
)
UNITS = (
    *("redis-server@10.1.2.3.service", "openvpn-10.1.2.4.service", "x_10.1.2.5_y.service"),
    *("agent-ip-10-1-2-6.service", "agent_10_1_2_7.service", r"tunnel\x4010.1.2.8.service"),
    *("sshd@0-10.1.2.9:22-10.1.2.10:51234.service", "sshd@3-2001:db8::a1:22-2001:db8::a2:51234.service"),
    *(r"vpn@2001\x3adb8\x3a\x3aa3.service", "x_2001:db8::a4_y.service", "tcp:2001:db8::a5.service"),
    *("y@2001:db8:1:2:3:4:5:a6:51234.service", "z@::ffff:10.1.2.11.service", "w@web01%2Edmz.service"),
    *("mac@52:54:00:ab:cd:e1.service", "mac-52-54-00-ab-cd-e2.service", "dhclient@enx525400abcde3.service"),
    *(
        "backup-payroll-database-primary.service",
        "payroll_database_replica.service",
        "pull@acmecorp.com.service",
    ),
    *(
        r"mon@PAYROLL\x2dDATABASE\x2dWITNESS.prod.service",
        r"a\x5cx2dweb02.service",
        "k8s.node.blue.1.service",
    ),
    *("jmx-com.acmecorp.dmz.service", "web03-dmz-acmecorp-com.service", "run-r0123456789abcdef0123.scope"),
    *("aws-123456789012.service", "node-K8S_NODE_GREEN_2.service", "s3@srv.file.hq.service"),
)
COMMS = (
    "payroll-databas",
    "sync-payroll-ba",
    "x payroll-datab",
    "kafka-broker-3.",
    "gitlab_runner_d",
    "treasury-proxy-",
)
PATHS = (
    "/var/lib/docker/overlay2/" + _DOCKER + "/merged/usr/bin/x",
    "/srv/web04/releases/10.1.2.12/bin/x",
    "/var/lib/libvirt/qemu/ledgervm/agent",
    "/var/lib/lxc/treasury-proxy/rootfs/usr/sbin/x",
    "/opt/edge-fra1-r07-u22/bin/x",
)
_SECRET_ADDRESSES = (
    *(f"10.1.2.{last}" for last in range(3, 13)),
    *(f"2001:db8::a{last}" for last in range(1, 6)),
    *("2001:db8:1:2:3:4:5:a6", "52:54:00:ab:cd:e1", "52:54:00:ab:cd:e2", "525400abcde3"),
)
_SECRET_IDS = (
    *(some[:12] for one in (_DOCKER, _BARE) for some in (one, one[::-1])),
    *(
        _POD,
        "0123456789abcdef0123",
        "123456789012",
        "ledgervm",
        "buildbox-seven",
        "treasury-proxy",
        "hr-portal",
    ),
    *(
        "payroll-dat",
        "sync-payroll",
        "gitlab-runner",
        "treasury",
        "kafka-broker",
        "acmecorp.com",
        "com.acmecorp",
    ),
)


@dataclass(frozen=True, slots=True)
class Secret:
    """What must not be found, as a pattern of a folded text."""

    name: str

    @property
    def is_short(self) -> bool:
        return len(self.name) <= 3

    @property
    def pattern(self) -> str:
        name = re.escape(fold(self.name))
        if self.is_short:
            return rf"(?<![0-9a-z]){name}(?![0-9a-z])"
        return rf"(?<!\d){name}(?!\d)" if name[0].isdigit() else name


def fold(text: str) -> str:
    """A text in small letters, without escapes, and with one character between words."""
    text = re.sub(r"(?:\\+(?:x5c)*x|%)([2-7][0-9a-f])", lambda found: chr(int(found[1], 16)), text.lower())
    return re.sub("[-_.:]", "-", text)


def secrets() -> list[Secret]:
    shorts = [host.partition(".")[0] for host in HOSTS if not host[0].isdigit()]
    return [Secret(name) for name in dict.fromkeys((*HOSTS, *shorts, *_SECRET_ADDRESSES, *_SECRET_IDS))]


def _processes(host: int) -> tuple[Process, ...]:
    """Some of the names on each host, so that all are somewhere."""
    made = []
    for number, cgroup in enumerate(CGROUPS):
        found = membership(cgroup.encode())
        unit, container = found.unit.decode(), found.container.decode()
        made.append(Process(100 + number, service="x", unit=unit, container=container, exe="/usr/bin/x"))
    for number, unit in enumerate(UNITS):
        made.append(Process(200 + number, service=unit, unit=unit, comm="x", exe="/usr/bin/x"))
    for number, comm in enumerate(COMMS):
        made.append(Process(300 + number, comm=comm, service="x"))
    for number, path in enumerate(PATHS):
        made.append(Process(400 + number, exe=path, comm="", service="x"))
    some = made[host % 7 :: 7]
    sized = enumerate(some, start=1)
    return tuple(replace(one, blocks=(heap((host + place) * MIB),)) for place, one in sized)


def run_in(folder: Path) -> Run:
    """A closed run of it."""
    runs = runs_in(folder)
    hosts = (Answered(name, _processes(number), boot_id=_POD) for number, name in enumerate(HOSTS))
    run = run_of(runs, *hosts, close=False)
    planned = tuple(
        replace(host, address=f"10.1.2.{3 + number % 9}") for number, host in enumerate(run.manifest.hosts)
    )
    told = Run(run.store, replace(run.manifest, hosts=planned), run.generation)
    told.store.replace(MANIFEST, [codec.encode(told.manifest)])
    told.close(settle(told, runs, CLOSED_AT))
    return told
