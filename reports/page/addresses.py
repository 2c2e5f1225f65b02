"""The addresses of the page's views, as the script reads them: `#/host/NAME/PID` and the like."""

from typing import Final
from urllib.parse import quote

_PLAIN: Final = "!~*'()"  # what encodeURIComponent leaves as it is, beside letters, digits, _, . and -


def part(text: str) -> str:
    """Text as a part of an address, as encodeURIComponent gives it."""
    return quote(text, safe=_PLAIN)


def host_id(name: str) -> str:
    """The id of a host's section, at which `host` points."""
    return f"/host/{part(name)}"


def host(name: str) -> str:
    """The address of a host's view."""
    return f"#{host_id(name)}"


def process(name: str, pid: int) -> str:
    """The address of a process's view."""
    return f"{host(name)}/{pid}"


def service(name: str) -> str:
    """The address of a service's view."""
    return f"#/service/{part(name)}"


def kind(name: str) -> str:
    """The address of what is said about a kind."""
    return f"#/kind/{part(name)}"
