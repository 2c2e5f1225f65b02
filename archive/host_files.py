"""Where the files of a run's hosts lie in its folder, and which of them are there.

    dumps/HOST.dump  failures/HOST.ATTEMPT.json  results/GENERATION/HOST.result  failures/GENERATION/HOST.json

HOST is a name as `archive.host_names` writes it; other files are ignored.
"""

import re
from collections.abc import Iterable
from typing import Final

from archive import results
from archive.host_names import file_name
from archive.store import Store
from domain.records import Host

_ATTEMPT: Final = re.compile(r"(?P<host>.+)\.(?P<attempt>\d{1,6})\.json")


def dump_path(host: str) -> str:
    """The path of a host's dump."""
    return f"dumps/{file_name(host)}.dump"


def attempt_path(host: str, attempt: int) -> str:
    """The path of the failure of an attempt that gave no dump."""
    return f"failures/{file_name(host)}.{attempt}.json"


def is_attempt(name: str) -> bool:
    """Whether a name in the folder of failures is that of an attempt, and not of a generation."""
    return _ATTEMPT.fullmatch(name) is not None


def result_path(generation: str, host: str) -> str:
    """The path of a host's result."""
    return f"results/{generation}/{file_name(host)}{results.SUFFIX}"


def failure_path(generation: str, host: str) -> str:
    """The path of the failure of a dump that could not be classified."""
    return f"failures/{generation}/{file_name(host)}.json"


class HostFiles:
    """The files of these hosts in the folder of their run, as they are at each question."""

    def __init__(self, store: Store, hosts: Iterable[Host]) -> None:
        self._store = store
        self._host_of = {file_name(host.name): host for host in hosts}

    def host(self, name: str) -> Host:
        """A host by its name; KeyError for any other."""
        return self._host_of[file_name(name)]

    def dumped(self) -> frozenset[str]:
        """The hosts whose dump is there."""
        return self._listed("dumps", ".dump")

    def done(self, generation: str) -> frozenset[str]:
        """The hosts that have a result."""
        return self._listed(f"results/{generation}", results.SUFFIX)

    def unreadable(self, generation: str) -> frozenset[str]:
        """The hosts whose dump could not be classified."""
        return self._listed(f"failures/{generation}", ".json")

    def failed_attempts(self) -> dict[str, int]:
        """The last failed attempt, by host."""
        last: dict[str, int] = {}
        for name in self._store.list("failures"):
            match = _ATTEMPT.fullmatch(name)
            host = self._host_of.get(match["host"]) if match else None
            if match and host:
                last[host.name] = max(last.get(host.name, 0), int(match["attempt"]))
        return last

    def _listed(self, folder: str, suffix: str) -> frozenset[str]:
        names = (name.removesuffix(suffix) for name in self._store.list(folder) if name.endswith(suffix))
        return frozenset(self._host_of[name].name for name in names if name in self._host_of)
