"""Healthy servers of drawn sizes, beside the processes that leak."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.live import draws, found
from bench.live.found import Found, Place
from bench.live.services import Service

FIRST_PORT: Final = 18400
EACH: Final = ("redis", "memcached", "postgres-main", "postgres-backend", "nginx", "mariadb")


def servers(seed: int, places: Sequence[Place], folder: Path) -> Iterator[Found]:
    """Each server in each place that has it; sizes by chance."""
    port = FIRST_PORT
    for place in places:
        for sort in EACH:
            port += 1
            service = _drawn(seed, f"{place.label}-{sort}", sort)
            yield from found.served(place, place.scratch(folder), service, port)


def _drawn(seed: int, name: str, sort: str) -> Service:
    rng = draws.drawn(seed, name, 0)
    name = f"server-{name}"
    if sort == "redis":
        threads = rng.choice(("", "--io-threads 3", "--activedefrag no --hz 50"))
        return Service(name, "redis-server", "redis", threads, f"KEYS={draws.between(rng, 5000, 300_000)}")
    if sort == "memcached":
        flags = f"-m {draws.between(rng, 64, 2000)} -t {rng.randint(2, 24)}"
        return Service(name, "memcached", "memcached", flags)
    if sort == "mariadb":
        flags = f"--innodb-buffer-pool-size={draws.between(rng, 64, 700)}M --sort-buffer-size=4M"
        return Service(name, "mariadbd", "mariadb", flags, f"CLIENTS={draws.between(rng, 2, 60)}")
    if sort == "nginx":
        return Service(name, "nginx", "nginx", child="worker process", traced=False)
    flags = f"-c shared_buffers={draws.between(rng, 32, 700)}MB"
    child = "[local] " if sort == "postgres-backend" else ""
    clients = f"CLIENTS={draws.between(rng, 1, 12)}"
    return Service(name, "psql", "postgres", flags, clients, child, traced=False)
