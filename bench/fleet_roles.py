"""The roles of the hosts of a made fleet, and which services run on each."""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class How(Enum):
    """How the processes of a service were started; it decides by which name they are compared."""

    UNIT = "one systemd unit for all of them"
    INSTANCES = "a systemd unit with an instance for each"
    CONTAINERS = "a container for each"
    SESSIONS = "a login session for each"


@dataclass(frozen=True, slots=True)
class Service:
    """A service of a role. `{}` in its name and path is the product that the host belongs to."""

    name: str
    templates: tuple[str, ...]  # of which each product takes one
    path: str = ""  # of the executable; "": as it was recorded
    how: How = How.UNIT
    count: int = 0  # processes on every host of the role, before the rest is filled
    share: float = 0.0  # part of the rest of the processes


@dataclass(frozen=True, slots=True)
class Role:
    """A kind of host."""

    name: str
    share: float  # part of the fleet
    services: tuple[Service, ...]


_DAEMON: Final = ("sshd-trixie", "app-01/sshd", "b-rsyslogd", "edge-01/nginx")
_JVMS: Final = (
    *("app-01/java", "app-02/java", "app-03/java", "app-05/java", "jvm17-g1-default", "jvm21-g1-default"),
    *("jvm25-sid-g1", "jvm8-parallel-default", "jvm11-g1-default"),
)
_LARGE_JVMS: Final = (
    *("app-04/java", "jvm17-arenas-80", "jvm21-serial-arenas-60", "jvm17-g1-xss8m-220threads"),
    *("j-spark-17-parallel", "batch-01/java", "jvm17-parallel-4g-xss256k", "j-classes-17-g1-default"),
    *("jvm21-zgc-generational", "jvm25-shenandoah-gen"),
)
_PYTHONS: Final = ("py311-threads", "b-py-gevent", "sid-python3-threads", "batch-01/python3", "b-py-duckdb")
_NODES: Final = ("web-01/node", "node20-main", "b-node-webpack-watch")
_GO: Final = ("edge-01/zoo-go", "edge-01/zoo-go-cgo", "go-pure-goroutines", "b-etcd")

