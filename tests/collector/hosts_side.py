"""Running the probe as a host would, with chosen tools."""

import gzip
import os
import shutil
import subprocess
import time
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from collector import probe
from procmaps import frames

NONCE = "00112233445566778899aabbccddeeff"
AWKS = ("gawk", "mawk", "busybox")


@dataclass(frozen=True)
class Stream:
    """What the probe wrote."""

    raw: bytes
    stderr: bytes
    exit_status: int

    @property
    def body(self) -> bytes:
        """After the first line."""
        return self.raw.partition(f"{NONCE} begin 1\n".encode())[2]

    def parts(self) -> tuple[bytes, bytes]:
        """Memory and identity of a whole stream, unpacked."""
        inflater = zlib.decompressobj(31)
        memory = inflater.decompress(self.body)
        return memory, gzip.decompress(inflater.unused_data)


def run(
    tools: Path | None = None,
    root: Path | None = None,
    smaps_kb: int = 0,
    environment: Mapping[str, str] | None = None,
) -> Stream:
    """The probe over a tree, with only the tools of a folder on its PATH."""
    done = subprocess.run(
        probe.argv(become=False),
        input=f"{NONCE}\nsmaps_kb={smaps_kb} root={root or ''}\n".encode(),
        capture_output=True,
        check=False,
        env={"PATH": str(tools or os.environ["PATH"]), **(environment or {})},
        timeout=300,
    )
    return Stream(done.stdout, done.stderr, done.returncode)


def start(tools: Path, root: Path) -> subprocess.Popen[bytes]:
    """The probe over a tree, at work, with pipes to its output."""
    shell = subprocess.Popen(
        probe.argv(become=False),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PATH": str(tools)},
    )
    assert shell.stdin is not None
    shell.stdin.write(f"{NONCE}\nsmaps_kb=0 root={root}\n".encode())
    shell.stdin.close()
    return shell


def make_tools(folder: Path, names: Iterable[str], awk: str = "") -> Path:
    """A folder with links to some tools, and `awk` as the one that is asked for."""
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(find(name))
    if awk:
        (folder / "awk").symlink_to(find(awk))
    return folder


def find(name: str) -> str:
    """Where a tool is installed; a test that needs one fails without it."""
    path = shutil.which(name)
    assert path is not None, f"{name} is not installed: scripts/ in this repository set it up"
    return path


def await_exec(pid: int, name: bytes) -> None:
    """Until a child has become the program that it is to be."""
    deadline_s = time.monotonic() + 120
    while Path(f"/proc/{pid}/comm").read_bytes().strip() != name:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def contents(part: bytes) -> dict[tuple[str, int], bytes]:
    """The records of a part by kind and pid; a record that comes twice is an error."""
    found: dict[tuple[str, int], bytes] = {}
    for record in frames.split(part, NONCE.encode()):
        key = (record.kind.decode(), record.pid)
        assert key not in found, f"{key} twice"
        found[key] = part[record.start : record.end]
    return found
