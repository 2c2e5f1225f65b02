"""The addresses of the page's views, as the script reads them: `#/host/NAME/PID` and the like."""

from typing import Final
from urllib.parse import quote

_PLAIN: Final = "!~*'()"  # what encodeURIComponent leaves as it is, beside letters, digits, _, . and -


def part(text: str) -> str:
    """Text as a part of an address, as encodeURIComponent gives it."""
    return quote(text, safe=_PLAIN)


def host_id(name: str) -> str:
    """The id of what is said of a host, at which `host` points."""
    return f"/host/{part(name)}"


def host(name: str) -> str:
    """The address of a host's view."""
    return f"#{host_id(name)}"


def process_id(host_name: str, pid: int) -> str:
    """The id of what is said of a process."""
    return f"{host_id(host_name)}/{pid}"


def process(host_name: str, pid: int) -> str:
    """The address of a process's view."""
    return f"#{process_id(host_name, pid)}"


def service_id(name: str) -> str:
    """The id of what is said of a service."""
    return f"/service/{part(name)}"


def service(name: str) -> str:
    """The address of a service's view."""
    return f"#{service_id(name)}"


def kind_id(name: str) -> str:
    """The id of what is said of a kind."""
    return f"/kind/{part(name)}"


def kind(name: str) -> str:
    """The address of what is said of a kind."""
    return f"#{kind_id(name)}"
