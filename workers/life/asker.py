"""Who asks for something here: what the kernel says of this process, and what its environment claims."""

import ipaddress
import os
import pwd
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from domain.records import Asker

CLAIM_CHARS_MAX: Final = 64  # of what the environment claims; names of accounts have at most 32
_UNSET: Final = 2**32 - 1  # loginuid of a process that no log-in has led to
_PTS_MAJOR, _TTY_MAJOR, _SERIAL_FROM = 136, 4, 64  # Documentation/admin-guide/devices.txt of the kernel
_ACCOUNT: Final = re.compile(rf"[^\s:/\x00-\x1f\x7f]{{1,{CLAIM_CHARS_MAX}}}")


def asker(environment: Mapping[str, str], schedule: str = "", process: Path = Path("/proc/self")) -> Asker:
    """Who asks by this process; `schedule` is the one whose time has come, if no person asks.

    A claim of the environment that cannot be what it should is left out.
    """
    login_uid, sudo_uid = _login_uid(process), _number(environment.get("SUDO_UID", ""))
    return Asker(
        machine=socket.gethostname(),
        uid=os.getuid(),
        account=_account(os.getuid()),
        login_uid=login_uid,
        login="" if login_uid is None else _account(login_uid),
        terminal=_terminal(process),
        sudo_uid=sudo_uid,
        sudo=_claimed_account(environment.get("SUDO_USER", "")),
        client=_address(environment.get("SSH_CONNECTION", "")),
        schedule=schedule,
    )


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return ""


def _login_uid(process: Path) -> int | None:
    """None also where the kernel keeps no audit."""
    try:
        uid = _number((process / "loginuid").read_text().strip())
    except OSError:
        return None
    return None if uid == _UNSET else uid


def _terminal(process: Path) -> str:
    """The controlling terminal, wherever standard input and output lead; "" if there is none."""
    try:
        # the name of the process, in parentheses, may hold any
        fields = (process / "stat").read_bytes().rpartition(b")")[2].split()
        device = int(fields[4])
    except (OSError, IndexError, ValueError):
        return ""
    if not device:
        return ""
    major, minor = os.major(device), os.minor(device)
    if major == _PTS_MAJOR:
        return f"pts/{minor}"
    if major == _TTY_MAJOR:
        return f"tty{minor}" if minor < _SERIAL_FROM else f"ttyS{minor - _SERIAL_FROM}"
    return f"terminal {major}:{minor}"


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(_UNSET)) else None


def _claimed_account(text: str) -> str:
    return text if _ACCOUNT.fullmatch(text) and text.isprintable() else ""


def _address(connection: str) -> str:
    """The client's address of SSH_CONNECTION, which begins with it."""
    first = connection.partition(" ")[0]
    if len(first) > CLAIM_CHARS_MAX or not (first.isascii() and first.isprintable()):
        return ""
    try:
        return str(ipaddress.ip_address(first))
    except ValueError:
        return ""
