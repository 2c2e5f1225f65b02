"""The sudoers lines that allow the probe as root, and nothing else."""

import re
from typing import Final

from collector import probe
from domain.mistakes import Mistake, OperatorError

_ACCOUNT: Final = re.compile(r"%?[A-Za-z_][A-Za-z0-9_.-]{0,63}")
_ALIAS: Final = re.compile(r"[A-Z][A-Z0-9_]*")  # matches ALL too
_SPECIAL: Final = re.compile(r"[\\*?\[\],:=#]")


def rule(account: str) -> str:
    """The lines for a file in /etc/sudoers.d; `account` is a user, or a %group.

    The first line lets the account run the probe without a terminal, even if sudoers demands one.
    """
    if not _ACCOUNT.fullmatch(account):
        raise OperatorError(
            Mistake("ACCOUNT", f"{account!r} is not an account name", "give a user, or a %group")
        )
    if _ALIAS.fullmatch(account):
        problem = f"{account!r} is an alias in sudoers, not an account"
        raise OperatorError(Mistake("ACCOUNT", problem, "give a user, or a %group"))
    command = f"{probe.SHELL} -c {_SPECIAL.sub(_escaped, probe.SCRIPT)}"
    return f"Defaults:{account} !requiretty\n{account} ALL=(root) NOPASSWD: {command}\n"


def _escaped(match: re.Match[str]) -> str:
    """Escapes for sudoers, where an argument is a shell pattern and some characters are special."""
    return r"\\\\" if match[0] == "\\" else f"\\{match[0]}"
