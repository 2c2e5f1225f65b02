"""The known processes, unpacked in memory."""

import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CASES, LIVE = "cases.tar.xz", "live.tar.xz"
# what a host sends; nothing else is read to classify
SENT = ("maps", "smaps", "status", "stat", "cmdline", "comm", "limits", "cgroup")


@dataclass(frozen=True, slots=True)
class Case:
    """One process: its files by name, and the ranges whose kind is known (start, end, kind)."""

    name: str
    files: dict[str, bytes]
    truth: tuple[tuple[int, int, str], ...]

    def sent(self) -> dict[str, bytes]:
        """The files of it that a host sends."""
        return {name: content for name, content in self.files.items() if name in SENT}

    def decorated(self) -> dict[str, bytes]:
        """The same with maps as a kernel that names anonymous memory prints it."""
        return self.sent() | {"maps": self.files["maps.decorated"]}


@cache
def _members(archive: str) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    with tarfile.open(Path(__file__).with_name(archive), mode="r:xz") as opened:
        for member in opened:
            content = opened.extractfile(member)
            if content is not None:
                members[member.name] = content.read()
    return members


@cache
def cases(archive: str = CASES) -> tuple[Case, ...]:
    """All cases of an archive by name."""
    paths = [path.split("/") for path in _members(archive)]
    return tuple(_case(archive, name) for name in sorted({path[1] for path in paths if path[0] == "cases"}))


def edges() -> dict[str, bytes]:
    """Odd input by file name."""
    return {
        path.split("/")[1]: content for path, content in _members(CASES).items() if path.startswith("edge/")
    }


def _case(archive: str, name: str) -> Case:
    prefix = f"cases/{name}/"
    files = {
        path.removeprefix(prefix): content
        for path, content in _members(archive).items()
        if path.startswith(prefix)
    }
    lines = (
        line.split("\t") for line in files.pop("truth.tsv").decode().splitlines() if line[:1] not in {"", "#"}
    )
    truth = sorted((int(low, 16), int(high, 16), kind) for low, high, kind in lines)
    return Case(name, files, tuple(truth))