# On every host, after the services of its role. Small daemons stand for one another.
BASE: Final = (
    Service("ssh", ("app-01/sshd",), count=1),
    Service("node-exporter", ("here-go-pure-small",), "/usr/local/bin/node_exporter", count=1),
    Service("rsyslog", ("b-rsyslogd",), count=1),
    Service("cron", ("sshd-trixie",), "/usr/sbin/cron", count=1),
    Service("systemd-journald", _DAEMON[1:2], "/usr/lib/systemd/systemd-journald", count=1),
    Service("chrony", ("sshd-trixie",), "/usr/sbin/chronyd", count=1),
    Service("log-shipper", ("edge-01/zoo-go",), "/opt/log-shipper/log-shipper", count=1),
    Service("dbus", ("edge-01/nginx",), "/usr/bin/dbus-daemon", count=1),
    Service("getty@", ("sshd-trixie",), "/usr/sbin/agetty", How.INSTANCES, count=1),
    Service("bash", ("app-01/sshd",), "/usr/bin/bash", How.SESSIONS, share=0.04),
)
ROLES: Final = (
    Role(
        "app",
        0.34,
        (
            Service("{}-api", _JVMS, count=1),
            Service("{}-events", _LARGE_JVMS, count=1),
            Service("{}-worker@", _PYTHONS, how=How.INSTANCES, share=0.34),
            Service("{}-render", _NODES, share=0.12),
            Service("php-fpm", ("here-php-huge-pages",), "/usr/sbin/php-fpm8.2", share=0.3),
            Service("{}-proxy", _GO, "/opt/{0}/{0}-proxy", share=0.1),
        ),
    ),
    Role(
        "db",
        0.2,
        (
            Service("postgresql@", ("db-01/postgres", "postgres-trixie-postmaster"), count=2),
            Service("pgbouncer", ("sshd-trixie",), "/usr/sbin/pgbouncer", count=1),
            Service("postgresql@", ("trixie-postgres-backend", "postgres-trixie-backend1"), share=0.8),
            Service("{}-exporter", ("here-go-pure-small",), "/opt/{0}/exporter", share=0.05),
        ),
    ),
    Role(
        "node",
        0.2,
        (
            Service("kubelet", ("edge-01/zoo-go-cgo",), "/usr/bin/kubelet", count=1),
            Service("containerd", ("edge-01/zoo-go",), "/usr/bin/containerd", count=1),
            Service("{}-search", _LARGE_JVMS, how=How.CONTAINERS, count=1),
            Service("{}-orders", _JVMS, how=How.CONTAINERS, share=0.08),
            Service("{}-site", _NODES, how=How.CONTAINERS, share=0.17),
            Service("{}-jobs", _PYTHONS, how=How.CONTAINERS, share=0.25),
            Service("{}-queue", ("here-erlang-processes",), how=How.CONTAINERS, share=0.05),
            Service("{}-shop", ("dotnet-server",), how=How.CONTAINERS, share=0.08),
            Service("{}-gateway", _GO, "/opt/{0}/gateway", How.CONTAINERS, share=0.12),
            Service("containerd-shim", ("go-pure-goroutines",), "/usr/bin/containerd-shim", share=0.15),
        ),
    ),
    Role(
        "edge",
        0.12,
        (
            Service("nginx", ("edge-01/nginx",), count=3),
            Service("varnish", ("b-varnish-worker",), count=1),
            Service("{}-router", _GO, "/opt/{0}/router", count=1),
            Service("nginx", ("here-nginx-worker",), share=0.3),
            Service("{}-edge", _NODES, share=0.3),
            Service("{}-auth@", _PYTHONS, how=How.INSTANCES, share=0.3),
        ),
    ),
    Role(
        "cache",
        0.08,
        (
            Service("redis-server@", ("web-01/redis-server", "redis-host-236"), how=How.INSTANCES, count=3),
            Service("memcached", ("here-memcached-large",), count=1),
            Service("redis-server@", ("web-01/redis-server",), how=How.INSTANCES, share=0.5),
            Service("{}-cache@", _JVMS, how=How.INSTANCES, share=0.15),
            Service("{}-warmer", _PYTHONS, share=0.25),
        ),
    ),
    Role(
        "batch",
        0.06,
        (
            Service("mariadb", ("mariadb-trixie-default",), count=1),
            Service("{}-ledger", _LARGE_JVMS, count=1),
            Service("{}-report@", ("b-R-data", "here-ruby-large"), how=How.INSTANCES, share=0.3),
            Service("{}-forecast@", _PYTHONS, how=How.INSTANCES, share=0.4),
            Service("{}-mono", ("here-mono-large",), share=0.05),
            Service("clamav-daemon", ("b-clamd",), share=0.15),
        ),
    ),
)
PRODUCTS: Final = (
    *("checkout", "ledger", "catalogue", "search", "identity", "billing", "pricing", "stock", "shipping"),
    *("returns", "reviews", "mail", "media", "maps", "routing", "fraud", "vouchers", "loyalty", "content"),
    *("support", "survey", "metrics", "tracing", "audit", "payroll", "ads", "feeds", "partner", "invoice"),
    *("customs", "fleet", "depot", "booking", "seating", "ticket", "wallet", "cards", "quotes", "risk"),
)
SITES: Final = ("fra1", "ams2", "dub1", "iad3", "sin1")
DOMAIN: Final = "example.net"
# (osrelease, os-release's name, share)
SYSTEMS: Final = (
    ("6.1.0-28-amd64", "Debian GNU/Linux 12 (bookworm)", 0.45),
    ("6.12.9-amd64", "Debian GNU/Linux 13 (trixie)", 0.2),
    ("5.15.0-125-generic", "Ubuntu 22.04.5 LTS", 0.2),
    ("5.10.0-33-amd64", "Debian GNU/Linux 11 (bullseye)", 0.1),
    ("6.8.0-49-generic", "Ubuntu 24.04.1 LTS", 0.05),
)
