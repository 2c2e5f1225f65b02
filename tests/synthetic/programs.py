"""What runs on the hosts of a made fleet: programs, the kinds of their memory, and the roles of hosts."""

from dataclasses import dataclass
from typing import Final

KIB: Final = 2**10
MIB: Final = 2**20
FILES: Final = ("file_code", "file_rodata", "file_data")


@dataclass(frozen=True, slots=True)
class Part:
    """Memory of one kind in a program: the median of what is committed, and how it is cut into blocks."""

    kind: str
    committed_bytes: int
    reserved_factor: int = 1
    block_bytes: int = 0
    blocks: int = 1  # about so many


@dataclass(frozen=True, slots=True)
class Program:
    """A program; {app} and {port} in its texts differ per host."""

    comm: str
    exe: str
    arguments: str
    service: str
    runtime: str
    threads: int
    parts: tuple[Part, ...]
    container: bool = False


def _native(heap_bytes: int, *more: Part) -> tuple[Part, ...]:
    """The parts of a program in C with so much heap."""
    return (
        Part("heap_main", heap_bytes),
        Part("main_stack", 132 * KIB, reserved_factor=1),
        Part("file_code", 3 * MIB),
        Part("file_rodata", 2 * MIB),
        Part("file_data", 300 * KIB),
        Part("file_bss", 60 * KIB),
        Part("loader", 200 * KIB),
        Part("system", 24 * KIB),
        *more,
    )


def _threads(blocks: int) -> Part:
    """Stacks of so many threads, of 8 MiB each."""
    return Part("thread_stack", blocks * 96 * KIB, reserved_factor=85, block_bytes=8 * MIB, blocks=blocks)


_JVM: Final = (
    *_native(40 * MIB, _threads(60)),
    Part("heap_arena", 180 * MIB, reserved_factor=3, block_bytes=64 * MIB, blocks=9),
    Part("heap_mmap", 24 * MIB),
    Part("java_heap", 700 * MIB, reserved_factor=2),
    Part("java_metaspace", 110 * MIB, reserved_factor=9),
    Part("java_code", 48 * MIB, reserved_factor=5),
    Part("java_gc", 60 * MIB),
    Part("java_cds", 13 * MIB),
    Part("reserved", 0, reserved_factor=1),
    Part("anonymous", 2 * MIB),
)
_GO: Final = (
    Part("go_heap", 60 * MIB, reserved_factor=2),
    Part("go_runtime", 8 * MIB, reserved_factor=3),
    Part("file_code", 18 * MIB),
    Part("main_stack", 132 * KIB),
    Part("anonymous", 1 * MIB),
)
_PYTHON: Final = _native(30 * MIB, _threads(6), Part("py_arena", 45 * MIB), Part("heap_mmap", 8 * MIB))
_NODE: Final = _native(
    35 * MIB, _threads(11), Part("v8_heap", 120 * MIB), Part("v8_code", 20 * MIB, reserved_factor=6)
)
_BEAM: Final = _native(4 * MIB, _threads(30), Part("beam_heap", 200 * MIB, reserved_factor=4))
_POSTGRES: Final = _native(6 * MIB, Part("shm", 900 * MIB), Part("heap_mmap", 2 * MIB))


def _daemon(comm: str, heap_bytes: int, *more: Part, path: str = "/usr/sbin/") -> Program:
    return Program(comm, path + comm, path + comm, f"{comm}.service", "", 1, _native(heap_bytes, *more))


