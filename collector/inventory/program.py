"""Runs an inventory program with `--list` and `--host NAME` within limits, and reads its JSON."""

import json
import os
import selectors
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

from domain.mistakes import Mistake, OperatorError

DEADLINE_S = 120.0  # of all calls of one program together
OUTPUT_BYTES_MAX = 64 * 2**20
STDERR_BYTES_MAX = 64 * 2**10
HOSTS_ASKED_MAX = 10_000  # calls with --host
_SHOWN_CHARS_MAX = 400
_READ_BYTES = 2**16
_MAGIC = (b"#!", b"\x7fELF")


def is_program(path: Path) -> bool:
    """Whether a file is meant to be run; a disk without permissions sets the executable bit on every file."""
    try:
        with path.open("rb") as file:
            begins = file.read(4)
    except OSError:
        return False
    return begins.startswith(_MAGIC[0]) or (begins == _MAGIC[1] and os.access(path, os.X_OK))


def answers(path: Path, label: str) -> dict[str, object]:
    """The document that --list gives, with `_meta.hostvars` filled by --host where the program leaves it out.

    OperatorError with what the program said, if it fails, is late, says too much or gives no JSON object.
    """
    deadline = monotonic() + DEADLINE_S
    document = _object(_run(path, ["--list"], label, deadline), f"{label} --list")
    if "_meta" not in document:
        names = list(dict.fromkeys(_hosts(document)))
        if len(names) > HOSTS_ASKED_MAX:
            raise OperatorError(
                Mistake(
                    label,
                    f"gives no _meta.hostvars for {len(names)} hosts; {HOSTS_ASKED_MAX} are the most",
                    "let --list give _meta.hostvars",
                )
            )
        document["_meta"] = {"hostvars": {name: _host(path, name, label, deadline) for name in names}}
    return document


def _host(path: Path, name: str, label: str, deadline: float) -> dict[str, object]:
    output = _run(path, ["--host", name], label, deadline)
    return _object(output, f"{label} --host {name[:80]!r}") if output.strip() else {}


def _hosts(document: dict[str, object]) -> Iterator[str]:
    """The hosts that the groups name."""
    for group, content in document.items():
        if isinstance(content, dict) and not content.keys() & {"hosts", "vars", "children"}:
            yield group
            continue
        names = content.get("hosts", []) if isinstance(content, dict) else content
        if isinstance(names, list):
            yield from (name for name in names if isinstance(name, str) and name and "\0" not in name)


def _object(output: bytes, place: str) -> dict[str, object]:
    try:
        document = json.loads(output)
    except (ValueError, RecursionError) as error:
        problem = "is nested too deep" if isinstance(error, RecursionError) else " ".join(str(error).split())
        raise OperatorError(Mistake(place, f"its output is not JSON: {problem}")) from error
    if not isinstance(document, dict):
        raise OperatorError(Mistake(place, "its output must be a JSON object"))
    return document


def _run(path: Path, arguments: list[str], label: str, deadline: float) -> bytes:
    """What one call writes. The program and its children end with this call, whatever happens."""
    called = " ".join([label, *(each[:80] for each in arguments)])
    try:
        process = subprocess.Popen(
            [str(path.absolute()), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        what = os.strerror(error.errno or 0)
        raise OperatorError(Mistake(called, f"cannot be run: {what}", f"chmod +x {path}")) from error
    with process:
        try:
            output, said, problem = _read(process, deadline)
            if not problem and process.wait(max(0.1, deadline - monotonic())):
                problem = f"failed with exit code {process.returncode}"
        except subprocess.TimeoutExpired:
            problem = _LATE
        finally:
            _end(process)
    if problem:
        raise OperatorError(Mistake(called, problem, _shown(said)))
    return output


_LATE = f"did not end within {DEADLINE_S:.0f} s"


def _read(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes, str]:
    """Standard output, the beginning of standard error, and what is wrong ("" if nothing)."""
    output, said, problem = bytearray(), bytearray(), ""
    limits = ((process.stdout, output, OUTPUT_BYTES_MAX), (process.stderr, said, STDERR_BYTES_MAX))
    with selectors.DefaultSelector() as waiting:
        for stream, into, most in limits:
            if stream is not None:
                waiting.register(stream, selectors.EVENT_READ, (into, most))
        while waiting.get_map() and not problem:
            for key, _ in waiting.select(max(0.0, deadline - monotonic())):
                into, most = key.data
                piece = os.read(key.fd, _READ_BYTES)
                into += piece[: most + 1 - len(into)]  # one byte more tells that there was more
                if not piece:
                    waiting.unregister(key.fileobj)
            if len(output) > OUTPUT_BYTES_MAX:
                problem = f"wrote more than {OUTPUT_BYTES_MAX} bytes"
            elif monotonic() >= deadline:
                problem = _LATE
    return bytes(output), bytes(said), problem


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the program's session."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _shown(said: bytes) -> str:
    """The end of standard error on one line, without control characters."""
    text = " ".join(said.decode("utf-8", "replace").split())
    text = "".join(each if each.isprintable() else "?" for each in text)
    return (
        f"it said: ... {text[-_SHOWN_CHARS_MAX:]}"
        if len(text) > _SHOWN_CHARS_MAX
        else text and f"it said: {text}"
    )
