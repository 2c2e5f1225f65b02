"""The names in an inventory, for completion: read once, then kept until the inventory changes."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

CACHE_BYTES_MAX: Final = 16 * 2**20  # names of some 500,000 hosts
_FOLDER: Final = Path("mapsweep/inventories")


@dataclass(frozen=True, slots=True)
class Names:
    """The groups and hosts of an inventory, in its order."""

    groups: tuple[str, ...]
    hosts: tuple[str, ...]


def of_sources(sources: Sequence[str], environment: Mapping[str, str]) -> Names:
    """The names of an inventory; of several sources or a folder they are not cached. No program is run.

    OperatorError if it cannot be read.
    """
    if len(sources) == 1 and Path(sources[0]).is_file():
        return of(Path(sources[0]), environment)
    from collector.inventory.inventory import load  # noqa: PLC0415 - takes time, and is seldom needed

    read = load(sources)
    return Names(tuple(read.groups), tuple(read.hosts))


def of(inventory: Path, environment: Mapping[str, str]) -> Names:
    """The names of an inventory, from the account's cache if the file has not changed since.

    OperatorError if it cannot be read. A cache that cannot be read or written is done without.
    """
    inventory = inventory.expanduser().absolute()
    seen = inventory.stat()
    key = f"{inventory} {seen.st_mtime_ns} {seen.st_size}"
    place = _cache(environment) / f"{hashlib.sha256(str(inventory).encode()).hexdigest()[:32]}.json"
    kept = _kept(place, key)
    if kept is not None:
        return kept
    from collector.inventory.inventory import load  # noqa: PLC0415 - takes time, and is seldom needed

    read = load(inventory)
    names = Names(tuple(read.groups), tuple(read.hosts))
    _keep(place, key, names)
    return names


def _cache(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / _FOLDER


def _kept(place: Path, key: str) -> Names | None:
    try:
        if place.stat().st_size > CACHE_BYTES_MAX:
            return None
        document = json.loads(place.read_bytes())
        names = Names(tuple(map(str, document["groups"])), tuple(map(str, document["hosts"])))
        return names if document["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(place: Path, key: str, names: Names) -> None:
    content = json.dumps({"key": key, **asdict(names)}).encode()
    if len(content) > CACHE_BYTES_MAX:
        return
    try:
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, written = tempfile.mkstemp(dir=place.parent)  # 0600
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(written).replace(place)
    except OSError:
        return
