"""Servers that are compared where they are found, each started with a load, for this machine alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

SCRIPTS: Final = Path(__file__).with_name("servers")


@dataclass(frozen=True, slots=True)
class Service:
    """A script of shell that fills a server and becomes it; D is a folder of its own, P a port."""

    name: str
    executable: str  # looked for; what is not found is left out
    script: str
    flags: str = ""
    environment: str = ""
    child: str = ""  # the process to look at is the child whose command line holds this
    traced: bool = True

    @property
    def text(self) -> str:
        """What the shell is given."""
        return f"FLAGS='{self.flags}'\n" + (SCRIPTS / f"{self.script}.sh").read_text()


_CACHES: Final = (
    "--innodb-buffer-pool-size=800M --key-buffer-size=200M --aria-pagecache-buffer-size=100M "
    "--query-cache-type=1 --query-cache-size=60M --sort-buffer-size=16M --thread-stack=1M"
)
_DOTNET: Final = "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 LOAD=50,10,20"
_SINGLE: Final = "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 AZURE_MCP_COLLECT_TELEMETRY=false"
SERVICES: Final[tuple[Service, ...]] = (
    Service("mariadb-default", "mariadbd", "mariadb", "", "CLIENTS=4"),
    Service("mariadb-caches", "mariadbd", "mariadb", _CACHES, "CLIENTS=40"),
    Service(
        *("mariadb-jemalloc", "mariadbd", "mariadb", "--innodb-buffer-pool-size=300M"),
        "CLIENTS=10 LD_PRELOAD=libjemalloc.so.2",
    ),
    Service("redis-default", "redis-server", "redis", "", "KEYS=100000"),
    Service("redis-io-threads", "redis-server", "redis", "--io-threads 4", "KEYS=20000"),
    Service("redis-mimalloc", "redis-server", "redis", "", "KEYS=50000 LD_PRELOAD=libmimalloc.so.2"),
    Service("memcached-default", "memcached", "memcached"),
    Service("memcached-large", "memcached", "memcached", "-m 1000 -t 16 -o no_lru_crawler -L"),
    Service("postgres-main", "psql", "postgres", "", "CLIENTS=1", traced=False),
    Service(
        *("postgres-backend", "psql", "postgres", "-c shared_buffers=600MB", "CLIENTS=20", "[local] "),
        traced=False,
    ),
    Service("nginx-worker", "nginx", "nginx", child="worker process", traced=False),
    Service("dotnet-default", "dotnet", "dotnet", "", _DOTNET),
    Service("dotnet-large", "dotnet", "dotnet", "", _DOTNET.replace("50,10,20", "600,4,100")),
    Service("dotnet-server", "dotnet", "dotnet", "", f"{_DOTNET} COMPlus_gcServer=1"),
    Service("dotnet-limit", "dotnet", "dotnet", "", f"{_DOTNET} COMPlus_GCHeapHardLimit=C800000"),
    Service("dotnet-single-default", "azmcp", "dotnet_single", "", _SINGLE),
    Service("dotnet-single-server", "azmcp", "dotnet_single", "", f"{_SINGLE} DOTNET_gcServer=1"),
    Service(
        "dotnet-single-limit", "azmcp", "dotnet_single", "", f"{_SINGLE} DOTNET_GCHeapHardLimit=0xC800000"
    ),
    Service("dotnet-single-rwx", "azmcp", "dotnet_single", "", f"{_SINGLE} DOTNET_EnableWriteXorExecute=0"),
    Service("mono-default", "mono", "mono", "", "LOAD=50,10,20"),
    Service("mono-large", "mono", "mono", "", "LOAD=100,4,50"),
)
