"""The command that runs on a host, and its standard input (docs/dump-format.md)."""

import secrets
import shlex
from dataclasses import dataclass
from importlib.resources import files

from domain.records import Host, Limits
from procmaps.tables import Evidence

SHELL = "/bin/sh"
SUDO = ("sudo", "-n")
EXIT_REFUSED, EXIT_NO_PROC, EXIT_NO_TOOL = 64, 66, 69


def flattened(script: str) -> str:
    """The script on one line without comments: sudoers and csh allow no line breaks in an argument."""
    lines = (line.strip() for line in script.splitlines())
    return " ".join(line for line in lines if line and not line.startswith("#"))


SCRIPT = flattened(files("collector").joinpath("probe.sh").read_text(encoding="ascii"))


@dataclass(frozen=True, slots=True)
class Probe:
    """One run of the probe on one host: the argument list, and what goes to standard input."""

    nonce: str
    argv: tuple[str, ...]
    standard_input: bytes

    @property
    def command(self) -> str:
        """The argument list as one line for any login shell."""
        return shlex.join(self.argv)


def draw(host: Host, limits: Limits, evidence: Evidence) -> Probe:
    """A probe with a new nonce."""
    if "\n" in host.root:
        raise ValueError(f"root of {host.name} has a line break")
    nonce = secrets.token_hex(16)
    smaps_kb = limits.smaps_resident_bytes // 1024 if evidence is Evidence.SMAPS else 0
    options = f"smaps_kb={smaps_kb} root={host.root}"
    return Probe(nonce, argv(become=host.become), f"{nonce}\n{options}\n".encode("utf-8", "surrogateescape"))


def argv(*, become: bool) -> tuple[str, ...]:
    """The same argument list for every host and run, so that a sudoers rule can name it."""
    return (*(SUDO if become else ()), SHELL, "-c", SCRIPT)
