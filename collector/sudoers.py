"""The sudoers line that allows the probe as root, and nothing else."""

import re
from typing import Final

from archive.mistakes import Mistake, OperatorError
from collector import probe

_ACCOUNT: Final = re.compile(r"%?[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_SPECIAL: Final = re.compile(r"[\\*?\[\],:=#]")


def rule(account: str) -> str:
    """The line for a file in /etc/sudoers.d; `account` is a user, or a %group."""
    if not _ACCOUNT.fullmatch(account):
        raise OperatorError(Mistake("ACCOUNT", f"{account!r} is no account", "give a user, or a %group"))
    return f"{account} ALL=(root) NOPASSWD: {probe.SHELL} -c {_SPECIAL.sub(_escaped, probe.SCRIPT)}\n"


def _escaped(match: re.Match[str]) -> str:
    """An argument in sudoers is a shell pattern, in a file where some characters have their own meaning."""
    return r"\\\\" if match[0] == "\\" else f"\\{match[0]}"