PROGRAMS: Final[dict[str, Program]] = {
    "api": Program(
        "java",
        "/usr/lib/jvm/java-21/bin/java",
        "java -Xmx2g -jar /srv/{app}/{app}.jar --port {port}",
        "{app}.service",
        "jvm 21",
        64,
        _JVM,
    ),
    "worker": Program(
        "{app}-worker",
        "/srv/{app}/worker",
        "/srv/{app}/worker --queue {app} --port {port}",
        "{app}-worker@.service",
        "",
        8,
        _native(90 * MIB, _threads(8)),
    ),
    "web": Program(
        "nginx",
        "/usr/sbin/nginx",
        "nginx: worker process",
        "nginx.service",
        "",
        1,
        _native(9 * MIB, Part("shm", 10 * MIB)),
    ),
    "gunicorn": Program(
        "gunicorn",
        "/usr/bin/python3.11",
        "gunicorn {app}.wsgi -b :{port}",
        "{app}-web.service",
        "python3.11",
        6,
        _PYTHON,
    ),
    "node": Program(
        "node",
        "/usr/bin/node",
        "node /srv/{app}/server.js {port}",
        "{app}-ui",
        "node",
        11,
        _NODE,
        container=True,
    ),
    "postgres": Program(
        "postgres",
        "/usr/lib/postgresql/16/bin/postgres",
        "postgres: {app} {app} 10.0.0.7({port}) idle",
        "postgresql@.service",
        "",
        1,
        _POSTGRES,
    ),
    "redis": Program(
        "redis-server",
        "/usr/bin/redis-server",
        "/usr/bin/redis-server 127.0.0.1:{port}",
        "redis-server.service",
        "",
        5,
        _native(2 * MIB, _threads(4), Part("heap_allocator", 300 * MIB)),
    ),
    "rabbit": Program(
        "beam.smp",
        "/usr/lib/erlang/bin/beam.smp",
        "beam.smp -W w -MBas ageffcbf",
        "rabbitmq-server.service",
        "beam",
        32,
        _BEAM,
    ),
    "envoy": Program(
        "envoy",
        "/usr/bin/envoy",
        "/usr/bin/envoy -c /etc/envoy.yaml --base-id {port}",
        "envoy.service",
        "",
        9,
        _native(3 * MIB, _threads(8), Part("heap_allocator", 60 * MIB)),
    ),
    "exporter": Program(
        "node_exporter",
        "/usr/bin/node_exporter",
        "/usr/bin/node_exporter",
        "node-exporter.service",
        "go",
        9,
        _GO,
    ),
    "agent": Program(
        "otelcol",
        "/usr/bin/otelcol",
        "/usr/bin/otelcol --config=/etc/otel.yaml",
        "otelcol.service",
        "go",
        14,
        _GO,
        container=True,
    ),
    "systemd": _daemon("systemd", 3 * MIB, path="/lib/systemd/"),
    "journald": _daemon("systemd-journald", 2 * MIB, Part("file_data", 40 * MIB), path="/lib/systemd/"),
    "sshd": _daemon("sshd", 1 * MIB),
    "rsyslogd": _daemon("rsyslogd", 2 * MIB, _threads(3)),
    "chronyd": _daemon("chronyd", 600 * KIB),
    "cron": _daemon("cron", 500 * KIB),
    "dbus": _daemon("dbus-daemon", 900 * KIB, path="/usr/bin/"),
}
DAEMONS: Final = ("systemd", "journald", "sshd", "exporter", "rsyslogd", "chronyd", "cron", "dbus", "agent")
ROLES: Final[dict[str, tuple[str, ...]]] = {  # what repeats stands last
    "app": ("api", "envoy", "worker"),
    "edge": ("envoy", "web"),
    "site": ("web", "gunicorn", "node"),
    "db": ("agent", "postgres"),
    "cache": ("envoy", "redis"),
    "queue": ("rabbit", "worker"),
}
APPS: Final = (
    *("orders", "payments", "catalog", "search", "users", "mailer", "billing", "stock", "prices", "images"),
    *("reviews", "carts", "returns", "fraud", "ledger", "events", "audit", "geo", "quotes", "alerts"),
)
ZONES: Final = ("fra1", "fra2", "ams1", "iad1")


def on_a_host(role: str, processes: int) -> list[str]:
    """The programs of a host of this role; what repeats fills up the number."""
    own = ROLES[role]
    few = [*own, *DAEMONS][:processes]
    return few + [own[-1]] * (processes - len(few))
