"""The command on a terminal of so many columns, as a person sees it."""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|.\x08")  # man prints bold letters twice
COMMAND = str(Path(sys.executable).with_name("mapsweep"))


def shown(columns: int, *arguments: str | Path, home: Path) -> tuple[int, list[str]]:
    """The exit code, and the lines that stay on the screen, standard error among them."""
    pid, terminal = pty.fork()
    if pid == 0:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        os.chdir(home)
        dropped = ("MAPSWEEP_", "XDG_", "COLUMNS", "NO_COLOR", "FORCE_COLOR")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
        environ = kept | {"HOME": str(home), "TERM": "xterm", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}
        os.execve(COMMAND, ["mapsweep", *map(str, arguments)], environ)
    pieces = []
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        pieces.append(piece)
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    text = _CONTROL.sub("", b"".join(pieces).decode(errors="replace")).replace("\r\n", "\n")
    return os.waitstatus_to_exitcode(status), [line.rpartition("\r")[2] for line in text.splitlines()]
